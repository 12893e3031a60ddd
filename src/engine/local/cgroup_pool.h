#pragma once
// Cgroups for attempts, made once and used again.
//
// Making and removing a cgroup for each job costs more than starting the job's keeper. One that was
// ever killed is removed instead of used again (see Containment::is_cgroup_spent).
//
// They are named "INODE:DIRECTORY". The directory alone would not do: a daemon that was restarted
// in another place makes its own "a1" there, and a directory may be made anew. The kernel gives an
// inode of the cgroup tree to nobody else until the machine restarts.

#include <sys/types.h>

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/fd.h"

namespace reeve {

class CgroupPool {
 public:
  struct Settings {
    std::string directory;    // below which it is made
    std::string tag;          // of the state directory: keeps several daemons apart
    std::string memory_file;  // where pools of earlier daemons, in other places, are remembered
  };

  // Finds out whether cgroups can be made there, a process can be born in one and be killed with
  // it, by doing all of that once. Nothing where the machine does not allow it; `why_not` then
  // says what failed.
  static std::optional<CgroupPool> probe(const Settings& settings, std::string& why_not);

  // The name of a cgroup without processes. Nothing when none can be made.
  [[nodiscard]] std::optional<std::string> acquire();
  // Takes the named one, wherever it is, out of the free ones: an attempt from before a restart
  // lives in it. False when it is not there any more.
  [[nodiscard]] bool adopt(const std::string& name);
  // Adopts the one that this process is in, if it is one of this state directory's; its name.
  [[nodiscard]] std::optional<std::string> adopt_home_of(pid_t pid);
  // Its directory. Opened when it is needed: a descriptor for each attempt would be one too many.
  [[nodiscard]] Fd open(const std::string& name) const;
  // Gives it back; a spent one is removed as soon as it is empty.
  void release(const std::string& name, bool spent);
  // Names of those that are there, also in the pools of earlier daemons, and that nobody has
  // adopted or acquired.
  [[nodiscard]] std::vector<std::string> unclaimed() const;
  // Removes everything that nothing lives in: for a daemon that stops.
  void close();
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  CgroupPool(std::string path, std::string tag) : path_(std::move(path)), tag_(std::move(tag)) {}
  std::optional<std::string> make(const std::string& child) const;
  void remember(const std::string& memory_file);
  void remove_unclaimed();
  void remove_spent();
  void remove_empty_pools();

  std::string path_;
  std::string tag_;
  std::vector<std::string> earlier_;  // directories of other pools, of earlier daemons
  std::set<std::string> used_;
  std::vector<std::string> free_;
  std::vector<std::string> spent_;
  int made_ = 0;
};

}  // namespace reeve
