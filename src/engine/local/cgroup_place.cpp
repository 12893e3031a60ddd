#include "engine/local/cgroup_place.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <sstream>

#include "base/fd.h"

namespace reeve {
namespace {

constexpr std::string_view leaf_name = "/reeve-daemon";

// "reeve-" and the eight digits of a state directory's tag.
bool is_pool_name(std::string_view component) {
  constexpr std::string_view beginning = "reeve-";
  return component.size() == beginning.size() + 8 && component.starts_with(beginning) &&
         component.find_first_not_of("0123456789abcdef", beginning.size()) ==
             std::string_view::npos;
}

// Where the outermost pool begins in the path; npos when there is none.
std::size_t find_pool(std::string_view path) {
  for (std::size_t at = path.find('/'); at != std::string_view::npos; at = path.find('/', at + 1))
    if (is_pool_name(path.substr(at + 1, path.find('/', at + 1) - at - 1))) return at;
  return std::string_view::npos;
}

bool move_into(const std::string& directory) {
  const Fd procs(::open((directory + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));
  return procs && ::write(procs.get(), "0", 1) == 1;
}

}  // namespace

std::optional<std::string> cgroup_mount_point() {
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

std::optional<std::string> cgroup_in(std::string_view proc_cgroup) {
  while (!proc_cgroup.empty()) {
    const auto line = proc_cgroup.substr(0, proc_cgroup.find('\n'));
    if (line.starts_with("0::")) return std::string(line == "0::/" ? "" : line.substr(3));
    proc_cgroup.remove_prefix(std::min(line.size() + 1, proc_cgroup.size()));
  }
  return std::nullopt;
}

std::string cgroup_for_pool(std::string_view own) {
  own = own.substr(0, find_pool(own));
  if (own.ends_with(leaf_name)) own.remove_suffix(leaf_name.size());
  return std::string(own);
}

bool is_in_a_pool(std::string_view own) {
  return find_pool(own) != std::string_view::npos;
}

std::optional<CgroupPlace> CgroupPlace::enter(bool is_delegated) {
  const auto mount = cgroup_mount_point();
  std::ifstream file("/proc/self/cgroup");
  const auto own = cgroup_in(std::string(std::istreambuf_iterator<char>(file), {}));
  if (!mount || !own) return std::nullopt;
  CgroupPlace place;
  place.directory_ = *mount + cgroup_for_pool(*own);
  const std::string leaf = place.directory_ + std::string(leaf_name);
  if (is_delegated && (::mkdir(leaf.c_str(), 0755) == 0 || errno == EEXIST))
    place.has_leaf_ = move_into(leaf);
  // The leaf of the daemon whose job we were started by is there if its cgroup was delegated.
  if (is_in_a_pool(*own) && !place.has_leaf_ && !move_into(leaf) && !move_into(place.directory_))
    place.directory_ = *mount + *own;
  return place;
}

void CgroupPlace::leave() {
  if (has_leaf_ && move_into(directory_)) ::rmdir((directory_ + std::string(leaf_name)).c_str());
}

}  // namespace reeve
