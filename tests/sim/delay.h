#pragma once
// Whether starts have made the first job of the queue wait longer, told by a plain calculation.

#include <string>
#include <vector>

#include "core/resources.h"

namespace reeve::sim {

struct Started {
  JobId job;
  Demand taken;  // of one that goes on: its CPUs
};

// `head` waits, and `started` are of lower priority and were started beside it: `resources` as they
// are since. They are harmless when by the time limits it can start no later than before, or when
// they took nothing of what it needs.
[[nodiscard]] bool is_delayed(const Resources& resources, const Demand& head,
                              const std::vector<Started>& started, Time now);

}  // namespace reeve::sim
