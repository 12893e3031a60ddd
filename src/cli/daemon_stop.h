#pragma once
// Ending a daemon without asking it; jobs go on.

#include "api/paths.h"

namespace reeve::cli {

// Returns once the process is gone.
void await_exit(int pid);
// SIGTERM to the daemon of this state directory, if there is one, and waits for its end.
void terminate_daemon(const Paths& paths);

}  // namespace reeve::cli
