#pragma once
// Names of jobs and of their starts.

#include <compare>
#include <cstdint>
#include <functional>

namespace reeve {

// Small, counted from 1, never given out twice.
struct JobId {
  std::int64_t value = 0;
  auto operator<=>(const JobId&) const = default;
};

// One start of one job. `attempt` is what users see and counts from 1. `start` is internal and
// counts all starts of a state directory: when one was voided before its command could run, the
// user's attempt stays and the next start has another number.
struct AttemptKey {
  JobId job;
  std::int32_t attempt = 0;
  std::int64_t start = 0;
  auto operator<=>(const AttemptKey&) const = default;
};

}  // namespace reeve

template <>
struct std::hash<reeve::JobId> {
  std::size_t operator()(const reeve::JobId& id) const noexcept {
    return std::hash<std::int64_t>()(id.value);
  }
};
