#pragma once
// Cgroups for attempts, made once and used again.
//
// Making and removing a cgroup for each job costs more than starting the job's keeper. One that was
// ever killed is removed instead of used again (see Containment::is_cgroup_spent).

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/fd.h"

namespace reeve {

class CgroupPool {
 public:
  // Finds a place below our own cgroup where cgroups can be made, a process can be born in one and
  // be killed with it, by doing all of that once. Nothing where the machine does not allow it;
  // `why_not` then says what failed. `tag` keeps several daemons apart.
  static std::optional<CgroupPool> probe(const std::string& tag, std::string& why_not);

  // The name of a cgroup without processes. Nothing when none can be made.
  [[nodiscard]] std::optional<std::string> acquire();
  // Takes the named one out of the free ones: an attempt from before a restart lives in it. False
  // when it is not there.
  [[nodiscard]] bool adopt(const std::string& name);
  // Its directory. Opened when it is needed: a descriptor for each attempt would be one too many.
  [[nodiscard]] Fd open(const std::string& name) const;
  // Gives it back; a spent one is removed as soon as it is empty.
  void release(const std::string& name, bool spent);
  // Names of those that are there and that nobody has adopted or acquired.
  [[nodiscard]] std::vector<std::string> unclaimed() const;
  // Removes everything that nothing lives in: for a daemon that stops.
  void close();
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  explicit CgroupPool(std::string path) : path_(std::move(path)) {}
  bool make(const std::string& name);
  void remove_spent();

  std::string path_;
  std::set<std::string> used_;
  std::vector<std::string> free_;
  std::vector<std::string> spent_;
  int made_ = 0;
};

}  // namespace reeve
