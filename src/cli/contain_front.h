#pragma once
// The visible process of a contained command: signals and the terminal.

#include <signal.h>
#include <sys/signalfd.h>
#include <termios.h>

#include <chrono>
#include <deque>
#include <optional>
#include <vector>

#include "base/fd.h"
#include "contain/enclosure.h"

namespace reeve::cli {

// The terminal that we were started on, where there is one.
class CallersTerminal {
 public:
  CallersTerminal();
  // -1 without one. An error or hang-up there means that it was closed.
  [[nodiscard]] int descriptor() const { return terminal_.get(); }
  // Takes it back from a group that is dead, and restores its modes when the command could not.
  void restore(bool with_modes) const;

 private:
  Fd terminal_;
  bool was_ours_ = false;  // we were in its foreground
  std::optional<termios> modes_;
};

// Signals are held back from its making on; those that were ignored before stay ignored.
class Front {
 public:
  Front();
  // The signals that were blocked before; the command gets them.
  [[nodiscard]] const sigset_t& mask_before() const { return before_; }

  // Passes signals on until nothing of the started enclosure lives. Keeps, of our descriptors, the
  // enclosure's, the given ones and standard error.
  Report run(Enclosure& enclosure, std::vector<int> kept);
  // A signal asked us to end, or Ctrl-C was pressed.
  [[nodiscard]] bool was_interrupted() const { return was_interrupted_; }

 private:
  using Clock = std::chrono::steady_clock;

  void take_signals(const Enclosure& enclosure);
  void take_signal(const Enclosure& enclosure, const signalfd_siginfo& info);
  void interrupted(const Enclosure& enclosure);
  void stop_too() const;

  sigset_t before_{};
  Fd signals_;
  CallersTerminal terminal_;
  std::deque<Clock::time_point> interrupts_;
  pid_t command_ = 0;
  bool hears_hangup_ = false;
  bool was_interrupted_ = false;
  bool was_continued_ = false;  // just now
};

}  // namespace reeve::cli
