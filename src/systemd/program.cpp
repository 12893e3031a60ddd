#include "systemd/program.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string_view>

#include "base/fd.h"

namespace reeve::systemd {
namespace {

constexpr std::size_t output_bytes_max = 64 << 10;

std::string runtime_directory() {
  const char* set = std::getenv("XDG_RUNTIME_DIR");  // NOLINT(concurrency-mt-unsafe)
  return set != nullptr && *set == '/' ? set : fmt::format("/run/user/{}", ::getuid());
}

// Into a file in memory: nobody has to read while the program runs.
Fd output_file(const char* name) {
  return Fd(::memfd_create(name, MFD_CLOEXEC));
}

std::string beginning_of(int fd) {
  std::string text(output_bytes_max, '\0');
  const ssize_t got = ::pread(fd, text.data(), text.size(), 0);
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return text;
}

int spawn(const std::vector<std::string>& words, int out, int err, pid_t& pid) {
  std::vector<std::string> environment = manager_environment();
  std::vector<char*> arguments;
  std::vector<char*> variables;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  for (std::string& variable : environment) variables.push_back(variable.data());
  arguments.push_back(nullptr);
  variables.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out, 1);
  posix_spawn_file_actions_adddup2(&actions, err, 2);
  const int code =
      posix_spawnp(&pid, arguments[0], &actions, nullptr, arguments.data(), variables.data());
  posix_spawn_file_actions_destroy(&actions);
  return code;
}

}  // namespace

bool is_booted() {
  return ::access("/run/systemd/system", F_OK) == 0;
}

bool has_user_manager() {
  return ::access((runtime_directory() + "/systemd/private").c_str(), F_OK) == 0;
}

std::vector<std::string> manager_environment() {
  std::vector<std::string> variables{"XDG_RUNTIME_DIR=" + runtime_directory()};
  for (char** variable = environ; *variable != nullptr; ++variable)
    if (!std::string_view(*variable).starts_with("XDG_RUNTIME_DIR="))
      variables.emplace_back(*variable);
  return variables;
}

Result<ProgramAnswer> run_program(const std::vector<std::string>& words, Duration patience) {
  const Fd out = output_file("stdout");
  const Fd err = output_file("stderr");
  if (!out || !err) return failed(OsError{errno, "make a file in memory"});
  pid_t pid = 0;
  if (const int code = spawn(words, out.get(), err.get(), pid); code == ENOENT)
    return failed(ErrorCode::not_found, fmt::format("there is no program {}", words[0]));
  else if (code != 0)
    return failed(OsError{code, "start a program"});
  const Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  pollfd ended{pidfd.get(), POLLIN, 0};
  const bool is_late = ::poll(&ended, 1, static_cast<int>(patience.count())) != 1;
  if (is_late) ::kill(pid, SIGKILL);
  int status = 0;
  ::waitpid(pid, &status, 0);
  if (is_late)
    return failed(ErrorCode::unreachable,
                  fmt::format("{} did not answer within {} s", words[0], patience.count() / 1000));
  return ProgramAnswer{WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
                       beginning_of(out.get()), beginning_of(err.get())};
}

}  // namespace reeve::systemd
