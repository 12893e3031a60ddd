#pragma once
// `reeve daemon run`: the process that decides and remembers.

#include <optional>
#include <string>

#include "api/paths.h"
#include "base/result.h"

namespace reeve {

struct DaemonOptions {
  Paths paths;
  std::string keeper_program;
  std::string notify_program;
  bool use_cgroups = true;
  bool is_delegated = false;  // its cgroup is its own (Delegate=yes of systemd)
  // Where "ready\n" is written once clients can connect, or "<error code>: <sentence>\n"; closed
  // afterwards. Nothing: the sentence goes to stderr.
  std::optional<int> ready_fd;
  bool log_to_stderr = false;
};

// Runs until it is asked to stop (stopDaemon, SIGTERM, SIGINT). Jobs go on afterwards. Returns the
// exit code of the process: 0, 75 when another daemon holds the state directory, else 1.
int run_daemon(DaemonOptions options);

}  // namespace reeve
