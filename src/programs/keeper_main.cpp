// reeve-keeper: parent and subreaper of one attempt of one job.
//
// Static and without a C++ run-time library, see cmake/keeper.cmake.

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "keeper/order_view.h"
#include "keeper/supervisor.h"

int main() {
  syscall(SYS_close_range, reeve::keeper_fds_end, ~0U, 0);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  prctl(PR_SET_DUMPABLE, 0);  // the job's processes must not trace us
  auto order = reeve::OrderView::open(reeve::order_fd);
  if (!order) {
    static const char sentence[] =
        "reeve-keeper is started by the Reeve daemon, with an order on descriptor 3\n";
    (void)!write(2, sentence, sizeof sentence - 1);
    return 125;
  }
  close(reeve::order_fd);
  static char log_name[256];
  strncpy(log_name, order->log_name, sizeof log_name - 1);
  const bool has_cgroup = fcntl(reeve::cgroup_fd, F_GETFD) >= 0;
  static reeve::Supervisor supervisor(*order->header, log_name, has_cgroup ? reeve::cgroup_fd : -1);
  supervisor.run(std::move(*order));
  return 0;
}
