#pragma once
// Processes that carry a mark in their environment: the net below the other nets, for when keeper
// and daemon were both killed where there is no cgroup. A process can take its mark off.

#include <sys/types.h>

#include <string>
#include <vector>

namespace reeve {

// Living processes of this user whose initial environment holds `assignment` ("REEVE_MARK=…").
[[nodiscard]] std::vector<pid_t> find_marked(const std::string& assignment);
// SIGKILL to each of them, each proven through a pidfd. Returns how many were found.
int kill_marked(const std::string& assignment);

}  // namespace reeve
