#pragma once
// The programs of systemd: run to their end, never waited for without a bound.

#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace reeve::systemd {

// This machine was started by systemd (sd_booted(3)).
[[nodiscard]] bool is_booted();

// Our environment, and in it the directory through which the user's manager is reached, also for
// somebody who came by `su` or from a service.
[[nodiscard]] std::vector<std::string> manager_environment();
// The manager of this user has a socket there.
[[nodiscard]] bool has_user_manager();

struct ProgramAnswer {
  int code = 0;     // of its exit; 128 and the number when a signal ended it
  std::string out;  // the beginning of what it printed
  std::string err;
};

// Runs a program of PATH. Fails with `not_found` where there is none, with `unreachable` when it
// did not end in time; it is killed then.
[[nodiscard]] Result<ProgramAnswer> run_program(const std::vector<std::string>& words,
                                                Duration patience);

}  // namespace reeve::systemd
