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
  const auto member = pool.open_member("probe");
  const bool works = member && can_bear_and_kill(member->fd);
  pool.members_.erase("probe");
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

std::optional<CgroupPool::Member> CgroupPool::open_member(const std::string& name) {
  const std::string path = path_ + "/" + name;
  if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) return std::nullopt;
  Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return std::nullopt;
  const Member member{name, fd.get()};
  members_[name] = std::move(fd);
  return member;
}

std::optional<CgroupPool::Member> CgroupPool::acquire() {
  if (!free_.empty()) {
    const std::string name = std::move(free_.back());
    free_.pop_back();
    return Member{name, members_.at(name).get()};
  }
  std::string name;
  do {
    name = fmt::format("a{}", ++made_);
  } while (std::filesystem::exists(path_ + "/" + name));
  return open_member(name);
}

std::optional<CgroupPool::Member> CgroupPool::adopt(const std::string& name) {
  if (const auto known = members_.find(name); known != members_.end())
    return Member{name, known->second.get()};
  std::error_code error;
  if (name.empty() || !std::filesystem::exists(path_ + "/" + name, error)) return std::nullopt;
  return open_member(name);
}

void CgroupPool::release(const std::string& name, bool spent) {
  if (!members_.contains(name)) return;
  if (!spent) {
    free_.push_back(name);
    return;
  }
  members_.erase(name);
  spent_.push_back(name);
  remove_unused();
}

std::vector<std::string> CgroupPool::unclaimed() const {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(path_, error))
    if (entry.is_directory(error) && !members_.contains(entry.path().filename()))
      names.push_back(entry.path().filename());
  return names;
}

bool CgroupPool::remove_unused() {
  // A cgroup is busy for a moment after its last process was reaped.
  std::erase_if(spent_, [&](const std::string& name) {
    return ::rmdir((path_ + "/" + name).c_str()) == 0 || errno == ENOENT;
  });
  return spent_.empty();
}

}  // namespace reeve
