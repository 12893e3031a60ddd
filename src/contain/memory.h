#pragma once
// How much memory processes use, and what the kernel says of a cgroup's.
//
// Also compiled into the keeper.

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace reeve {

// Bytes resident, summed over the processes: pages that they share count for each of them.
[[nodiscard]] std::int64_t resident_bytes(const std::vector<pid_t>& pids);

// The same with each shared page divided among those that share it, system-wide (smaps_rollup,
// PSS). Slower by far; a process that can't be read counts with its resident bytes.
[[nodiscard]] std::int64_t proportional_bytes(const std::vector<pid_t>& pids);

// Of a cgroup with the memory controller, in version 2 or version 1 of the interface.
struct MemoryAccount {
  std::int64_t oom_kills = 0;   // processes that the kernel killed at the limit
  std::int64_t peak_bytes = 0;  // 0 where the kernel does not tell (version 2 before Linux 5.19)
};
// Nothing where there is no such controller.
[[nodiscard]] std::optional<MemoryAccount> read_memory_account(int cgroup);

// Processes that the kernel has killed for want of memory since it booted, on the whole machine.
[[nodiscard]] std::int64_t machine_oom_kills();

}  // namespace reeve
