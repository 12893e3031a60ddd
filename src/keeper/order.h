#pragma once
// What a keeper is told: the layout of an order, and the
// descriptors and signals that it and its daemon agree on. Both come from one build and are
// installed together; `order_version` refuses a mixture.

#include <cstdint>

namespace reeve {

// Descriptors of a keeper, in this order, from its start.
inline constexpr int orders_fd = 3;   // the keeper's end of keeper/order_channel.h
inline constexpr int journal_fd = 4;  // appended to
inline constexpr int wake_fd = 5;     // a FIFO: a byte wakes the daemon, whichever it is by then
inline constexpr int logs_fd = 6;     // directory in which the log is made, with the first output
inline constexpr int permits_fd = 7;  // the table of keeper/permit.h
inline constexpr int cgroup_fd = 8;   // directory of the attempt's cgroup; closed without one
inline constexpr int memory_fd = 9;   // directory of the cgroup that limits its memory; or closed
inline constexpr int keeper_fds_end = 10;

// Signals to a keeper carry a Control (sigqueue). Real-time ones, so that none is merged or lost;
// fixed numbers, since C libraries reserve different ones.
inline constexpr int control_stop = 40;    // value: grace in ms. SIGTERM to all, then SIGKILL
inline constexpr int control_signal = 41;  // value: a signal number, sent to all
inline constexpr int control_pause = 42;   // value: 1 freezes all, 0 lets them go on

// A keeper that has gone on to another start takes no notice of what was meant for an earlier one.
struct Control {
  std::uint32_t start = 0;  // the lower half of the start's number
  std::int32_t value = 0;

  static Control of(std::uint64_t packed) {
    return {static_cast<std::uint32_t>(packed >> 32),
            static_cast<std::int32_t>(static_cast<std::uint32_t>(packed))};
  }
  [[nodiscard]] std::uint64_t packed() const {
    return std::uint64_t{start} << 32 | static_cast<std::uint32_t>(value);
  }
};

inline constexpr std::uint32_t order_version = 4;
inline constexpr int limits_count = 16;  // RLIM_NLIMITS on Linux
inline constexpr int cpus_max = 1024;    // CPU_SETSIZE

// Followed by the zero-terminated strings: log name, directory, stdin, argv…, environment….
struct OrderHeader {
  std::uint32_t version;
  std::uint32_t argument_count;
  std::uint32_t environment_count;
  std::uint32_t umask;
  std::int64_t job;
  std::int64_t start;
  std::int32_t attempt;
  std::uint16_t is_isolated;  // in a PID namespace of its own
  std::uint16_t has_cpus;     // `cpus` counts
  std::int64_t log_max;
  std::int64_t grace_ms;      // for what the job leaves behind
  std::int64_t memory_limit;  // that the keeper enforces; 0: none
  std::uint64_t strings_bytes;
  // Soft and hard limit of each resource; `unset_limit` in `soft` leaves it alone.
  std::uint64_t limits[limits_count][2];
  std::uint64_t cpus[cpus_max / 64];  // a bit for each CPU that it may run on
};
inline constexpr std::uint64_t unset_limit = ~0ULL - 1;

}  // namespace reeve
