#pragma once
// What the processes of an enclosure (see enclosure.h) tell each other. They are forks of one
// program, so plain structures go through the pipes; each is written whole, being smaller than
// PIPE_BUF.

#include <signal.h>
#include <sys/types.h>
#include <time.h>

#include <cstdint>

#include "contain/enclosure_cgroup.h"

namespace reeve {

// From the front to the guardian. When the front is gone its end of the pipe is closed: that is
// the wish to kill everything at once.
struct Wish {
  enum class Kind : std::int32_t {
    end,   // the signal to all processes, and SIGKILL after the grace period
    pass,  // the signal to the command's own process
  };
  Kind kind = Kind::end;
  std::int32_t signal = 0;
};

// To the front.
struct Report {
  enum class Kind : std::int32_t {
    started,  // the command was executed; `pid` and `guardian` are set
    stopped,  // it was stopped by a signal
    stuck,    // `processes` were killed and do not die: they hang in the kernel
    ended,    // nothing lives; everything else is set
  };
  // How far the command got.
  enum class Launch : std::int32_t { executed, no_process, not_executable };

  Kind kind = Kind::ended;
  pid_t pid = 0;
  pid_t guardian = 0;
  std::int32_t processes = 0;
  Launch launch = Launch::executed;
  std::int32_t launch_errno = 0;
  std::int32_t wait_status = 0;  // when it was executed and no guardian was killed
  bool is_over_time = false;     // its time limit ended it
  bool is_guardian_dead =
      false;                   // one was killed: everything was ended, and the status is not known
  std::int32_t leftovers = 0;  // processes that the command left and that had to be ended
  std::int64_t wall_ms = 0;
  std::int64_t cpu_us = 0;
  std::int64_t max_rss_kib = 0;
};

// What both guardians know.
struct EnclosureOrder {
  char** words = nullptr;  // of the command; a null pointer ends them
  std::int64_t grace_ms = 0;
  std::int64_t time_limit_ms = -1;  // -1: none
  const EnclosureCgroup* cgroup = nullptr;
  pid_t group = 0;            // the process group that the command runs in
  sigset_t mask{};            // the signals that are blocked in the command
  bool ignores_pipe = false;  // SIGPIPE is ignored in it
  int front = -1;             // pidfd
  int wishes = -1;            // read end
  int reports = -1;           // write end
};

// For waits: does not count suspend.
[[nodiscard]] inline std::int64_t monotonic_ms() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
}

}  // namespace reeve
