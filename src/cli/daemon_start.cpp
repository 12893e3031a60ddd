#include "cli/daemon_start.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "cli/terminal.h"
#include "systemd/logind.h"
#include "systemd/program.h"
#include "systemd/unit.h"

namespace reeve::cli {
namespace {

using Words = std::vector<std::string>;

constexpr Duration manager_patience{3000};   // to put a process somewhere
constexpr Duration service_patience{15000};  // to have a daemon that serves
const Words run_words{"daemon", "run", "--delegated"};

std::string variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  return value != nullptr ? value : "";
}

std::string cgroups_of(const std::string& pid) {
  std::ifstream file("/proc/" + pid + "/cgroup");
  return {std::istreambuf_iterator<char>(file), {}};
}

// What a job gets of Reeve is not for a daemon: its mark would make it part of the job.
bool is_of_a_job(std::string_view assignment) {
  constexpr std::array<std::string_view, 7> names{
      "REEVE_JOB_ID", "REEVE_ATTEMPT", "REEVE_NAME", "REEVE_RESULTS_DIR",
      "REEVE_CPUS",   "REEVE_MEMORY",  "REEVE_MARK"};
  return std::ranges::find(names, assignment.substr(0, assignment.find('='))) != names.end();
}

// `systemd-run` with what it says to the manager that can be reached. Root has the machine's, in
// which nothing depends on a login.
std::optional<Words> manager_words() {
  if (!systemd::is_booted() || (::geteuid() != 0 && !systemd::has_user_manager()))
    return std::nullopt;
  Words words{"systemd-run"};
  if (::geteuid() != 0) words.emplace_back("--user");
  for (const char* word : {"--quiet", "--collect", "--description=Reeve, a durable job runner",
                           "--property=Delegate=yes", "--property=TasksMax=infinity"})
    words.emplace_back(word);
  return words;
}

// Runs a program (of PATH, or a path) with nothing of ours but `ready` as descriptor 3: no
// terminal, no pipe, no directory.
Result<pid_t> spawn_in_background(const char* program, Words words, int ready) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0);
  posix_spawn_file_actions_adddup2(&actions, ready, 3);
  posix_spawn_file_actions_adddup2(&actions, 0, 1);
  posix_spawn_file_actions_adddup2(&actions, 0, 2);
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  Words environment = systemd::manager_environment();
  std::erase_if(environment, is_of_a_job);
  std::vector<char*> arguments;
  std::vector<char*> variables;
  for (std::string& word : words) arguments.push_back(word.data());
  for (std::string& assignment : environment) variables.push_back(assignment.data());
  arguments.push_back(nullptr);
  variables.push_back(nullptr);
  pid_t pid = 0;
  const int code =
      posix_spawnp(&pid, program, &actions, &attributes, arguments.data(), variables.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (code != 0) return failed(OsError{code, "start the daemon"});
  return pid;
}

