#pragma once
// The unit that `reeve daemon install` writes: its text, its name, where it is.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace reeve::systemd {

enum class Scope : std::uint8_t { user, system };

struct UnitSettings {
  Scope scope = Scope::user;
  std::string program;  // absolute
  std::string state;    // the state directory that it serves
  std::string user;     // whom a system unit runs as
  std::vector<std::pair<std::string, std::string>> environment;
};

// Nothing when a path has a control character, which no unit can say.
[[nodiscard]] std::optional<std::string> unit_text(const UnitSettings& settings);
// The state directory that a unit of ours serves; nothing for others.
[[nodiscard]] std::optional<std::string> state_in_unit(std::string_view text);
// A word as unit files quote it: `"/a b/50%%"`.
[[nodiscard]] std::string quoted(std::string_view word);

// What tells the units of one machine apart.
struct UnitName {
  std::string user;      // whose queue it is
  std::string state;     // its directory,
  bool is_usual = true;  // and whether that is where this user's queue is without any setting
};
// "reeve.service", "reeve-USER.service" of a system unit for an ordinary user, "reeve-TAG.service"
// for a state directory in an unusual place.
[[nodiscard]] std::string unit_name(Scope scope, const UnitName& name);

[[nodiscard]] std::string unit_directory(Scope scope);

struct InstalledUnit {
  Scope scope = Scope::user;
  std::string name;
};
// The unit that serves this state directory, for a user of this name.
[[nodiscard]] std::optional<InstalledUnit> find_unit(const std::string& state,
                                                     const std::string& user);

}  // namespace reeve::systemd
