#pragma once
// Keepers between two attempts. One whose attempt ended cleanly takes the next, with its cgroup:
// starting a new one costs more than all that it does for a short job.

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/time.h"
#include "engine/local/cgroup_pool.h"

namespace reeve {

struct IdleKeeper {
  pid_t pid = 0;
  Fd orders;                     // our end of its channel; closing it lets the keeper go
  std::string cgroup;            // empty: none
  std::int64_t generation = 0;   // of the journal that it writes
  std::int64_t logs_bucket = 0;  // of the directory in which it makes logs
  Time since;
};

// Cgroups of keepers that are let go return to `pool`, which is there when they have one.
class IdleKeepers {
 public:
  [[nodiscard]] bool empty() const { return keepers_.empty(); }
  void put(IdleKeeper keeper) { keepers_.push_back(std::move(keeper)); }

  // Hands the order to a keeper that writes this journal and makes logs in this directory.
  [[nodiscard]] std::optional<IdleKeeper> reuse(std::string_view order, std::int64_t generation,
                                                std::int64_t logs_bucket,
                                                std::optional<CgroupPool>& pool);

  // Those that have been idle since `since` or longer, and those that are too many.
  void let_go(Time since, std::optional<CgroupPool>& pool);

 private:
  std::deque<IdleKeeper> keepers_;  // the longest idle one first
};

}  // namespace reeve
