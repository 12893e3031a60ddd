#include "systemd/unit.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "base/checksum.h"

namespace reeve::systemd {
namespace {

constexpr std::string_view state_key = "X-Reeve-State=";

bool is_writable(std::string_view word) {
  return std::ranges::none_of(
      word, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

}  // namespace

std::string quoted(std::string_view word) {
  std::string text = "\"";
  for (const char c : word) {
    if (c == '"' || c == '\\') text += '\\';
    if (c == '%') text += '%';
    text += c;
  }
  return text + '"';
}

std::optional<std::string> unit_text(const UnitSettings& settings) {
  bool can_be_written = is_writable(settings.program) && is_writable(settings.state);
  std::string text = fmt::format(
      "# Written by `reeve daemon install`; `reeve daemon uninstall` takes it away.\n"
      "[Unit]\n"
      "Description=Reeve, a durable job runner\n"
      "{}{}\n",
      state_key, settings.state);
  if (settings.scope == Scope::system)
    text += fmt::format("RequiresMountsFor={}\n", quoted(settings.state));
  text += fmt::format(
      "\n[Service]\n"
      "Type=notify\n"
      "ExecStart={} daemon run --delegated\n",
      quoted(settings.program));
  if (settings.scope == Scope::system) text += fmt::format("User={}\n", settings.user);
  for (const auto& [name, value] : settings.environment) {
    can_be_written = can_be_written && is_writable(value);
    text += fmt::format("Environment={}\n", quoted(name + "=" + value));
  }
  text += fmt::format(
      "# Jobs outlive the daemon: a stop or a restart is for the daemon alone. It divides the "
      "cgroup\n"
      "# into one for itself and one for each job.\n"
      "KillMode=process\n"
      "Delegate=yes\n"
      "# What becomes of one job is not the daemon's end, nor is the number of their processes.\n"
      "OOMPolicy=continue\n"
      "TasksMax=infinity\n"
      "Restart=on-failure\n"
      "RestartSec=2\n"
      "TimeoutStartSec=infinity\n"
      "\n[Install]\n"
      "WantedBy={}\n",
      settings.scope == Scope::user ? "default.target" : "multi-user.target");
  return can_be_written ? std::optional(text) : std::nullopt;
}

std::optional<std::string> state_in_unit(std::string_view text) {
  const auto key = text.find(fmt::format("\n{}", state_key));
  if (key == std::string_view::npos) return std::nullopt;
  const auto value = text.substr(key + 1 + state_key.size());
  return std::string(value.substr(0, value.find('\n')));
}

std::string unit_name(Scope scope, const UnitName& name) {
  if (!name.is_usual)
    return fmt::format("reeve-{:08x}.service", static_cast<std::uint32_t>(fnv1a(name.state)));
  if (scope == Scope::system && name.user != "root") return "reeve-" + name.user + ".service";
  return "reeve.service";
}

std::string unit_directory(Scope scope) {
  if (scope == Scope::system) return "/etc/systemd/system";
  const char* config = std::getenv("XDG_CONFIG_HOME");  // NOLINT(concurrency-mt-unsafe)
  const char* home = std::getenv("HOME");               // NOLINT(concurrency-mt-unsafe)
  const std::string base =
      config != nullptr && *config == '/' ? config : fmt::format("{}/.config", home ? home : "");
  return base + "/systemd/user";
}

std::optional<InstalledUnit> find_unit(const std::string& state, const std::string& user) {
  for (const Scope scope : {Scope::user, Scope::system})
    for (const bool is_usual : {true, false}) {
      const std::string name = unit_name(scope, {user, state, is_usual});
      std::ifstream file(unit_directory(scope) + "/" + name);
      if (state_in_unit(std::string(std::istreambuf_iterator<char>(file), {})) == state)
        return InstalledUnit{scope, name};
    }
  return std::nullopt;
}

}  // namespace reeve::systemd
