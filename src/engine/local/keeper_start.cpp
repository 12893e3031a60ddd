#include "engine/local/keeper_start.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "contain/birth.h"
#include "keeper/order.h"
#include "keeper/order_channel.h"

namespace reeve {
namespace {

// Room for the keeper's title, which it writes over this.
constexpr char title_space[] = "                                ";

struct KeeperLaunch {
  const char* program;
  std::array<int, keeper_fds_end - orders_fd> descriptors;  // -1: none
};

// Runs in the child, on the daemon's memory: system calls only.
[[noreturn, gnu::noinline]] void become_keeper(const KeeperLaunch& launch, volatile int& failure) {
  setsid();
  const int null = open("/dev/null", O_RDWR);
  for (int fd = 0; fd < 3; ++fd) dup2(null, fd);
  // The daemon's own stand at 10 and above: none of them is overwritten before it is copied.
  for (std::size_t i = 0; i < launch.descriptors.size(); ++i)
    if (launch.descriptors[i] >= 0) dup2(launch.descriptors[i], orders_fd + static_cast<int>(i));
  signal(SIGPIPE, SIG_DFL);  // what the daemon ignores the job must not
  static char name[] = "reeve-keeper";
  char* const arguments[] = {name, const_cast<char*>(title_space), nullptr};
  char* const environment[] = {nullptr};
  execve(launch.program, arguments, environment);
  failure = errno;
  _exit(127);
}

// As vfork and execve. posix_spawn would ask for the limit on descriptors for each of them and look
// at every signal, a hundred system calls for each job.
OsResult<pid_t> spawn(const KeeperLaunch& launch) {
  // Blocked from its first instruction: a stop that comes early waits instead of killing it. And
  // ours must not run on the memory that the child borrows.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  volatile int failure = 0;
  clone_args arguments = vfork_arguments(-1);
  const auto pid = static_cast<pid_t>(reeve_clone3(&arguments, sizeof arguments));
  if (pid == 0) become_keeper(launch, failure);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return os_failed("start a keeper", -pid);
  if (failure != 0) {
    waitpid(pid, nullptr, 0);
    return os_failed("start a keeper", failure);
  }
  return pid;
}

}  // namespace

OsResult<StartedKeeper> start_keeper(const std::string& program, std::string_view order,
                                     const KeeperDescriptors& descriptors) {
  auto channel = make_order_channel();
  if (!channel) return std::unexpected(channel.error());
  // Before there is anybody to read it: there is room for one.
  if (auto sent = send_order(channel->daemon_end.get(), order); !sent)
    return std::unexpected(sent.error());
  const auto pid =
      spawn({program.c_str(),
             {channel->keeper_end.get(), descriptors.journal, descriptors.wake, descriptors.logs,
              descriptors.permits, descriptors.cgroup, descriptors.memory}});
  if (!pid) return std::unexpected(pid.error());
  return StartedKeeper{*pid, std::move(channel->daemon_end)};
}

}  // namespace reeve
