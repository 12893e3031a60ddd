#pragma once
// Putting staged results into place, by one rename.

#include <string>

#include "base/ids.h"

namespace reeve {

struct PublishOrder {
  AttemptKey key;
  std::string staging;
  std::string target;  // "<root>/<date>/<name>"
  std::string latest;  // "<root>/latest/<name>", a link to the newest; empty: stays as it is
};

// How one publication ended.
struct PublishOutcome {
  enum class Kind { published, taken, failed };
  AttemptKey key;
  Kind kind = Kind::published;
  std::string text;       // the directory, or the error
  std::string directory;  // of a failure: where the results are in place all the same
};

// Blocks for as long as the disk does. Everything below `staging` is on disk before the rename, and
// the rename before this returns. An existing `target` is never replaced: `taken`. When `staging`
// is gone and `target` is there, an earlier try had succeeded: `published`. Writers in `staging`
// must have ended.
[[nodiscard]] PublishOutcome publish(const PublishOrder& order);

}  // namespace reeve
