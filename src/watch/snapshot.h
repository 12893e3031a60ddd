#pragma once
// What processes are doing at this moment, for somebody who wants to know why they hang.

#include <sys/types.h>

#include <string>
#include <vector>

namespace reeve::watch {

// A line about each process (see contain/process_line.h), and below it its threads with state and
// place in the kernel, the kernel's stack where we may read it, and its open files. Bounded in
// processes, threads and files; what can't be read is left out.
[[nodiscard]] std::string take_snapshot(const std::vector<pid_t>& pids);

}  // namespace reeve::watch
