#include "contain/enclosure_cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "contain/cgroup_probe.h"
#include "contain/containment.h"
#include "contain/process.h"

namespace reeve {
namespace {

// The directory of our own cgroup; ours are made below it.
std::optional<std::string> own_directory() {
  const auto mount = cgroup_mount_point();
  const auto own = own_cgroup();
  if (!mount || !own) return std::nullopt;
  return *mount + *own;
}

constexpr std::string_view name_begin = "reeve-contain-";
// Names that somebody else may hold: of an equal pid in another pid namespace, for instance.
constexpr int names_max = 16;
// A cgroup is busy for a moment after its last process was reaped.
constexpr int busy_ms_max = 200;

Fd open_directory(const std::string& path) {
  return Fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

std::vector<std::string> directories_in(const std::string& path) {
  std::vector<std::string> found;
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(opendir(path.c_str()), closedir);
  if (!stream) return found;
  while (const dirent* entry = readdir(stream.get()))
    if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
      found.push_back(path + "/" + entry->d_name);
  return found;
}

// The cgroup and all below it, the deepest first.
std::vector<std::string> tree_of(const std::string& path) {
  std::vector<std::string> all;
  for (const std::string& below : directories_in(path))
    for (std::string& deeper : tree_of(below)) all.push_back(std::move(deeper));
  all.push_back(path);
  return all;
}

void remove_tree(const std::string& path) {
  for (const std::string& each : tree_of(path))
    for (int waited = 0; rmdir(each.c_str()) != 0 && errno == EBUSY && waited < busy_ms_max;
         ++waited)
      poll(nullptr, 0, 1);
}

bool has_lock(int directory) {
  return flock(directory, LOCK_EX | LOCK_NB) == 0;
}

// One round; false while something lived.
bool end_round(const std::string& path) {
  bool was_empty = true;
  for (const std::string& each : tree_of(path)) {
    const Fd directory = open_directory(each);
    Containment containment(directory.get(), false);
    if (!directory || containment.is_empty()) continue;
    was_empty = false;
    containment.kill_round();
  }
  return was_empty;
}

}  // namespace

EnclosureCgroup EnclosureCgroup::make(std::string& why_not) {
  const auto own = own_directory();
  if (!own) {
    why_not = "no cgroup-v2 tree is mounted";
    return {};
  }
  for (int number = 0; number < names_max; ++number) {
    std::string path = *own + "/" + std::string(name_begin) + std::to_string(getpid()) + "-" +
                       std::to_string(number);
    if (mkdir(path.c_str(), 0755) != 0) {
      if (errno == EEXIST) continue;
      why_not = std::string("a cgroup can't be made: ") + strerror(errno) + " (" + path + ")";
      return {};
    }
    Fd directory = open_directory(path);
    // Somebody may have taken it for an abandoned one before it was locked.
    if (!has_lock(directory.get()) || access(path.c_str(), F_OK) != 0) continue;
    const std::string trial = path + "/probe";
    const bool works =
        mkdir(trial.c_str(), 0755) == 0 && can_bear_and_kill(open_directory(trial).get());
    remove_tree(trial);
    if (works) return {std::move(path), std::move(directory)};
    rmdir(path.c_str());
    why_not = "a process can't be born in a cgroup of ours and be killed with it";
    return {};
  }
  why_not = "no name for a cgroup is free in " + *own;
  return {};
}

void EnclosureCgroup::remove() const {
  if (directory_ && Containment(directory_.get(), false).is_empty()) remove_tree(path_);
}

void end_abandoned_enclosures() {
  const auto own = own_directory();
  if (!own) return;
  for (const std::string& path : directories_in(*own)) {
    if (!path.substr(own->size() + 1).starts_with(name_begin)) continue;
    const Fd directory = open_directory(path);
    if (!directory || !has_lock(directory.get())) continue;
    for (int waited = 0; !end_round(path) && waited < limits::kill_stuck_ms; ++waited)
      poll(nullptr, 0, 1);
    remove_tree(path);
  }
}

std::int64_t cgroup_cpu_us(int cgroup) {
  char text[1024];
  if (cgroup < 0 || read_small_file_at(cgroup, "cpu.stat", text, sizeof text) <= 0) return 0;
  const char* usage = strstr(text, "usage_usec ");
  return usage == nullptr ? 0 : atoll(usage + strlen("usage_usec "));
}

}  // namespace reeve
