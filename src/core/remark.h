#pragma once
// What is said of a job beside its life: marks, a person's judgement, and that parts of it go. A
// remark changes no state and no attempt. `apply` in core/lifecycle.h takes it as any other fact.

#include <cstdint>
#include <string>
#include <variant>

#include "core/retention.h"

namespace reeve {

namespace remark {

// Nothing of it is to be removed to save space, or it may be again.
struct Keep {
  bool is_kept = true;
};
// A person's judgement on an ended job.
struct Judge {
  bool is_valid = false;
  std::string why;
};
// Parts of an ended job are going to be removed: told before the first file goes.
struct Removing {
  JobParts parts;
};
// They are gone, but for what is `left`, in words.
struct Removed {
  JobParts parts;
  std::int64_t bytes = 0;
  std::string left;
};

}  // namespace remark

using Remark = std::variant<remark::Keep, remark::Judge, remark::Removing, remark::Removed>;

}  // namespace reeve
