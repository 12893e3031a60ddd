#pragma once
// The birth of a contained command.

#include "contain/enclosure_wire.h"

namespace reeve {

struct CommandLaunch {
  pid_t pid = 0;  // 0: it was not executed
  Report::Launch result = Report::Launch::executed;
  int failed_errno = 0;
};

// Starts the order's command as a child, born in the order's cgroup where there is one and in the
// order's process group, with all descriptors that are not to be closed by execve. It is killed
// when the caller dies. Returns once execve has succeeded or failed.
[[nodiscard]] CommandLaunch launch_command(const EnclosureOrder& order);

}  // namespace reeve
