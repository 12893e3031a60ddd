#pragma once
// A PID namespace of its own for an attempt: what is in it sees nobody outside, can signal nobody
// outside, and dies with its first process, whatever it does. As root the namespace alone; else
// with a user namespace around it, in which set-user-ID programs have no power.
//
// Also compiled into the keeper.

#include <linux/sched.h>
#include <sys/types.h>

#include <cstdint>

#include "base/os.h"

namespace reeve {

// For reeve_clone3: a copy of the caller as first process of new namespaces, born in `cgroup` (-1:
// none). Not a vfork: it stays.
[[nodiscard]] clone_args isolation_arguments(int cgroup);

// Called first by that process, with the ids that it had before: maps them to themselves, gives it
// a /proc that shows its own namespace, and lets it die with its parent, who must be one thread.
[[nodiscard]] OsResult<void> enter_isolation(uid_t user, gid_t group);

// Whether this machine lets us do all of that, tried on a process that ends at once.
[[nodiscard]] OsResult<void> probe_isolation();

}  // namespace reeve
