#include "contain/command_launch.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "contain/birth.h"

namespace reeve {
namespace {

// Not vfork: the group and the parent are looked at first, which may take a moment.
pid_t bear(int cgroup) {
  if (cgroup < 0) return fork();
  clone_args arguments{};
  arguments.flags = CLONE_INTO_CGROUP;
  arguments.exit_signal = SIGCHLD;
  arguments.cgroup = static_cast<std::uint64_t>(cgroup);
  const long pid = reeve_clone3(&arguments, sizeof arguments);
  if (pid < 0) errno = static_cast<int>(-pid);
  return static_cast<pid_t>(pid < 0 ? -1 : pid);
}

[[noreturn]] void become_command(const EnclosureOrder& order, pid_t parent, int failures) {
  // The net below the other nets, for this one process.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);
  // The group of the terminal, so that it may read from there and gets Ctrl-C. A front that is gone
  // has left no group, and needs no command.
  if (setpgid(0, order.group) != 0) _exit(127);
  signal(SIGPIPE, order.ignores_pipe ? SIG_IGN : SIG_DFL);
  sigprocmask(SIG_SETMASK, &order.mask, nullptr);
  execvp(order.words[0], order.words);
  const int failure = errno;
  (void)!write(failures, &failure, sizeof failure);
  _exit(127);
}

}  // namespace

CommandLaunch launch_command(const EnclosureOrder& order) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return {0, Report::Launch::no_process, errno};
  const Fd failures(ends[0]);
  Fd write_end(ends[1]);
  const pid_t parent = getpid();
  const pid_t pid = bear(order.cgroup->directory());
  if (pid == 0) become_command(order, parent, write_end.get());
  if (pid < 0) return {0, Report::Launch::no_process, errno};
  write_end.reset();
  int failure = 0;
  if (read(failures.get(), &failure, sizeof failure) != sizeof failure) return {pid};
  waitpid(pid, nullptr, __WALL);
  return {0, Report::Launch::not_executable, failure};
}

}  // namespace reeve
