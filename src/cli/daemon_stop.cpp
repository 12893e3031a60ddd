#include "cli/daemon_stop.h"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/fd.h"

namespace reeve::cli {
namespace {

Fd pidfd_of(int pid) {
  return Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

}  // namespace

void await_exit(int pid) {
  const Fd pidfd = pidfd_of(pid);
  if (!pidfd) return;
  pollfd wanted{pidfd.get(), POLLIN, 0};
  while (::poll(&wanted, 1, -1) < 0 && errno == EINTR) {
  }
}

void terminate_daemon(const Paths& paths) {
  const auto pid = find_daemon(paths);
  if (!pid) return;
  // Asked again behind the pidfd: it stands for the holder of the lock, or for nobody.
  const Fd pidfd = pidfd_of(*pid);
  if (pidfd && find_daemon(paths) == pid)
    ::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGTERM, nullptr, 0);
  await_exit(*pid);
}

}  // namespace reeve::cli
