#include "contain/cgroup_probe.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>

#include "base/fd.h"
#include "contain/birth.h"
#include "contain/containment.h"

namespace reeve {
namespace {

std::string read_whole(const char* path) {
  std::string text;
  const Fd file(open(path, O_RDONLY | O_CLOEXEC));
  char buffer[4096];
  for (ssize_t got = 0; (got = read(file.get(), buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(got));
  return text;
}

// Takes the next line off the front of `text`, without its end.
std::string_view take_line(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(line.size() + 1, text.size()));
  return line;
}

// The number of the field counts from 0.
std::string_view field_of(std::string_view line, int number) {
  for (; number > 0; --number) line.remove_prefix(std::min(line.find(' '), line.size() - 1) + 1);
  return line.substr(0, line.find(' '));
}

}  // namespace

std::optional<std::string> cgroup_mount_point() {
  const std::string text = read_whole("/proc/self/mountinfo");
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view line = take_line(rest);
    if (line.find(" - cgroup2 ") != std::string_view::npos) return std::string(field_of(line, 4));
  }
  return std::nullopt;
}

std::optional<std::string> cgroup_in(std::string_view proc_cgroup) {
  while (!proc_cgroup.empty()) {
    const std::string_view line = take_line(proc_cgroup);
    if (line.starts_with("0::")) return std::string(line == "0::/" ? "" : line.substr(3));
  }
  return std::nullopt;
}

std::optional<std::string> own_cgroup() {
  return cgroup_in(read_whole("/proc/self/cgroup"));
}

bool can_bear_and_kill(int cgroup) {
  // Not vfork: the child must stay until it is killed.
  clone_args arguments{};
  arguments.flags = CLONE_INTO_CGROUP;
  arguments.exit_signal = SIGCHLD;
  arguments.cgroup = static_cast<std::uint64_t>(cgroup);
  const pid_t parent = getpid();
  const long pid = reeve_clone3(&arguments, sizeof arguments);
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // should we be killed meanwhile, it must not stay
    while (getppid() == parent) pause();
    _exit(0);
  }
  if (pid < 0) return false;
  Containment containment(cgroup, false);
  const bool was_born = !containment.is_empty();
  containment.kill_round();
  // Should the kill not work, the child must not stay behind.
  kill(static_cast<pid_t>(pid), SIGKILL);
  int status = 0;
  waitpid(static_cast<pid_t>(pid), &status, 0);
  return was_born && WIFSIGNALED(status) && containment.is_empty();
}

}  // namespace reeve
