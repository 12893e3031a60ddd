#pragma once
// A new keeper process.

#include <sys/types.h>

#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/os.h"

namespace reeve {

// What a keeper inherits, see keeper/order.h; -1: none.
struct KeeperDescriptors {
  int journal = -1;
  int wake = -1;
  int logs = -1;
  int permits = -1;
  int cgroup = -1;
  int memory = -1;
};

struct StartedKeeper {
  pid_t pid = 0;
  Fd orders;  // our end of its channel
};

// Starts `program` with its first order in its channel. The caller reaps it, and keeps descriptors
// 3 to 9 occupied with what no keeper needs.
[[nodiscard]] OsResult<StartedKeeper> start_keeper(const std::string& program,
                                                   std::string_view order,
                                                   const KeeperDescriptors& descriptors);

}  // namespace reeve
