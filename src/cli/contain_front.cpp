#include "cli/contain_front.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "cli/terminal.h"
#include "contain/descriptors.h"
#include "contain/process.h"

namespace reeve::cli {
namespace {

// So often within so long: whoever presses it like that wants out.
constexpr std::size_t interrupts_to_end = 3;
constexpr std::chrono::seconds interrupts_within{2};

bool is_ignored(int number) {
  struct sigaction action{};
  return ::sigaction(number, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

}  // namespace

CallersTerminal::CallersTerminal() : terminal_(::open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC)) {
  if (!terminal_) return;
  was_ours_ = ::tcgetpgrp(terminal_.get()) == ::getpgrp();
  termios modes{};
  if (was_ours_ && ::tcgetattr(terminal_.get(), &modes) == 0) modes_ = modes;
}

void CallersTerminal::restore(bool with_modes) const {
  if (!was_ours_) return;
  sigset_t output;
  sigset_t before;
  sigemptyset(&output);
  sigaddset(&output, SIGTTOU);  // else we would be stopped, not being in the foreground
  sigprocmask(SIG_BLOCK, &output, &before);
  const pid_t holder = ::tcgetpgrp(terminal_.get());
  // Somebody who lives has been given it meanwhile, such as the shell that we were started from.
  const bool is_free = holder > 0 && ::kill(-holder, 0) != 0 && errno == ESRCH;
  if (is_free) ::tcsetpgrp(terminal_.get(), ::getpgrp());
  if (with_modes && modes_ && (is_free || holder == ::getpgrp()))
    ::tcsetattr(terminal_.get(), TCSADRAIN, &*modes_);
  sigprocmask(SIG_SETMASK, &before, nullptr);
}

Front::Front() : hears_hangup_(!is_ignored(SIGHUP)) {
  ::signal(SIGCHLD, SIG_DFL);  // where it is ignored nobody learns how a child has ended
  sigset_t wanted;
  sigemptyset(&wanted);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCONT})
    if (!is_ignored(number)) sigaddset(&wanted, number);
  sigprocmask(SIG_BLOCK, &wanted, &before_);
  signals_.reset(::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
}

Report Front::run(Enclosure& enclosure, std::vector<int> kept) {
  for (const int fd : enclosure.descriptors()) kept.push_back(fd);
  for (const int fd : {2, signals_.get(), terminal_.descriptor()}) kept.push_back(fd);
  keep_only(std::move(kept));
  while (true) {
    std::array<pollfd, 3> wanted{{{enclosure.reports(), POLLIN, 0},
                                  {signals_.get(), POLLIN, 0},
                                  {hears_hangup_ ? terminal_.descriptor() : -1, 0, 0}}};
    (void)::poll(wanted.data(), wanted.size(), -1);
    was_continued_ = false;
    take_signals(enclosure);
    if (wanted[2].revents != 0) {
      hears_hangup_ = false;
      was_interrupted_ = true;
      enclosure.end(SIGHUP);
    }
    while (const auto report = enclosure.next_report()) {
      if (report->kind == Report::Kind::started) command_ = report->pid;
      if (report->kind == Report::Kind::stopped) stop_too();
      if (report->kind == Report::Kind::stuck)
        say(fmt::format("{} process{} not die: hanging in the kernel, or another user's; waiting",
                        report->processes, report->processes == 1 ? " does" : "es do"));
      if (report->kind != Report::Kind::ended) continue;
      const bool was_killed = report->is_guardian_dead || WIFSIGNALED(report->wait_status);
      terminal_.restore(was_killed);
      return *report;
    }
  }
}

void Front::take_signals(const Enclosure& enclosure) {
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof info) == sizeof info) take_signal(enclosure, info);
}

void Front::take_signal(const Enclosure& enclosure, const signalfd_siginfo& info) {
  const auto number = static_cast<int>(info.ssi_signo);
  if (number == SIGCONT) was_continued_ = true;
  if (number == SIGCONT || number == SIGUSR1 || number == SIGUSR2) return enclosure.pass(number);
  was_interrupted_ = true;
  // Pressed on the terminal, the command has got it as we have.
  const bool is_key = info.ssi_code == SI_KERNEL && number != SIGHUP;
  if (is_key && number == SIGINT) return interrupted(enclosure);
  enclosure.end(is_key ? SIGTERM : number);
}

// Ctrl-C is the command's: a shell or a notebook does not end by it.
void Front::interrupted(const Enclosure& enclosure) {
  const auto now = Clock::now();
  interrupts_.push_back(now);
  while (now - interrupts_.front() > interrupts_within) interrupts_.pop_front();
  if (interrupts_.size() >= interrupts_to_end) enclosure.end(SIGTERM);
}

// A command that has stopped itself (Ctrl-Z, `suspend`) gives the terminal back to our caller, who
// waits for us and not for it. The kernel drops our stop where nobody could continue us.
void Front::stop_too() const {
  const auto stat = read_stat(command_);
  if (was_continued_ || terminal_.descriptor() < 0 || !stat || stat->state != 'T') return;
  ::kill(::getpid(), SIGTSTP);
}

}  // namespace reeve::cli
