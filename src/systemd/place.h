#pragma once
// Where a daemon lives as systemd and logind see it, and what a logout does to it there. Pure.

#include <cstdint>
#include <string>
#include <string_view>

namespace reeve::systemd {

enum class Answer : std::uint8_t { no, yes, unknown };
[[nodiscard]] std::string_view to_word(Answer answer);

enum class PlaceKind : std::uint8_t {
  plain,         // in no unit: no systemd here, or a container
  system_unit,   // of the machine's systemd, such as a service
  user_manager,  // of the user's own systemd, which lives from the first login to the last logout,
                 // or as long as the machine with lingering
  session,       // the scope of one login
};
// The word in `--json`.
[[nodiscard]] std::string_view to_word(PlaceKind kind);

struct Place {
  PlaceKind kind = PlaceKind::plain;
  std::string unit;  // "session-3.scope"; empty for `plain`
};

// From the text of /proc/PID/cgroup. On machines with both versions of cgroups the tree that
// systemd manages counts.
[[nodiscard]] Place place_of(std::string_view proc_cgroup);

// What logind does for this user.
struct LogoutPolicy {
  Answer kills_session = Answer::unknown;  // KillUserProcesses, with its lists of users
  Answer lingers = Answer::unknown;        // the user manager outlives the last logout
};

[[nodiscard]] Answer survives_logout(const Place& place, const LogoutPolicy& policy);

// Whether a daemon that starts itself in `here` should rather be in a unit of this manager
// (`user_manager` or `system_unit`): only where it lives at least as long.
[[nodiscard]] bool should_move(const Place& here, PlaceKind manager, const LogoutPolicy& policy);

// One sentence on what a logout does to a daemon and its jobs, and what to do about it; empty when
// it does nothing, or when nobody knows.
[[nodiscard]] std::string logout_warning(const Place& place, const LogoutPolicy& policy,
                                         const std::string& user);
// "reeve.service of your user manager; a logout does not end it"
[[nodiscard]] std::string describe(const Place& place, const LogoutPolicy& policy);

}  // namespace reeve::systemd
