#pragma once
// What reeve-data takes from itself before it reads anything that somebody else wrote.

#include <cstdint>
#include <string>

#include "base/result.h"

namespace reeve {

struct ConfinementWish {
  std::int64_t memory = 0;  // bytes that its data may take
  std::int64_t cpu_seconds = 0;
  std::string directory;  // that it reads
  std::string scratch;    // that it may write to; empty: none
};

// For good: no new privileges, no core, bounds on address space, CPU time, descriptors and the size
// of files; and, where the kernel has Landlock, no file outside of these directories and no TCP.
// Fails when one of the first could not be had.
[[nodiscard]] Result<void> confine_self(const ConfinementWish& wish);

}  // namespace reeve
