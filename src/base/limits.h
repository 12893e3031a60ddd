#pragma once
// Bounds of the keeper and of what it shares with the daemon. Those of the daemon: core/limits.h.

#include <cstddef>
#include <cstdint>

namespace reeve::limits {

// The pipe between job and keeper: large, so that a job is not blocked while the keeper writes.
inline constexpr int pipe_bytes = 1 << 20;
// Read at once.
inline constexpr std::size_t output_buffer_bytes = 128 << 10;
// Two reads within so many milliseconds are of a busy writer. After less than
// `output_small_read_bytes` of such a one was read, the next read waits for `output_nap_ns`: fewer
// and larger reads, while the pipe does not fill up (1 ms was too long for blocks of 4 KiB).
inline constexpr std::size_t output_small_read_bytes = 64 << 10;
inline constexpr std::int64_t output_busy_ms = 2;
inline constexpr long output_nap_ns = 200'000;
// At most one index entry in this time: 16 bytes each, below 30 MB a day however much is written.
inline constexpr std::int64_t index_interval_ms = 50;
// Reads of a pipe that somebody goes on writing to, when what is in it now is wanted.
inline constexpr int drain_rounds_max = 2 * pipe_bytes / static_cast<int>(output_buffer_bytes);
// The daemon is woken for a start that lived this long; a shorter job wakes it once, with its end.
inline constexpr int started_wake_ms = 5;
// What a job leaves behind may end by itself for so long (a `tee` that drains its pipe) before it
// gets SIGTERM.
inline constexpr std::int64_t leftover_patience_ms = 200;
// SIGKILL for so long without an end: something hangs in the kernel, and the daemon is told.
inline constexpr std::int64_t kill_stuck_ms = 2000;

// How often a keeper looks at the memory of its job: first, at most, while it changes, and where it
// enforces a limit itself.
inline constexpr int memory_look_first_ms = 100;
inline constexpr std::int64_t memory_look_seldom_ms = 60'000;
inline constexpr std::int64_t memory_look_often_ms = 1000;
inline constexpr std::int64_t memory_look_limited_ms = 200;
// The journal could not be written: how long until the next try, and how many at the end of a job
// before its keeper goes without having told it (ten minutes).
inline constexpr int journal_wait_ms = 200;
inline constexpr int journal_tries_max = 3000;
// Processes that are described for a post-mortem.
inline constexpr int processes_told_max = 100;
// Between two rounds of freezing, until nobody of a tree runs; and between those after the first
// `freeze_fast_ms`, when some process does not stop because it waits in the kernel.
inline constexpr std::int64_t freeze_round_ms = 1;
inline constexpr std::int64_t freeze_fast_ms = 50;
inline constexpr std::int64_t freeze_slow_ms = 50;

}  // namespace reeve::limits
