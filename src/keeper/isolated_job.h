#pragma once
// A job in a PID namespace of its own, seen from outside: its first process is a copy of the keeper
// that starts the job, reaps what loses its parent, and ends when nothing else is left. It reports
// over a pipe how the job's main process fared.

#include <sys/types.h>

#include "base/fd.h"
#include "keeper/launch.h"

namespace reeve {

struct IsolatedJob {
  pid_t init = 0;  // 0: no process came to be, see `launch`
  Fd reports;
  Launch launch;  // `pid` of the job as we see it
};

[[nodiscard]] IsolatedJob launch_isolated(const OrderView& order, int cgroup, int memory,
                                          int output);

// The wait status of the main process, when it has been reported. Does not block.
struct MainStatus {
  bool is_known = false;
  bool is_closed = false;  // the other end is: the namespace is gone
  int wait_status = 0;
};
[[nodiscard]] MainStatus read_main_status(int reports);

}  // namespace reeve
