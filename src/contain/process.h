#pragma once
// What /proc says of processes, and signals that can't hit a stranger.
//
// Also compiled into the keeper: no exceptions, no streams, vectors at the most.

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace reeve {

struct ProcessStat {
  pid_t parent = 0;
  char state = '?';               // as in proc(5): R, S, D, Z …
  std::int64_t threads = 0;       // of a zombie too: it may have living threads
  std::uint64_t start_ticks = 0;  // since boot; with the pid and the boot id an identity
  std::int64_t resident_pages = 0;
  std::int64_t cpu_ticks = 0;     // user and system, of all its threads
  std::int64_t reaped_ticks = 0;  // the same of children that it has waited for, and of theirs
};

// Nothing when there is no such process.
[[nodiscard]] std::optional<ProcessStat> read_stat(pid_t pid);
// From the text of a /proc/PID/stat, zero-terminated.
[[nodiscard]] std::optional<ProcessStat> parse_stat(const char* text);

// A zombie whose threads live is alive: its main thread has exited and the others go on.
[[nodiscard]] bool is_alive(const ProcessStat& stat);

// It runs no instruction of its own any more, or not before it is continued: stopped by a signal or
// a tracer, dead, or asleep in the kernel with the stop before it. The last is where a parent waits
// in vfork(2) for a child that is stopped itself.
[[nodiscard]] bool is_stopped(pid_t pid);

// Children of every thread of the process, zombies included. Needs CONFIG_PROC_CHILDREN; without
// it, all of /proc is read.
[[nodiscard]] std::vector<pid_t> children_of(pid_t pid);

// Everything below `root` in the tree of parents, zombies left out, parents first.
[[nodiscard]] std::vector<pid_t> descendants_of(pid_t root);

// A descriptor that stands for this very process; -1 with errno.
[[nodiscard]] int open_pidfd(pid_t pid);
[[nodiscard]] bool send_signal(int pidfd, int signal);

// Reads a small file into `buffer` (zero-terminated); returns the length, or -1 with errno.
ssize_t read_small_file(const char* path, char* buffer, std::size_t size);
ssize_t read_small_file_at(int directory, const char* name, char* buffer, std::size_t size);

}  // namespace reeve
