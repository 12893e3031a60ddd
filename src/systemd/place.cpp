#include "systemd/place.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace reeve::systemd {
namespace {

// The path within the tree that systemd manages: of the named hierarchy of version 1 if there is
// one (legacy, hybrid), else of version 2.
std::string_view managed_path(std::string_view proc_cgroup) {
  std::string_view unified;
  while (!proc_cgroup.empty()) {
    const auto line = proc_cgroup.substr(0, proc_cgroup.find('\n'));
    if (const auto named = line.find(":name=systemd:"); named != std::string_view::npos) {
      const auto path = line.substr(line.find('/', named));
      if (path != "/") return path;
    }
    if (line.starts_with("0::")) unified = line.substr(3);
    proc_cgroup.remove_prefix(std::min(line.size() + 1, proc_cgroup.size()));
  }
  return unified;
}

// How long a daemon lives; `no` alone does not tell whether the first logout ends it or the last.
int rank(const Place& place, const LogoutPolicy& policy) {
  switch (survives_logout(place, policy)) {
    case Answer::yes:
      return 3;
    case Answer::unknown:
      return 2;
    case Answer::no:
      return place.kind == PlaceKind::user_manager ? 1 : 0;
  }
  return 0;
}

}  // namespace

std::string_view to_word(Answer answer) {
  constexpr std::array<std::string_view, 3> words{"no", "yes", "unknown"};
  return words.at(static_cast<std::size_t>(answer));
}

std::string_view to_word(PlaceKind kind) {
  constexpr std::array<std::string_view, 4> words{"plain", "system_unit", "user_manager",
                                                  "session"};
  return words.at(static_cast<std::size_t>(kind));
}

Place place_of(std::string_view proc_cgroup) {
  std::string_view path = managed_path(proc_cgroup);
  Place place;
  while (!path.empty()) {
    path.remove_prefix(1);
    const auto name = path.substr(0, path.find('/'));
    path.remove_prefix(name.size());
    if (!name.ends_with(".service") && !name.ends_with(".scope")) continue;
    place.unit = name;
    if (name.starts_with("user@"))
      place.kind = PlaceKind::user_manager;
    else if (name.starts_with("session-") && place.kind != PlaceKind::user_manager)
      place.kind = PlaceKind::session;
    else if (place.kind == PlaceKind::plain)
      place.kind = PlaceKind::system_unit;
  }
  return place;
}

Answer survives_logout(const Place& place, const LogoutPolicy& policy) {
  switch (place.kind) {
    case PlaceKind::plain:
    case PlaceKind::system_unit:
      return Answer::yes;
    case PlaceKind::user_manager:
      return policy.lingers;
    case PlaceKind::session:
      if (policy.kills_session == Answer::unknown) return Answer::unknown;
      return policy.kills_session == Answer::yes ? Answer::no : Answer::yes;
  }
  return Answer::unknown;
}

bool should_move(const Place& here, PlaceKind manager, const LogoutPolicy& policy) {
  return here.kind != PlaceKind::plain && rank({manager, {}}, policy) >= rank(here, policy);
}

std::string logout_warning(const Place& place, const LogoutPolicy& policy,
                           const std::string& user) {
  if (survives_logout(place, policy) != Answer::no) return {};
  if (place.kind == PlaceKind::session)
    return fmt::format(
        "your logout will end the daemon and its jobs, because it is in your login session ({}) "
        "and KillUserProcesses is on; to keep them: loginctl enable-linger {}, then reeve daemon "
        "install",
        place.unit, user);
  return fmt::format(
      "your last logout will end the daemon and its jobs, because lingering is off for {}; to keep "
      "them: loginctl enable-linger {}",
      user, user);
}

std::string describe(const Place& place, const LogoutPolicy& policy) {
  if (place.kind == PlaceKind::plain) return "in no unit of systemd; a logout does not end it";
  const std::string_view owner = place.kind == PlaceKind::user_manager ? " of your user manager"
                                 : place.kind == PlaceKind::session    ? ", your login session"
                                                                       : " of the system";
  const Answer survives = survives_logout(place, policy);
  std::string_view end = "a logout does not end it";
  if (survives == Answer::unknown) end = "whether a logout ends it is unknown";
  if (survives == Answer::no)
    end = place.kind == PlaceKind::session ? "your logout ends it" : "your last logout ends it";
  return fmt::format("{}{}; {}", place.unit, owner, end);
}

}  // namespace reeve::systemd
