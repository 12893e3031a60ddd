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

// One start of one job. `attempt` is what users see and counts from 1; `start` is internal: it
// rises when a start was voided before its command could run, and the user's attempt stays.
struct AttemptKey {
  JobId job;
  std::int32_t attempt = 0;
  std::int32_t start = 0;
  auto operator<=>(const AttemptKey&) const = default;
};

}  // namespace reeve

template <>
struct std::hash<reeve::JobId> {
  std::size_t operator()(const reeve::JobId& id) const noexcept {
    return std::hash<std::int64_t>()(id.value);
  }
};
