#pragma once
// What logind does to a user's processes at a logout (logind.conf(5)).

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "systemd/place.h"

namespace reeve::systemd {

struct KillPolicy {
  Answer kills = Answer::unknown;           // KillUserProcesses
  std::vector<std::string> only;            // KillOnlyUsers; empty: all
  std::vector<std::string> exempt{"root"};  // KillExcludeUsers
};

// From logind.conf and its drop-ins, what counts more coming later. The comments of the first,
// which show what the distribution compiled in, count where nothing is set.
[[nodiscard]] KillPolicy kill_policy_in(const std::vector<std::string>& files);
// From what `busctl get-property` prints of the three properties, in the order above.
[[nodiscard]] std::optional<KillPolicy> kill_policy_from_bus(std::string_view printed);
[[nodiscard]] Answer kills_session_of(const KillPolicy& policy, const std::string& user);

// Asks logind, and reads its files where it does not answer within a second. `place` decides what
// has to be known.
[[nodiscard]] LogoutPolicy ask_logout_policy(const Place& place, const std::string& user);
// Whether the user's manager outlives the last logout. Unknown where there is no systemd.
[[nodiscard]] Answer ask_lingering(const std::string& user);

}  // namespace reeve::systemd
