#pragma once
// One line about a process, for people who want to know what it was doing.
//
// Also compiled into the keeper.

#include <sys/types.h>

#include <cstddef>

namespace reeve {

// The columns of `format_process`, as a line.
inline constexpr char process_columns[] =
    "    PID  PARENT S THREADS   MEMORY      CPU  WAITS IN              COMMAND\n";
inline constexpr std::size_t process_line_bytes = 400;

// Pid, parent, state as in proc(5), threads, resident MiB, CPU seconds, where it waits in the
// kernel
// ("-": nowhere, or not told), command with control characters made dots. Writes a line with its
// newline and returns its length; 0 when there is no such process.
std::size_t format_process(pid_t pid, char* line);

}  // namespace reeve
