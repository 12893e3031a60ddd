// reeve-keeper: parent and subreaper of one attempt at a time.
//
// Static and without a C++ run-time library, see cmake/keeper.cmake.

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "keeper/order_channel.h"
#include "keeper/order_view.h"
#include "keeper/supervisor.h"

namespace {

// All signals stay blocked, also while no order is there: what is asked meanwhile waits.
int open_signals() {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);
  sigset_t wanted;
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGCHLD);
  sigaddset(&wanted, reeve::control_stop);
  sigaddset(&wanted, reeve::control_signal);
  sigaddset(&wanted, reeve::control_pause);
  return signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
}

// What listings of processes show as our argument: the job and its attempt, or that we are idle.
class Title {
 public:
  explicit Title(char* argument)
      : text_(argument), size_(argument == nullptr ? 0 : strlen(argument)) {}

  void set(const reeve::OrderHeader& header) {
    char text[40];
    snprintf(text, sizeof text, "%lld.%d", static_cast<long long>(header.job), header.attempt);
    set(text);
  }
  void set(const char* text) { strncpy(text_, text, size_); }  // fills up with zeros

 private:
  char* text_;
  std::size_t size_;
};

int refuse() {
  static const char sentence[] =
      "reeve-keeper is started by the Reeve daemon, which sends its orders over descriptor 3\n";
  (void)!write(2, sentence, sizeof sentence - 1);
  return 125;
}

}  // namespace

int main(int argc, char** argv) {
  syscall(SYS_close_range, reeve::keeper_fds_end, ~0U, 0);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  prctl(PR_SET_DUMPABLE, 0);  // the job's processes must not trace us
  // Asked before anything of ours is opened, which would stand there.
  const int cgroup = fcntl(reeve::cgroup_fd, F_GETFD) >= 0 ? reeve::cgroup_fd : -1;
  const int memory = fcntl(reeve::memory_fd, F_GETFD) >= 0 ? reeve::memory_fd : -1;
  const int signals = open_signals();
  Title title(argc > 1 ? argv[1] : nullptr);
  alignas(reeve::OrderHeader) static char buffer[reeve::small_order_bytes_max];
  while (true) {
    auto received = reeve::receive_order(reeve::orders_fd, buffer);
    if (!received) return refuse();
    if (received->bytes == 0 && !received->file) return 0;
    auto order = received->file ? reeve::OrderView::open(received->file.get())
                                : reeve::OrderView::over(buffer, received->bytes);
    received->file.reset();
    if (!order) return refuse();
    title.set(*order->header);
    char log_name[256] = {};
    strncpy(log_name, order->log_name, sizeof log_name - 1);
    reeve::Supervisor supervisor(*order->header, log_name, signals, cgroup, memory);
    if (!supervisor.run(std::move(*order))) return 0;
    title.set("idle");
  }
}
