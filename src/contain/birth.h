#pragma once
// A new process that is born inside its containment, not moved there afterwards.

#include <linux/sched.h>
#include <signal.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace reeve {

// clone3(2) with the calling convention of vfork(2). With CLONE_VM | CLONE_VFORK it returns twice,
// the child shares the caller's memory and stack, and the caller sleeps until the child has called
// execve or _exit. The child may then only call async-signal-safe functions, and must not return
// from the function that called this. Returns a pid, 0 in the child, or a negative errno value.
extern "C" [[gnu::returns_twice]] long reeve_clone3(clone_args* arguments, std::size_t size);

// For reeve_clone3: as vfork, born in `cgroup` (a directory of a cgroup-v2 tree, CLONE_INTO_CGROUP,
// Linux 5.7) when it is not -1.
[[nodiscard]] inline clone_args vfork_arguments(int cgroup) {
  clone_args arguments{};
  arguments.flags = CLONE_VM | CLONE_VFORK;
  arguments.exit_signal = SIGCHLD;
  if (cgroup >= 0) {
    arguments.flags |= CLONE_INTO_CGROUP;
    arguments.cgroup = static_cast<std::uint64_t>(cgroup);
  }
  return arguments;
}

}  // namespace reeve
