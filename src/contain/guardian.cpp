#include "contain/guardian.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "contain/command_launch.h"
#include "contain/containment.h"
#include "contain/descriptors.h"
#include "contain/process.h"

namespace reeve {
namespace {

std::int64_t microseconds(const timeval& time) {
  return time.tv_sec * 1'000'000 + time.tv_usec;
}

// Waits for room as long as somebody may read it: the last report must not be lost.
void send_report(const EnclosureOrder& order, const Report& report) {
  while (write(order.reports, &report, sizeof report) < 0 && errno == EAGAIN) {
    // A front that was stopped must wake up to read it.
    (void)send_signal(order.front, SIGCONT);
    pollfd wanted{order.reports, POLLOUT, 0};
    poll(&wanted, 1, -1);
  }
}

// How often to look while killing: soon at first, and less often at what takes long.
std::int64_t killing_pause_ms(std::int64_t since) {
  return since < 100 ? 1 : 20;
}

class Guardian {
 public:
  // `backup` reads the end of a pipe that the backup guardian closes by its death.
  Guardian(const EnclosureOrder& order, Fd signals, Fd backup)
      : order_(order),
        signals_(std::move(signals)),
        backup_(std::move(backup)),
        containment_(order.cgroup->directory(), true) {}

  void run() {
    is_empty_ = !launch();
    while (!is_empty_) {
      pollfd wanted[] = {{signals_.get(), POLLIN, 0},
                         {is_front_gone_ ? -1 : order_.wishes, POLLIN, 0},
                         {backup_.get(), POLLIN, 0}};
      poll(wanted, std::size(wanted), wait_ms());
      reap();
      if (wanted[1].revents != 0) take_wishes();
      if (wanted[2].revents != 0) lose_backup();
      proceed();
    }
    end_.cpu_us = std::max(end_.cpu_us, cgroup_cpu_us(order_.cgroup->directory()));
    order_.cgroup->remove();
    (void)send_signal(order_.front, SIGCONT);
    send_report(order_, end_);
  }

 private:
  enum class Phase { running, leftovers, ending, killing };  // as the keeper's

  bool launch() {
    const CommandLaunch launched = launch_command(order_);
    end_.launch = launched.result;
    end_.launch_errno = launched.failed_errno;
    if (launched.pid == 0) return false;
    main_ = launched.pid;
    started_ms_ = monotonic_ms();
    keep_only({order_.front, order_.wishes, order_.reports, order_.cgroup->directory(),
               signals_.get(), backup_.get()});
    Report report;
    report.kind = Report::Kind::started;
    report.pid = main_;
    report.guardian = getpid();
    send_report(order_, report);
    return true;
  }

