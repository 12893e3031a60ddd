#pragma once
// Memory limits that the kernel enforces: in the attempt's own cgroup where version 2 has the
// memory controller for us, else in a cgroup of version 1 beside it.

#include <cstdint>
#include <string>

#include "base/fd.h"
#include "base/os.h"

namespace reeve {

class MemoryCgroups {
 public:
  // Looks for what works: `pool` is the path of the pool of cgroups (version 2), empty without one;
  // `tag` names what is ours in the hierarchy of version 1.
  static MemoryCgroups probe(const std::string& tag, const std::string& pool);

  [[nodiscard]] bool works() const { return !pool_.empty() || !version1_.empty(); }

  // The directory of a cgroup with this limit, into which the job is to be put. `cgroup` is the
  // attempt's own in the pool; it keeps the limit, and can't be used again.
  [[nodiscard]] OsResult<Fd> limit(std::int64_t start, const std::string& cgroup,
                                   std::int64_t bytes) const;
  // Nothing of the start lives any more.
  void release(std::int64_t start) const;
  // Removes what nothing lives in: for a daemon that stops.
  void close() const;

 private:
  [[nodiscard]] std::string path_of(std::int64_t start) const;

  std::string pool_;      // version 2, with the memory controller; or empty
  std::string version1_;  // our directory in its memory hierarchy; or empty
};

}  // namespace reeve
