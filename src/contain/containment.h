#pragma once
// The processes of one attempt: who they are, and ending all of them.
//
// With a cgroup (tier A) its members count, wherever they stand in the tree of parents. In every
// tier the children of the calling process count, which must be their subreaper (PR_SET_CHILD_
// SUBREAPER): whatever loses its parent becomes its child. Both together also reach a process that
// has left its cgroup.
//
// Also compiled into the keeper.

#include <sys/types.h>

#include <vector>

namespace reeve {

class Containment {
 public:
  // `cgroup` is a directory of a cgroup-v2 tree or -1, and is not owned. `with_children` tells
  // whether the caller's own descendants belong to the attempt.
  Containment(int cgroup, bool with_children) : cgroup_(cgroup), with_children_(with_children) {}

  // Living processes, zombies left out.
  [[nodiscard]] std::vector<pid_t> members() const;

  // The same for a look, not for an action: those of the cgroup where it has any, which is quick,
  // else the descendants. What has left the cgroup is not among them.
  [[nodiscard]] std::vector<pid_t> glance() const;

  // Sends `signal` to every member, each proven to be one through a pidfd. Returns how many.
  int signal_all(int signal) const { return signal_each(members(), signal); }

  // Freezes or thaws every member: by cgroup.freeze where there is a cgroup, and with SIGSTOP what
  // is not in it. One round; frozen processes run no more instructions, also not on SIGTERM.
  void freeze_round(bool frozen) const;
  // Nobody of them runs any more.
  [[nodiscard]] bool is_frozen() const;

  // One round of killing: cgroup.kill, then SIGKILL to each listed pid (cgroup.kill alone misses a
  // process whose main thread has exited, seen on Linux 6.1 and 6.18), then to the children. The
  // caller reaps, and repeats until `is_empty`.
  void kill_round();

  // Nothing lives: the cgroup is not populated, and there are no children (also none unreaped).
  [[nodiscard]] bool is_empty() const;

  // The cgroup was killed: on Linux 6.18 every later birth into it from outside is killed at once,
  // so it must not be used again.
  [[nodiscard]] bool is_cgroup_spent() const { return cgroup_killed_; }

 private:
  // `pids` were members just now.
  int signal_each(const std::vector<pid_t>& pids, int signal) const;
  [[nodiscard]] std::vector<pid_t> cgroup_members() const;
  [[nodiscard]] bool is_cgroup_populated() const;

  int cgroup_;
  bool with_children_;
  bool cgroup_killed_ = false;
};

}  // namespace reeve
