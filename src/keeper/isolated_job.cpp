#include "keeper/isolated_job.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <utility>

#include "contain/birth.h"
#include "contain/isolation.h"
#include "contain/process.h"

namespace reeve {
namespace {

struct Start {
  KeeperStep failed_step = KeeperStep::none;
  int failed_errno = 0;
};

template <typename Message>
void tell(int pipe, const Message& message) {
  (void)!write(pipe, &message, sizeof message);
}

template <typename Message>
bool hear(int pipe, Message& message) {
  ssize_t got = 0;
  do {
    got = read(pipe, &message, sizeof message);
  } while (got < 0 && errno == EINTR);
  return got == sizeof message;
}

// The first process of the namespace. All signals are blocked, as in the keeper.
[[noreturn]] void be_init(const OrderView& order, int memory, int output, int reports, uid_t user,
                          gid_t group) {
  if (const auto entered = enter_isolation(user, group); !entered) {
    tell(reports, Start{KeeperStep::isolation, entered.error().code});
    _exit(1);
  }
  const Launch launch = launch_job(order, -1, memory, output);
  close(output);
  tell(reports, Start{launch.failed_step, launch.failed_errno});
  while (true) {
    int status = 0;
    const pid_t pid = waitpid(-1, &status, __WALL);
    if (pid < 0 && errno != EINTR) _exit(0);
    if (pid == launch.pid) tell(reports, status);
  }
}

}  // namespace

IsolatedJob launch_isolated(const OrderView& order, int cgroup, int memory, int output) {
  IsolatedJob job;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    job.launch = {0, KeeperStep::pipe, errno};
    return job;
  }
  job.reports.reset(ends[0]);
  Fd write_end(ends[1]);
  const uid_t user = geteuid();
  const gid_t group = getegid();
  clone_args arguments = isolation_arguments(cgroup);
  const auto pid = static_cast<pid_t>(reeve_clone3(&arguments, sizeof arguments));
  if (pid == 0) {
    job.reports.reset();
    be_init(order, memory, output, write_end.get(), user, group);
  }
  if (pid < 0) {
    job.launch = {0, KeeperStep::isolation, -pid};
    return job;
  }
  write_end.reset();
  Start start{KeeperStep::birth, ECHILD};
  if (!hear(job.reports.get(), start) || start.failed_step != KeeperStep::none) {
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, __WALL);
    job.launch = {0, start.failed_step, start.failed_errno};
    return job;
  }
  job.init = pid;
  fcntl(job.reports.get(), F_SETFL, O_NONBLOCK);
  // The first child is the main process, also when it has ended by now: its parent reports first.
  const auto children = children_of(pid);
  job.launch.pid = children.empty() ? 0 : children.front();
  return job;
}

MainStatus read_main_status(int reports) {
  MainStatus main;
  const ssize_t got = read(reports, &main.wait_status, sizeof main.wait_status);
  main.is_known = got == sizeof main.wait_status;
  main.is_closed = got == 0;
  return main;
}

}  // namespace reeve
