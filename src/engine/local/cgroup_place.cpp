#include "engine/local/cgroup_place.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/fd.h"
#include "contain/cgroup_probe.h"

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
  const auto own = own_cgroup();
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
