#pragma once
// The birth of the job's main process.

#include <sys/types.h>

#include "keeper/order_view.h"

namespace reeve {

// Which step of a launch failed, as the EXIT record carries it: the values of LaunchStep in
// core/job.h, which the keeper can't include.
enum class KeeperStep : int {
  none = 0,
  pipe = 3,
  birth = 4,
  directory = 5,
  input = 6,
  exec = 7,
  isolation = 8,
  memory = 9,
};

struct Launch {
  pid_t pid = 0;  // 0: no process came to be
  KeeperStep failed_step = KeeperStep::none;
  int failed_errno = 0;
};

// Starts the order's command in a process group of its own, born in `cgroup` (-1: none) and put
// into `memory` (-1: none), a cgroup that limits memory, with standard output and error going to
// `output`. Returns after execve has succeeded or failed; a process that could not execute is
// reaped here.
Launch launch_job(const OrderView& order, int cgroup, int memory, int output);

}  // namespace reeve