std::string read_until_closed(int fd) {
  std::string text;
  std::array<char, 512> buffer{};
  while (true) {
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

// Starts a daemon with `before` in front of its words, and returns what it told, without the word
// with which it begins. Nothing when it did not begin.
Result<std::optional<std::string>> start_with(const Words& before, const Words& options,
                                              int begin_patience_ms) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return failed(OsError{errno, "make a pipe"});
  const Fd read_end(ends[0]);
  Fd write_end(ends[1]);
  Words words = before;
  words.push_back(before.empty() ? "reeve" : own_program());
  words.insert(words.end(), {"daemon", "run", "--background", "--ready-fd", "3"});
  words.insert(words.end(), options.begin(), options.end());
  // Not by its path where that is not needed: the file may have been replaced meanwhile.
  const char* program = before.empty() ? "/proc/self/exe" : before.front().c_str();
  const auto pid = spawn_in_background(program, std::move(words), write_end.get());
  if (!pid) return std::unexpected(pid.error());
  write_end.reset();
  pollfd wanted{read_end.get(), POLLIN, 0};
  const bool is_late = ::poll(&wanted, 1, begin_patience_ms) == 0;
  if (is_late) ::kill(*pid, SIGKILL);
  std::string told = is_late ? "" : read_until_closed(read_end.get());
  ::waitpid(*pid, nullptr, 0);  // the daemon itself has gone to the background
  if (!told.starts_with(begun_word)) return std::nullopt;
  told.erase(0, std::string_view(begun_word).size());
  if (told.ends_with('\n')) told.pop_back();
  return told;
}

Result<void> verdict_of(const std::string& told, const Paths& paths) {
  if (told == "ready") return {};
  const auto colon = told.find(": ");
  if (colon == std::string::npos)
    return failed(ErrorCode::unreachable, "the daemon could not be started; see " + paths.log());
  // Busy: somebody else's daemon holds the directory. It was quicker, or it is just stopping.
  const bool is_busy = told.substr(0, colon) == to_word(ErrorCode::busy);
  return failed(is_busy ? ErrorCode::busy : ErrorCode::unreachable, told.substr(colon + 2));
}

bool is_done(const Result<systemd::ProgramAnswer>& answer) {
  return answer && answer->code == 0;
}

std::optional<systemd::InstalledUnit> find_unit(const Paths& paths) {
  return systemd::is_booted() ? systemd::find_unit(paths.state, user_name()) : std::nullopt;
}

// True when the unit that serves this queue runs now. An error where nobody else should.
Result<bool> start_unit(const Paths& paths) {
  const auto unit = find_unit(paths);
  if (!unit) return false;
  const bool is_system = unit->scope == systemd::Scope::system;
  if (!is_system || ::geteuid() == 0)
    return is_done(systemd::run_program(
        {"systemctl", is_system ? "--system" : "--user", "--no-ask-password", "start", unit->name},
        service_patience));
  const auto state = systemd::run_program({"systemctl", "is-active", unit->name}, manager_patience);
  const bool is_on_its_way = state && state->out.starts_with("activating");
  return failed(is_on_its_way ? ErrorCode::busy : ErrorCode::unreachable,
                fmt::format("the daemon is the system service {}, which is not running; to start "
                            "it: sudo systemctl start {}",
                            unit->name, unit->name));
}

// A service is nobody's child of ours, and so not of a job either. It has told its readiness when
// systemd-run comes back.
bool start_as_service(Words manager) {
  for (const char* word :
       {"--service-type=notify", "--property=KillMode=process", "--property=OOMPolicy=continue"})
    manager.emplace_back(word);
  for (const auto& [name, value] : daemon_environment())
    manager.push_back(fmt::format("--setenv={}={}", name, value));
  manager.insert(manager.end(), {"--", own_program()});
  manager.insert(manager.end(), run_words.begin(), run_words.end());
  return is_done(systemd::run_program(manager, service_patience));
}

Result<void> start_plainly(const Paths& paths) {
  const auto told = start_with({}, {}, -1);
  if (!told) return std::unexpected(told.error());
  return verdict_of(told->value_or(""), paths);
}

Result<void> start_somewhere(const Paths& paths) {
  const auto unit_runs = start_unit(paths);
  if (!unit_runs) return std::unexpected(unit_runs.error());
  if (*unit_runs) return {};
  auto manager = manager_words();
  const std::string job = variable("REEVE_JOB_ID");
  if (!job.empty()) {
    if (manager && start_as_service(*manager)) return {};
    auto started = start_plainly(paths);
    if (started)
      say(
          fmt::format("this daemon was started by job {} and will end with it; start one that "
                      "stays from outside of the job: reeve daemon start",
                      job));
    return started;
  }
  if (!manager) return start_plainly(paths);
  const auto here = systemd::place_of(cgroups_of("self"));
  const auto there =
      ::geteuid() == 0 ? systemd::PlaceKind::system_unit : systemd::PlaceKind::user_manager;
  if (!systemd::should_move(here, there, systemd::ask_logout_policy(here, user_name())))
    return start_plainly(paths);
  manager->insert(manager->end(), {"--scope", "--"});
  const auto told =
      start_with(*manager, {"--delegated"}, static_cast<int>(manager_patience.count()));
  if (told && *told) return verdict_of(**told, paths);
  return start_plainly(paths);
}

}  // namespace

Result<void> start_daemon(const Paths& paths) {
  auto started = start_somewhere(paths);
  const auto pid = started ? find_daemon(paths) : std::nullopt;
  if (!pid) return started;
  const auto [place, policy] = find_place(*pid);
  if (const auto warning = systemd::logout_warning(place, policy, user_name()); !warning.empty())
    say(warning);
  return started;
}

std::optional<std::string> find_service_of_root(const Paths& paths) {
  const auto unit = find_unit(paths);
  if (!unit || unit->scope != systemd::Scope::system || ::geteuid() == 0) return std::nullopt;
  return unit->name;
}

DaemonPlace find_place(int pid) {
  DaemonPlace found;
  found.place = systemd::place_of(cgroups_of(std::to_string(pid)));
  found.policy = systemd::ask_logout_policy(found.place, user_name());
  return found;
}

std::string user_name() {
  const passwd* user = getpwuid(::getuid());  // NOLINT(concurrency-mt-unsafe)
  return user != nullptr ? user->pw_name : std::to_string(::getuid());
}

std::vector<std::pair<std::string, std::string>> daemon_environment() {
  std::vector<std::pair<std::string, std::string>> set;
  for (const char* name : {"REEVE_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "REEVE_NO_CGROUP"})
    if (std::string value = variable(name); !value.empty()) set.emplace_back(name, value);
  // A manager gives its services the one of the user database.
  const passwd* user = getpwuid(::getuid());  // NOLINT(concurrency-mt-unsafe)
  if (const std::string home = variable("HOME");
      home.starts_with('/') && (user == nullptr || home != user->pw_dir))
    set.emplace_back("HOME", home);
  return set;
}

std::string own_program() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).string();
}

}  // namespace reeve::cli
