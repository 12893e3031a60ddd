#pragma once
// Measuring and removing trees of files that others made, and may still change.
//
// Nothing is reached by a path of more than one component: each step goes from an open directory,
// follows no symbolic link and leaves no file system (openat2(2), Linux 5.6). What a link points at
// is therefore never touched, and neither is what is mounted inside.

#include <cstdint>
#include <functional>
#include <string>

#include "base/fd.h"

namespace reeve {

// Asked now and then; false ends the work where it stands.
using GoOn = std::function<bool()>;

struct TreeSize {
  bool exists = false;
  std::int64_t bytes = 0;    // on the disk; files with further links elsewhere are not counted
  std::int64_t entries = 0;  // below it
  bool is_whole = true;      // false: some of it could not be looked at
};
[[nodiscard]] TreeSize measure_tree(int parent, const std::string& name, const GoOn& go_on);

struct TreeRemoval {
  bool is_gone = true;
  std::int64_t bytes = 0;  // that were freed, as above
  std::string left;        // the first thing that could not be removed, and why
};
// Directories without rights for their owner get them first. A tree that is not there is gone.
[[nodiscard]] TreeRemoval remove_tree(int parent, const std::string& name, const GoOn& go_on);

// A directory below another; none when it is a link, on another file system, or no directory.
[[nodiscard]] Fd open_directory_below(int parent, const std::string& name);

}  // namespace reeve
