#pragma once
// The status file of a job ($REEVE_STATUS_FILE): JSON in which it states its own outcome.
//
//   {"outcome": "success" | "warning" | "failed", "reason": "why",
//    "metrics": {"loss": 0.12, "model": "x"}, "rows": 1234567, "text": "fitting",
//    "progress": 45 | "3/7" | {"done": 3, "total": 7}}
//
// Every member may be missing. It wins over what is inferred, but it can't turn an exit code other
// than 0, or a signal, into success.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "core/progress.h"

namespace reeve {

enum class StatedOutcome : std::uint8_t { success, warning, failed };

using MetricValue = std::variant<std::int64_t, double, bool, std::string>;

struct StatusFile {
  std::optional<StatedOutcome> outcome;
  std::string reason;  // printable, one line, short
  std::map<std::string, MetricValue> metrics;
  std::optional<Progress> progress;
  std::vector<std::string> notes;  // of what was ignored: keys that are not known
};

// Code `invalid` or `too_large`, with a sentence that names the place. NaN and infinity, which
// Python writes though they are no JSON, are taken as texts.
[[nodiscard]] Result<StatusFile> parse_status_file(std::string_view text);

// "0.12", "nan", "true", "x".
[[nodiscard]] std::string to_text(const MetricValue& value);

}  // namespace reeve
