#include "contain/marked.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>

#include "base/fd.h"
#include "contain/process.h"

namespace reeve {
namespace {

bool carries(pid_t pid, const std::string& assignment) {
  const std::string path = "/proc/" + std::to_string(pid) + "/environ";
  const Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return false;
  std::string text(1, '\0');  // so that each assignment stands between two zero bytes
  char buffer[16384];
  for (ssize_t got = 0; (got = read(file.get(), buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(got));
  text += '\0';
  const std::string wanted = '\0' + assignment + '\0';
  return text.find(wanted) != std::string::npos;
}

}  // namespace

std::vector<pid_t> find_marked(const std::string& assignment) {
  std::vector<pid_t> found;
  const std::unique_ptr<DIR, int (*)(DIR*)> proc(opendir("/proc"), closedir);
  if (!proc) return found;
  while (const dirent* entry = readdir(proc.get())) {
    char* end = nullptr;
    const auto pid = static_cast<pid_t>(std::strtol(entry->d_name, &end, 10));
    if (pid <= 1 || *end != '\0' || pid == getpid()) continue;
    struct stat info{};
    if (fstatat(dirfd(proc.get()), entry->d_name, &info, 0) != 0 || info.st_uid != getuid())
      continue;
    const auto stat = read_stat(pid);
    if (stat && is_alive(*stat) && carries(pid, assignment)) found.push_back(pid);
  }
  return found;
}

int kill_marked(const std::string& assignment) {
  int killed = 0;
  for (const pid_t pid : find_marked(assignment)) {
    const Fd pidfd(open_pidfd(pid));
    // Looked at again behind the pidfd: whoever carries the mark now is what the pidfd stands for.
    if (pidfd && carries(pid, assignment) && send_signal(pidfd.get(), SIGKILL)) ++killed;
  }
  return killed;
}

}  // namespace reeve
