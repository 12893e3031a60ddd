#pragma once
// Where we stand in the cgroup-v2 tree, and whether cgroups can be made there, found out by trying.

#include <optional>
#include <string>
#include <string_view>

namespace reeve {

// Where the cgroup-v2 tree is mounted: the whole of it, or beside version 1 (hybrid).
[[nodiscard]] std::optional<std::string> cgroup_mount_point();
// The cgroup-v2 line of a /proc/PID/cgroup, as a path below the mount point: empty for its root.
[[nodiscard]] std::optional<std::string> cgroup_in(std::string_view proc_cgroup);
// The same of this process.
[[nodiscard]] std::optional<std::string> own_cgroup();

// A process is born in the cgroup (a directory), does nothing, and is killed with it. The cgroup is
// spent by that (see Containment::is_cgroup_spent).
[[nodiscard]] bool can_bear_and_kill(int cgroup);

}  // namespace reeve