  int wait_ms() const {
    const std::int64_t now = monotonic_ms();
    std::int64_t until = INT64_MAX;
    const auto consider = [&](std::int64_t at) { until = std::min(until, std::max(at, now)); };
    if (phase_ == Phase::running && order_.time_limit_ms >= 0)
      consider(started_ms_ + order_.time_limit_ms);
    if (phase_ == Phase::leftovers) consider(std::min(patience_until_ms_, now + 5));
    if (phase_ == Phase::ending) consider(is_main_alive_ ? kill_at_ms_ : now + 5);
    if (phase_ == Phase::killing) consider(now + killing_pause_ms(now - killing_since_ms_));
    return until == INT64_MAX ? -1 : static_cast<int>(std::min<std::int64_t>(until - now, 60'000));
  }

  void reap() {
    signalfd_siginfo info{};
    while (read(signals_.get(), &info, sizeof info) == sizeof info) {
    }
    while (true) {
      int status = 0;
      rusage usage{};
      const pid_t pid = wait4(-1, &status, WNOHANG | WUNTRACED | __WALL, &usage);
      if (pid <= 0) return;
      if (WIFSTOPPED(status)) {
        if (pid == main_) tell(Report::Kind::stopped);
        continue;
      }
      // What it has waited for is in there as well.
      end_.cpu_us += microseconds(usage.ru_utime) + microseconds(usage.ru_stime);
      end_.max_rss_kib = std::max<std::int64_t>(end_.max_rss_kib, usage.ru_maxrss);
      if (pid == main_ && is_main_alive_) main_ended(status);
    }
  }

  void main_ended(int status) {
    is_main_alive_ = false;
    end_.wait_status = status;
    end_.wall_ms = monotonic_ms() - started_ms_;
    if (phase_ != Phase::running) return;
    phase_ = Phase::leftovers;
    patience_until_ms_ = monotonic_ms() + limits::leftover_patience_ms;
  }

  void take_wishes() {
    Wish wish;
    ssize_t got = 0;
    while ((got = read(order_.wishes, &wish, sizeof wish)) == sizeof wish) {
      if (wish.kind == Wish::Kind::end)
        end_all(wish.signal);
      else if (is_main_alive_)
        kill(main_, wish.signal);  // our child, and not reaped: no stranger can have its pid
    }
    if (got != 0) return;
    is_front_gone_ = true;
    kill_at_once();
  }

  void lose_backup() {
    backup_.reset();
    end_.is_guardian_dead = true;
    kill_at_once();
  }

  void kill_at_once() {
    if (phase_ == Phase::killing) return;
    phase_ = Phase::killing;
    killing_since_ms_ = monotonic_ms();
  }

  // A further signal reaches all as the first did, and does not change when SIGKILL follows.
  void end_all(int signal) {
    if (phase_ == Phase::killing) return;
    if (phase_ != Phase::ending) kill_at_ms_ = monotonic_ms() + order_.grace_ms;
    phase_ = Phase::ending;
    if (order_.grace_ms == 0) return;
    containment_.signal_all(signal);
    containment_.signal_all(SIGCONT);  // a stopped process must wake to act on it
  }

  // Takes the end one step further, as far as it has come.
  void proceed() {
    const std::int64_t now = monotonic_ms();
    if (phase_ == Phase::running && order_.time_limit_ms >= 0 &&
        now - started_ms_ >= order_.time_limit_ms) {
      end_.is_over_time = true;
      end_all(SIGTERM);
    }
    if (phase_ == Phase::ending && now >= kill_at_ms_) kill_at_once();
    if (phase_ == Phase::killing) kill_all();
    if (is_main_alive_) return;
    is_empty_ = containment_.is_empty();
    if (is_empty_ || phase_ != Phase::leftovers || now < patience_until_ms_) return;
    end_.leftovers = static_cast<std::int32_t>(containment_.members().size());
    end_all(SIGTERM);
  }

  void kill_all() {
    containment_.kill_round();
    reap();
    if (is_stuck_told_ || monotonic_ms() - killing_since_ms_ < limits::kill_stuck_ms) return;
    is_stuck_told_ = true;
    tell(Report::Kind::stuck, static_cast<int>(containment_.members().size()));
  }

  // What may be lost when nobody reads it for long: it is of the moment.
  void tell(Report::Kind kind, int processes = 0) const {
    Report report;
    report.kind = kind;
    report.processes = processes;
    (void)!write(order_.reports, &report, sizeof report);
  }

  const EnclosureOrder& order_;
  Fd signals_;
  Fd backup_;
  Containment containment_;
  Report end_;
  Phase phase_ = Phase::running;
  pid_t main_ = 0;
  bool is_main_alive_ = true;
  bool is_front_gone_ = false;
  bool is_stuck_told_ = false;
  bool is_empty_ = false;
  std::int64_t started_ms_ = 0;
  std::int64_t patience_until_ms_ = 0;
  std::int64_t kill_at_ms_ = 0;
  std::int64_t killing_since_ms_ = 0;
};

// What both guardians begin with. Returns a signalfd for SIGCHLD.
Fd stand_apart() {
  setpgid(0, 0);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  prctl(PR_SET_DUMPABLE, 0);  // the command must not trace us
  signal(SIGCHLD, SIG_DFL);   // where it is ignored nobody learns how a child has ended
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  return Fd(signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
}

// Kills and reaps what the guardian has left.
void end_rest(const EnclosureOrder& order) {
  Containment containment(order.cgroup->directory(), true);
  const std::int64_t since = monotonic_ms();
  while (!containment.is_empty()) {
    containment.kill_round();
    while (waitpid(-1, nullptr, WNOHANG | __WALL) > 0) {
    }
    poll(nullptr, 0, static_cast<int>(killing_pause_ms(monotonic_ms() - since)));
  }
  order.cgroup->remove();
}

// Returns once the guardian has ended; true when it did so by itself, having ended everything.
bool watch(pid_t guardian, int signals) {
  while (true) {
    int status = 0;
    const pid_t pid = waitpid(-1, &status, WNOHANG | WUNTRACED | __WALL);
    if (pid == guardian && WIFSTOPPED(status)) kill(guardian, SIGCONT);
    if (pid == guardian && !WIFSTOPPED(status)) return WIFEXITED(status);
    if (pid > 0) continue;
    pollfd wanted{signals, POLLIN, 0};
    poll(&wanted, 1, -1);
    signalfd_siginfo info{};
    (void)!read(signals, &info, sizeof info);
  }
}

}  // namespace

void run_backup_guardian(const EnclosureOrder& order) {
  const Fd signals = stand_apart();
  int ends[2] = {-1, -1};
  const pid_t guardian = pipe2(ends, O_CLOEXEC) == 0 ? fork() : -1;
  if (guardian == 0) {
    close(ends[1]);
    Guardian(order, stand_apart(), Fd(ends[0])).run();
    _exit(0);
  }
  Report report;
  if (guardian < 0) {
    report.launch = Report::Launch::no_process;
    report.launch_errno = errno;
    send_report(order, report);
    _exit(0);
  }
  keep_only({order.front, order.reports, order.cgroup->directory(), signals.get(), ends[1]});
  if (watch(guardian, signals.get())) _exit(0);
  end_rest(order);
  report.is_guardian_dead = true;
  (void)send_signal(order.front, SIGCONT);
  send_report(order, report);
  _exit(0);
}

}  // namespace reeve
