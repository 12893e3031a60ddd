#include "engine/local/cgroup_pool.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/result.h"
#include "contain/birth.h"
#include "contain/containment.h"

namespace reeve {
namespace {

// Where the cgroup-v2 tree is mounted: the whole of it, or beside version 1 (hybrid).
std::optional<std::string> mount_point() {
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    const auto dash = line.find(" - ");
    if (dash == std::string::npos || line.compare(dash + 3, 8, "cgroup2 ") != 0) continue;
    std::istringstream fields(line);
    std::string field;
    for (int i = 0; i < 5; ++i) fields >> field;
    return field;
  }
  return std::nullopt;
}

std::optional<std::string> own_cgroup() {
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("0::")) return line.substr(3) == "/" ? "" : line.substr(3);
  return std::nullopt;
}

// A process is born in the cgroup, does nothing, and is killed with it.
bool can_bear_and_kill(int cgroup) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return false;
  const Fd read_end(ends[0]);
  Fd write_end(ends[1]);
  // Not vfork: the child must stay until it is killed.
  clone_args arguments{};
  arguments.flags = CLONE_INTO_CGROUP;
  arguments.exit_signal = SIGCHLD;
  arguments.cgroup = static_cast<std::uint64_t>(cgroup);
  const long pid = reeve_clone3(&arguments, sizeof arguments);
  if (pid == 0)
    while (true) pause();
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

}  // namespace

std::optional<CgroupPool> CgroupPool::probe(const std::string& tag, std::string& why_not) {
  const auto mount = mount_point();
  const auto own = own_cgroup();
  if (!mount || !own) {
    why_not = "no cgroup-v2 tree is mounted";
    return std::nullopt;
  }
  CgroupPool pool(fmt::format("{}{}/reeve-{}", *mount, *own, tag));
  if (::mkdir(pool.path_.c_str(), 0755) != 0 && errno != EEXIST) {
    why_not = to_error(OsError{errno, "make a cgroup"}).message + " (" + pool.path_ + ")";
    return std::nullopt;
  }
  const bool works = pool.make("probe") && can_bear_and_kill(pool.open("probe").get());
  ::rmdir((pool.path_ + "/probe").c_str());
  if (!works) {
    ::rmdir(pool.path_.c_str());
    why_not = "a process can't be born in a cgroup of ours and be killed with it";
    return std::nullopt;
  }
  // What an earlier daemon left and nothing lives in is of no use: it may have been killed once.
  for (const std::string& name : pool.unclaimed()) ::rmdir((pool.path_ + "/" + name).c_str());
  return pool;
}

bool CgroupPool::make(const std::string& name) {
  return ::mkdir((path_ + "/" + name).c_str(), 0755) == 0 || errno == EEXIST;
}

Fd CgroupPool::open(const std::string& name) const {
  return Fd(::open((path_ + "/" + name).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

std::optional<std::string> CgroupPool::acquire() {
  std::string name;
  if (!free_.empty()) {
    name = std::move(free_.back());
    free_.pop_back();
  } else {
    do {
      name = fmt::format("a{}", ++made_);
    } while (std::filesystem::exists(path_ + "/" + name));
    if (!make(name)) return std::nullopt;
  }
  used_.insert(name);
  return name;
}

bool CgroupPool::adopt(const std::string& name) {
  std::error_code error;
  if (name.empty() || !std::filesystem::exists(path_ + "/" + name, error)) return false;
  std::erase(free_, name);
  used_.insert(name);
  return true;
}

void CgroupPool::release(const std::string& name, bool spent) {
  if (used_.erase(name) == 0) return;
  (spent ? spent_ : free_).push_back(name);
  if (spent) remove_spent();
}

std::vector<std::string> CgroupPool::unclaimed() const {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(path_, error))
    if (const std::string name = entry.path().filename();
        entry.is_directory(error) && !used_.contains(name) &&
        std::ranges::find(free_, name) == free_.end() &&
        std::ranges::find(spent_, name) == spent_.end())
      names.push_back(name);
  return names;
}

void CgroupPool::remove_spent() {
  // A cgroup is busy for a moment after its last process was reaped.
  std::erase_if(spent_, [&](const std::string& name) {
    return ::rmdir((path_ + "/" + name).c_str()) == 0 || errno == ENOENT;
  });
}

void CgroupPool::close() {
  remove_spent();
  for (const std::string& name : free_) ::rmdir((path_ + "/" + name).c_str());
  ::rmdir(path_.c_str());
}

}  // namespace reeve
