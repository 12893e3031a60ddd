#include "engine/local/memory_cgroups.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

namespace reeve {
namespace {

bool write_value(const std::string& path, const std::string& value) {
  const Fd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  return file && ::write(file.get(), value.data(), value.size()) == std::ssize(value);
}

bool has_word(const std::string& path, const std::string& wanted) {
  std::ifstream file(path);
  for (std::string word; file >> word;)
    if (word == wanted) return true;
  return false;
}

bool can_use_version2(const std::string& pool) {
  return !pool.empty() && has_word(pool + "/cgroup.controllers", "memory") &&
         write_value(pool + "/cgroup.subtree_control", "+memory");
}

// Of the hierarchy of version 1 that has the memory controller.
std::optional<std::string> version1_mount() {
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    const auto dash = line.find(" - cgroup ");
    if (dash == std::string::npos) continue;
    std::istringstream options(line.substr(line.rfind(' ') + 1));
    bool has_memory = false;
    for (std::string option; std::getline(options, option, ',');) has_memory |= option == "memory";
    if (!has_memory) continue;
    std::istringstream fields(line);
    std::string field;
    for (int i = 0; i < 5; ++i) fields >> field;
    return field;
  }
  return std::nullopt;
}

std::optional<std::string> own_version1_cgroup() {
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    if (controllers.find(",memory,") == std::string::npos) continue;
    const std::string path = line.substr(second + 1);
    return path == "/" ? "" : path;
  }
  return std::nullopt;
}

// Ours below our own cgroup, when we may make cgroups there. It is made with the first limit.
std::string place_in_version1(const std::string& tag) {
  const auto mount = version1_mount();
  const auto own = own_version1_cgroup();
  if (!mount || !own) return "";
  const std::string parent = *mount + *own;
  if (::access(parent.c_str(), W_OK) != 0 ||
      ::access((parent + "/memory.limit_in_bytes").c_str(), F_OK) != 0)
    return "";
  const std::string path = fmt::format("{}/reeve-{}", parent, tag);
  // What an earlier daemon left. Those in which something lives stay.
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(path, error))
    if (entry.is_directory(error)) ::rmdir(entry.path().c_str());
  return path;
}

}  // namespace

MemoryCgroups MemoryCgroups::probe(const std::string& tag, const std::string& pool) {
  MemoryCgroups cgroups;
  if (can_use_version2(pool))
    cgroups.pool_ = pool;
  else
    cgroups.version1_ = place_in_version1(tag);
  return cgroups;
}

std::string MemoryCgroups::path_of(std::int64_t start) const {
  return fmt::format("{}/s{}", version1_, start);
}

OsResult<Fd> MemoryCgroups::limit(std::int64_t start, const std::string& cgroup,
                                  std::int64_t bytes) const {
  const std::string number = std::to_string(bytes);
  std::string path;
  if (!pool_.empty() && !cgroup.empty()) {
    path = pool_ + "/" + cgroup;
    if (!write_value(path + "/memory.max", number)) return os_failed("limit the memory");
    // Swap would let it go on far beyond the limit, and one process that dies alone is worse than
    // all of them: the job is one thing. Both are missing on some kernels.
    (void)write_value(path + "/memory.swap.max", "0");
    (void)write_value(path + "/memory.oom.group", "1");
  } else {
    path = path_of(start);
    (void)::mkdir(version1_.c_str(), 0755);
    if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST)
      return os_failed("make a cgroup for the memory limit");
    if (!write_value(path + "/memory.limit_in_bytes", number)) return os_failed("limit the memory");
    (void)write_value(path + "/memory.memsw.limit_in_bytes", number);
  }
  Fd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return os_failed("open the cgroup of the memory limit");
  return directory;
}

void MemoryCgroups::release(std::int64_t start) const {
  if (!version1_.empty()) ::rmdir(path_of(start).c_str());
}

void MemoryCgroups::close() const {
  if (!version1_.empty()) ::rmdir(version1_.c_str());
}

}  // namespace reeve
