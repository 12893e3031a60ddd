#pragma once
// A command and everything that it starts, tied to an object.
//
// When the object goes, nothing of the command lives any more: the destructor kills what is left
// and waits for it. When the process that holds the object dies, in whatever way, two helper
// processes do the same (see guardian.h). docs/containment.md says what holds in which tier.
//
// The holder must be single-threaded when it calls `start`, and must not reap children that it
// does not know (waitpid of any). The command does not ignore SIGCHLD, whatever the holder does.

#include <signal.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/os.h"
#include "contain/enclosure_cgroup.h"
#include "contain/enclosure_wire.h"

namespace reeve {

struct EnclosedCommand {
  std::vector<std::string> words;   // program and arguments, at least one
  std::int64_t grace_ms = 2000;     // between SIGTERM and SIGKILL
  std::int64_t time_limit_ms = -1;  // -1: none
  sigset_t mask{};                  // the signals that are blocked in it
  bool ignores_pipe = false;        // SIGPIPE is ignored in it
};

class Enclosure {
 public:
  // In the given cgroup, which may be none. Starts nothing yet.
  explicit Enclosure(EnclosureCgroup cgroup) : cgroup_(std::move(cgroup)) {}
  ~Enclosure();
  Enclosure(const Enclosure&) = delete;
  Enclosure& operator=(const Enclosure&) = delete;

  // Once. The command has this process's descriptors, directory, process group and environment, the
  // last with REEVE_CONTAIN added. Whether it could be executed tells a report.
  [[nodiscard]] OsResult<void> start(const EnclosedCommand& command);

  // "cgroup" or "subreaper".
  [[nodiscard]] const char* tier() const {
    return cgroup_.directory() >= 0 ? "cgroup" : "subreaper";
  }
  // Readable when `next_report` has one.
  [[nodiscard]] int reports() const { return reports_.get(); }
  // Nothing when there is none yet. After one of kind `ended` nothing of the enclosure lives,
  // neither of the command nor of its helpers; it is the last one.
  [[nodiscard]] std::optional<Report> next_report();

  // Sends the signal to all processes, and SIGKILL to what lives after the grace period.
  void end(int signal) const { send({Wish::Kind::end, signal}); }
  // Sends the signal to the command's own process.
  void pass(int signal) const { send({Wish::Kind::pass, signal}); }

  // Everything of ours that must stay open while it runs.
  [[nodiscard]] std::vector<int> descriptors() const;

 private:
  void send(const Wish& wish) const;
  Report conclude();
  void end_what_no_guardian_ended();

  EnclosureCgroup cgroup_;
  std::string mark_;  // "REEVE_CONTAIN=…"
  Fd wishes_;
  Fd reports_;
  Fd guardian_;                // pidfd
  pid_t backup_ = 0;           // 0: not started, or reaped
  std::optional<Report> end_;  // what the guardian told
};

}  // namespace reeve
