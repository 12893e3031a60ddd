#pragma once
// Starting a daemon where it lives longest.
//
// In this order: the unit that `reeve daemon install` wrote; out of a job, a service of the
// manager; out of a login session, a scope of the manager; a plain child in the background. What
// can't be done is passed over in silence, within a bounded time.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/paths.h"
#include "base/result.h"
#include "systemd/place.h"

namespace reeve::cli {

// Starts a daemon for these paths and waits until it serves. Says on stderr when a logout, or the
// end of the job that started it, will end it. Code `busy` when another one holds the state
// directory.
[[nodiscard]] Result<void> start_daemon(const Paths& paths);

// The system service that serves these paths, where only root may start it and we are not root.
[[nodiscard]] std::optional<std::string> find_service_of_root(const Paths& paths);

// Written to the descriptor of --ready-fd by a daemon that has begun, before all else.
inline constexpr char begun_word[] = "begun\n";

// Where the daemon with this pid is, and what a logout does there.
struct DaemonPlace {
  systemd::Place place;
  systemd::LogoutPolicy policy;
};
[[nodiscard]] DaemonPlace find_place(int pid);

// The name of this user; the number where there is none.
[[nodiscard]] std::string user_name();
// Those of these variables that are set, which decide where the daemon has its things.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> daemon_environment();
// The path of the program that we are.
[[nodiscard]] std::string own_program();

}  // namespace reeve::cli
