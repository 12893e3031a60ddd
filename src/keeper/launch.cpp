#include "keeper/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "contain/birth.h"

namespace reeve {
namespace {

// A limit that can't be raised above the daemon's own hard limit is set as high as it may be.
void apply_limits(const OrderHeader& header) {
  for (int resource = 0; resource < limits_count; ++resource) {
    rlimit wanted{header.limits[resource][0], header.limits[resource][1]};
    if (wanted.rlim_cur == unset_limit) continue;
    rlimit current{};
    if (getrlimit(resource, &current) != 0) continue;
    if (wanted.rlim_max > current.rlim_max && setrlimit(resource, &wanted) == 0) continue;
    if (wanted.rlim_max > current.rlim_max) wanted.rlim_max = current.rlim_max;
    if (wanted.rlim_cur > wanted.rlim_max) wanted.rlim_cur = wanted.rlim_max;
    setrlimit(resource, &wanted);
  }
}

// posix_spawn of glibc leaves its own two signals ignored in what it starts, and C libraries refuse
// to touch them: hence the bare system call, with the kernel's structure all zero (SIG_DFL).
void reset_library_signals() {
  struct {
    void* handler;
    unsigned long flags;
    void* restorer;
    unsigned long mask;
  } standard{};
  for (int number = 32; number <= 34; ++number)
    syscall(SYS_rt_sigaction, number, &standard, nullptr, sizeof standard.mask);
}

bool enter_cgroup(int directory) {
  const Fd file(openat(directory, "cgroup.procs", O_WRONLY | O_CLOEXEC));
  return file && write(file.get(), "0", 1) == 1;
}

// Runs in the child, on the parent's memory: what it writes to `result` the parent sees. A function
// of its own, so that its variables do not share slots with those of the frame that returns twice.
[[noreturn, gnu::noinline]] void become_job(const OrderView& order, int memory, int output,
                                            volatile Launch& result) {
  const auto give_up = [&](KeeperStep step) {
    result.failed_errno = errno;
    result.failed_step = step;
    _exit(127);
  };
  setpgid(0, 0);
  if (memory >= 0 && !enter_cgroup(memory)) give_up(KeeperStep::memory);
  if (chdir(order.directory) != 0) give_up(KeeperStep::directory);
  const int input = open(order.input, O_RDONLY | O_NOCTTY);
  if (input < 0) give_up(KeeperStep::input);
  if (input != 0) dup2(input, 0);
  dup2(output, 1);
  dup2(output, 2);
  // Nothing of the keeper's reaches the job, whatever the daemon may have left open.
  syscall(SYS_close_range, 3, ~0U, 0);
  umask(order.header->umask);
  apply_limits(*order.header);
  if (order.header->has_cpus != 0)
    sched_setaffinity(0, sizeof order.header->cpus,
                      reinterpret_cast<const cpu_set_t*>(order.header->cpus));
  reset_library_signals();
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  // Searches the job's own PATH: the keeper's `environ` is the job's environment.
  execvp(order.arguments[0], order.arguments);
  give_up(KeeperStep::exec);
  _exit(127);
}

}  // namespace

Launch launch_job(const OrderView& order, int cgroup, int memory, int output) {
  volatile Launch result{};
  clone_args arguments = vfork_arguments(cgroup);
  environ = order.environment;
  const auto pid = static_cast<pid_t>(reeve_clone3(&arguments, sizeof arguments));
  if (pid == 0) become_job(order, memory, output, result);
  static char* no_environment[] = {nullptr};
  environ = no_environment;  // the order will be unmapped
  if (pid < 0) return {0, KeeperStep::birth, -pid};
  if (result.failed_step != KeeperStep::none) {
    waitpid(pid, nullptr, __WALL);
    return {0, result.failed_step, result.failed_errno};
  }
  return {pid, KeeperStep::none, 0};
}

}  // namespace reeve
