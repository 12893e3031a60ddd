#pragma once
// What a job inherits from the shell that submitted it.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace reeve {

struct LaunchContext {
  std::vector<std::string> environment;  // "NAME=value"
  std::uint32_t umask = 022;
  // Soft and hard limit of each resource, in the order of the kernel's RLIMIT_ numbers; -1:
  // unlimited. Resources beyond the end are left alone.
  std::vector<std::vector<std::int64_t>> limits;
};

// As it is stored and sent.
[[nodiscard]] std::string to_text(const LaunchContext& context);
[[nodiscard]] Result<LaunchContext> context_from_text(const std::string& text);

// What is recorded of a submission: the context, and the provenance (core/provenance.h) where there
// is one, each as text. Joined they travel as one through whoever needs neither.
struct Recorded {
  std::string_view context;
  std::string_view provenance;  // empty: none
};
[[nodiscard]] std::string join_recorded(const Recorded& recorded);
[[nodiscard]] Recorded split_recorded(std::string_view text);

}  // namespace reeve
