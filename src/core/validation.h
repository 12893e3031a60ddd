#pragma once
// What the results of a job must be like, and the verdict on them.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "core/finding.h"
#include "core/limits.h"

namespace reeve {

enum class OnInvalid : std::uint8_t { fail, warn };

enum class CheckKind : std::uint8_t { files, images, table, log_clean, command };

// One thing that is checked when a job has ended well.
struct Check {
  CheckKind kind = CheckKind::files;
  std::string name;  // empty: made from the kind and the path
  Severity severity = Severity::error;
  std::string path;  // pattern below the results directory; `{name}` is the job's name
  bool operator==(const Check&) const = default;
};

struct Validation {
  OnInvalid on_invalid = OnInvalid::fail;
  std::vector<Check> checks;                              // empty: nothing is checked
  Duration time_limit = limits::validation_time_default;  // a longer one is inconclusive
  bool operator==(const Validation&) const = default;
};

// `inconclusive`: a check crashed, took too long, or had not all of what it needed.
enum class ResultsVerdict : std::uint8_t { unchecked, valid, invalid, inconclusive };

// "unchecked", "valid", "invalid", "inconclusive".
[[nodiscard]] std::string_view to_word(ResultsVerdict verdict);

}  // namespace reeve
