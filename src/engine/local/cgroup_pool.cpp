#include "engine/local/cgroup_pool.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/result.h"
#include "contain/cgroup_probe.h"

namespace reeve {
namespace {

// The name of the cgroup with this directory; nothing when it is not there.
std::optional<std::string> name_of(const std::string& directory) {
  struct stat info{};
  if (::stat(directory.c_str(), &info) != 0) return std::nullopt;
  return fmt::format("{}:{}", info.st_ino, directory);
}

std::string directory_of(const std::string& name) {
  return name.substr(name.find(':') + 1);
}

}  // namespace

std::optional<CgroupPool> CgroupPool::probe(const Settings& settings, std::string& why_not) {
  CgroupPool pool(fmt::format("{}/reeve-{}", settings.directory, settings.tag), settings.tag);
  if (::mkdir(pool.path_.c_str(), 0755) != 0 && errno != EEXIST) {
    why_not = to_error(OsError{errno, "make a cgroup"}).message + " (" + pool.path_ + ")";
    return std::nullopt;
  }
  const auto probe = pool.make("probe");
  const bool works = probe && can_bear_and_kill(pool.open(*probe).get());
  ::rmdir((pool.path_ + "/probe").c_str());
  if (!works) {
    ::rmdir(pool.path_.c_str());
    why_not = "a process can't be born in a cgroup of ours and be killed with it";
    return std::nullopt;
  }
  pool.remember(settings.memory_file);
  // What an earlier daemon left and nothing lives in is of no use: it may have been killed once.
  pool.remove_unclaimed();
  return pool;
}

// Nothing is lost with the file that a restart of the machine would not take as well.
void CgroupPool::remember(const std::string& memory_file) {
  std::vector<std::string> names;
  std::ifstream before(memory_file);
  for (std::string name; std::getline(before, name);)
    if (const std::string directory = directory_of(name);
        directory != path_ && name_of(directory) == name && ::rmdir(directory.c_str()) != 0) {
      earlier_.push_back(directory);
      names.push_back(name);
    }
  if (auto own = name_of(path_)) names.push_back(std::move(*own));
  std::ofstream after(memory_file, std::ios::trunc);
  for (const std::string& name : names) after << name << '\n';
}

void CgroupPool::remove_unclaimed() {
  for (const std::string& name : unclaimed()) ::rmdir(directory_of(name).c_str());
  remove_empty_pools();
}

std::optional<std::string> CgroupPool::make(const std::string& child) const {
  const std::string directory = path_ + "/" + child;
  if (::mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST) return std::nullopt;
  return name_of(directory);
}

Fd CgroupPool::open(const std::string& name) const {
  Fd fd(::open(directory_of(name).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct stat info{};
  if (!fd || ::fstat(fd.get(), &info) != 0 || !name.starts_with(fmt::format("{}:", info.st_ino)))
    return {};
  return fd;
}

std::optional<std::string> CgroupPool::acquire() {
  std::string name;
  if (!free_.empty()) {
    name = std::move(free_.back());
    free_.pop_back();
  } else {
    std::string child;
    do {
      child = fmt::format("a{}", ++made_);
    } while (std::filesystem::exists(path_ + "/" + child));
    auto made = make(child);
    if (!made) return std::nullopt;
    name = std::move(*made);
  }
  used_.insert(name);
  return name;
}

bool CgroupPool::adopt(const std::string& name) {
  if (!open(name)) return false;
  std::erase(free_, name);
  used_.insert(name);
  return true;
}

std::optional<std::string> CgroupPool::adopt_home_of(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/cgroup", pid));
  const auto own = cgroup_in(std::string(std::istreambuf_iterator<char>(file), {}));
  const auto mount = cgroup_mount_point();
  if (!own || !mount || !own->contains("/reeve-" + tag_ + "/")) return std::nullopt;
  auto name = name_of(*mount + *own);
  if (!name || !adopt(*name)) return std::nullopt;
  return name;
}

void CgroupPool::release(const std::string& name, bool spent) {
  if (used_.erase(name) == 0) return;
  // Nobody is born in the place of an earlier daemon.
  const bool is_ours = directory_of(name).starts_with(path_ + "/");
  (spent || !is_ours ? spent_ : free_).push_back(name);
  remove_spent();
}

std::vector<std::string> CgroupPool::unclaimed() const {
  std::vector<std::string> names;
  const auto look_into = [&](const std::string& pool) {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(pool, error)) {
      if (!entry.is_directory(error)) continue;
      auto name = name_of(entry.path());
      if (name && !used_.contains(*name) && std::ranges::find(free_, *name) == free_.end() &&
          std::ranges::find(spent_, *name) == spent_.end())
        names.push_back(std::move(*name));
    }
  };
  look_into(path_);
  std::ranges::for_each(earlier_, look_into);
  return names;
}

void CgroupPool::remove_spent() {
  // A cgroup is busy for a moment after its last process was reaped.
  const auto removed = std::erase_if(spent_, [](const std::string& name) {
    return ::rmdir(directory_of(name).c_str()) == 0 || errno == ENOENT;
  });
  if (removed > 0) remove_empty_pools();
}

void CgroupPool::remove_empty_pools() {
  std::erase_if(earlier_, [](const std::string& pool) { return ::rmdir(pool.c_str()) == 0; });
}

void CgroupPool::close() {
  remove_spent();
  for (const std::string& name : free_) ::rmdir(directory_of(name).c_str());
  remove_empty_pools();
  ::rmdir(path_.c_str());
}

}  // namespace reeve
