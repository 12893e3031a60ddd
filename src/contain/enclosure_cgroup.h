#pragma once
// The cgroup of one enclosure (see enclosure.h), below our own.

#include <cstdint>
#include <string>
#include <utility>

#include "base/fd.h"

namespace reeve {

// Its directory is kept locked (flock) by the processes that share the descriptor. Whoever gets the
// lock therefore knows that they are all gone, in whichever pid namespace they were.
class EnclosureCgroup {
 public:
  // None.
  EnclosureCgroup() = default;
  // Makes one, after trying that a process can be born in it and killed with it. None where that is
  // not possible; `why_not` then says what failed.
  static EnclosureCgroup make(std::string& why_not);

  // Its directory; -1 without one.
  [[nodiscard]] int directory() const { return directory_.get(); }
  // Removes it and what others made below it, as far as nothing lives there.
  void remove() const;

 private:
  EnclosureCgroup(std::string path, Fd directory)
      : path_(std::move(path)), directory_(std::move(directory)) {}

  std::string path_;
  Fd directory_;
};

// Ends what lives in cgroups of enclosures all of whose own processes were killed, and removes
// them. Only those beside which one of ours would be made.
void end_abandoned_enclosures();

// User and system time of all that ever lived in the cgroup (a directory); 0 without one.
[[nodiscard]] std::int64_t cgroup_cpu_us(int cgroup);

}  // namespace reeve
