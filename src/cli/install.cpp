// daemon install, uninstall: the daemon as a service of systemd

#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>

#include "base/text.h"
#include "cli/command.h"
#include "cli/daemon_start.h"
#include "cli/daemon_stop.h"
#include "cli/terminal.h"
#include "systemd/logind.h"
#include "systemd/program.h"
#include "systemd/unit.h"

namespace reeve::cli {
namespace {

using systemd::Scope;

constexpr Duration manager_patience{10'000};
constexpr Duration start_patience{60'000};

struct InstallCommand {
  bool is_system = false;
  std::string user;
  bool now = false;
  bool no_start = false;
  bool dry_run = false;
};

// What is installed or taken away.
struct Service {
  systemd::UnitSettings settings;
  Paths paths;
  std::string name;
  std::string file;
};

bool has_variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  return value != nullptr && *value != '\0';
}

// The queue of another user, whose environment we don't have.
Result<Paths> paths_of(const std::string& user) {
  const passwd* entry = getpwnam(user.c_str());  // NOLINT(concurrency-mt-unsafe)
  if (entry == nullptr) return failed(ErrorCode::not_found, "there is no user " + user);
  if (has_variable("REEVE_HOME")) return find_paths();
  const std::string home = entry->pw_dir;
  return Paths{home + "/.local/state/reeve", home + "/.config/reeve/config.toml"};
}

Result<Service> find_service(const InstallCommand& options) {
  if (!options.user.empty() && !options.is_system)
    return failed(ErrorCode::invalid, "--user goes with --system: a user unit is always your own");
  const std::string self = user_name();
  const std::string user = options.user.empty() ? self : options.user;
  const auto paths = user == self ? find_paths() : paths_of(user);
  if (!paths) return std::unexpected(paths.error());
  Service service;
  service.paths = *paths;
  service.settings.scope = options.is_system ? Scope::system : Scope::user;
  service.settings.program = own_program();
  service.settings.state = paths->state;
  service.settings.user = user;
  for (auto& setting : daemon_environment())
    if (user == self || setting.first == "REEVE_HOME")
      service.settings.environment.push_back(std::move(setting));
  const bool is_usual = !has_variable("REEVE_HOME") && !has_variable("XDG_STATE_HOME");
  service.name = systemd::unit_name(service.settings.scope, {user, paths->state, is_usual});
  service.file = systemd::unit_directory(service.settings.scope) + "/" + service.name;
  return service;
}

Result<void> systemctl(Scope scope, std::vector<std::string> words, Duration patience) {
  words.insert(words.begin(), {"systemctl", scope == Scope::user ? "--user" : "--system",
                               "--no-ask-password", "--no-pager"});
  const auto answer = systemd::run_program(words, patience);
  if (!answer) return std::unexpected(answer.error());
  if (answer->code == 0) return {};
  std::string told = answer->err.substr(0, answer->err.find('\n'));
  return failed(ErrorCode::conflict,
                fmt::format("{}: {}", shell_text(words),
                            told.empty() ? fmt::format("exit code {}", answer->code) : told));
}

// For machines without systemd: the line that cron wants.
std::string cron_line(const Service& service) {
  std::string line = "@reboot ";
  for (const auto& [name, value] : service.settings.environment)
    line += name + "=" + shell_text({value}) + " ";
  line += shell_text({service.settings.program, "daemon", "start"});
  for (std::size_t at = line.find('%'); at != std::string::npos; at = line.find('%', at + 2))
    line.insert(at, "\\");  // cron reads a bare one as a new line
  return line;
}

Result<void> check_manager(const Service& service) {
  if (!systemd::is_booted())
    return failed(ErrorCode::conflict,
                  fmt::format("this machine was not started by systemd; to start the daemon with "
                              "the machine, give cron this line (crontab -e): {}",
                              cron_line(service)));
  if (service.settings.scope == Scope::system && ::geteuid() != 0)
    return failed(ErrorCode::forbidden,
                  "a system unit needs root: use sudo, or leave out --system");
  const auto reached =
      systemctl(service.settings.scope, {"show", "--property=Version"}, manager_patience);
  if (!reached)
    return failed(
        ErrorCode::unreachable,
        fmt::format("the service manager can't be reached ({}); log in as {} directly, "
                    "not by su or sudo, or install a system unit: sudo reeve daemon "
                    "install --system --user {}",
                    reached.error().message, service.settings.user, service.settings.user));
  return {};
}

std::string text_of_file(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// As a whole or not at all: a manager may read it at any time.
Result<void> write_unit(const std::string& file, const std::string& text) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(file).parent_path(), error);
  const std::string fresh = file + ".new";
  std::ofstream out(fresh, std::ios::trunc);
  out << text;
  out.close();
  if (!out || ::chmod(fresh.c_str(), 0644) != 0 || ::rename(fresh.c_str(), file.c_str()) != 0)
    return failed(OsError{errno, "write the unit"});
  return {};
}

bool runs_as(const Service& service) {
  const auto pid = find_daemon(service.paths);
  return pid && find_place(*pid).place.unit == service.name;
}

// A daemon that runs outside of the unit makes room for it; its jobs go on.
Result<void> start_service(const Service& service, bool has_changed) {
  const bool is_running = runs_as(service);
  if (is_running && !has_changed) return {};
  if (!is_running) terminate_daemon(service.paths);
  // Whoever came between: the unit tries again until the other one is gone, but is not awaited.
  const auto started = systemctl(service.settings.scope,
                                 {is_running ? "restart" : "start", service.name}, start_patience);
  if (started) return {};
  return failed(started.error(),
                fmt::format("start it; see journalctl {}-u {}",
                            service.settings.scope == Scope::user ? "--user " : "", service.name));
}

void tell_lingering(const Service& service) {
  const std::string& user = service.settings.user;
  switch (systemd::ask_lingering(user)) {
    case systemd::Answer::yes:
      return say(
          fmt::format("lingering is on for {}: it starts with the machine, and no logout "
                      "ends it",
                      user));
    case systemd::Answer::no:
      return say(
          fmt::format("lingering is off for {}: it starts with your first login and ends, "
                      "with its jobs, at your last logout; to change that: loginctl "
                      "enable-linger {}",
                      user, user));
    case systemd::Answer::unknown:
      return say(
          fmt::format("whether lingering is on for {} can't be found out; to switch it on: "
                      "loginctl enable-linger {}",
                      user, user));
  }
}

Result<void> install(const Service& service, const InstallCommand& options) {
  const auto text = systemd::unit_text(service.settings);
  if (!text)
    return failed(ErrorCode::invalid, "a path with control characters can't stand in a unit");
  if (options.dry_run) {
    (void)print(*text);
    return {};
  }
  if (auto checked = check_manager(service); !checked) return checked;
  const bool has_changed = text_of_file(service.file) != *text;
  if (has_changed)
    if (auto written = write_unit(service.file, *text); !written) return written;
  const Scope scope = service.settings.scope;
  if (auto read = systemctl(scope, {"daemon-reload"}, manager_patience); !read) return read;
  if (auto enabled = systemctl(scope, {"enable", "--quiet", service.name}, manager_patience);
      !enabled)
    return enabled;
  if (!options.no_start)
    if (auto started = start_service(service, has_changed); !started) return started;
  say(fmt::format("installed as {} ({}){}", service.name, service.file,
                  options.no_start ? "" : "; the daemon is running"));
  if (scope == Scope::user) tell_lingering(service);
  return {};
}

Result<void> uninstall(const Service& service) {
  std::error_code error;
  if (!std::filesystem::exists(service.file, error)) {
    say(service.name + " is not installed");
    return {};
  }
  if (auto checked = check_manager(service); !checked) return checked;
  const Scope scope = service.settings.scope;
  if (auto ended = systemctl(scope, {"disable", "--quiet", "--now", service.name}, start_patience);
      !ended)
    return ended;
  if (!std::filesystem::remove(service.file, error))
    return failed(OsError{error.value(), "remove the unit"});
  if (auto read = systemctl(scope, {"daemon-reload"}, manager_patience); !read) return read;
  say(
      fmt::format("{} is uninstalled and its daemon stopped; running jobs go on, and the next "
                  "command starts a daemon",
                  service.name));
  return {};
}

void run_install(const InstallCommand& options) {
  const auto service = find_service(options);
  if (!service) return finish(fail(service.error()));
  if (const auto installed = install(*service, options); !installed)
    finish(fail(installed.error()));
}

void run_uninstall(const InstallCommand& options) {
  const auto service = find_service(options);
  if (!service) return finish(fail(service.error()));
  if (const auto uninstalled = uninstall(*service); !uninstalled) finish(fail(uninstalled.error()));
}

CLI::App* add_unit_command(CLI::App& daemon, InstallCommand& options, const char* name,
                           const char* help) {
  CLI::App* command = daemon.add_subcommand(name, help);
  command->add_flag("--system", options.is_system, "of the machine's systemd, not of yours; root");
  command->add_option("--user", options.user, "with --system: whose daemon it is (default: root's)")
      ->type_name("NAME");
  return command;
}

}  // namespace

void add_install_commands(CLI::App& daemon) {
  const auto options = std::make_shared<InstallCommand>();
  CLI::App* install_app = add_unit_command(
      daemon, *options, "install", "make it a service of systemd: a unit, enabled, started");
  CLI::Option* now = install_app->add_flag("--now", options->now, "start it at once (the default)");
  install_app
      ->add_flag("--no-start", options->no_start, "leave the start to the next login or boot")
      ->excludes(now);
  install_app->add_flag("--dry-run", options->dry_run, "print the unit and do nothing");
  install_app->callback([options] { run_install(*options); });

  const auto undo = std::make_shared<InstallCommand>();
  add_unit_command(daemon, *undo, "uninstall", "undo install: stop the daemon, remove the unit")
      ->callback([undo] { run_uninstall(*undo); });
}

}  // namespace reeve::cli
