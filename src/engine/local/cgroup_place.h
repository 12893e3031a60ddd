#pragma once
// Where the daemon stands in the cgroup-v2 tree, and below which directory its pool is made.
//
// A cgroup that was delegated to the daemon (Delegate=yes of systemd) is divided: the daemon and
// its keepers stand in a leaf, the pool beside it. So no process is in the cgroup that is divided,
// without which no controller can be switched on below it (cgroups(7), "no internal processes").

#include <optional>
#include <string>
#include <string_view>

namespace reeve {

// The cgroup below which a daemon that stands in `own` makes its pool. Its own, but: above the
// leaf of a daemon, and above the pool of another daemon when one of that one's jobs started us.
[[nodiscard]] std::string cgroup_for_pool(std::string_view own);
[[nodiscard]] bool is_in_a_pool(std::string_view own);

class CgroupPlace {
 public:
  // Finds our place, and moves this process: with `is_delegated` into the leaf, and out of another
  // daemon's job, where the kernel lets us. Nothing where there is no cgroup-v2 tree.
  static std::optional<CgroupPlace> enter(bool is_delegated);

  // Where the pool is to be made.
  [[nodiscard]] const std::string& directory() const { return directory_; }
  // Takes the leaf away again, for a daemon that stops, unless keepers are in it.
  void leave();

 private:
  std::string directory_;
  bool has_leaf_ = false;
};

}  // namespace reeve
