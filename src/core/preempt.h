#pragma once
// Whom to push aside, so that a job of higher priority that asks for it can start at once.

#include <optional>
#include <vector>

#include "core/resources.h"

namespace reeve {

struct Preemptor {
  const Demand& demand;
  Priority priority = Priority::normal;  // its own: nobody pushes others aside for having waited
};

struct Victims {
  std::vector<Resources::Holder> chosen;  // none where nobody may be pushed aside, or it is no help
  // When there may be others, without anything having happened.
  std::optional<Time> look_again;
};

// Only jobs of a lower own priority, and only if the demand fits then. Lower priorities go first:
// one of a higher one is touched only where all below do not suffice. Within that one victim is
// better than several, and a younger one than an older one; nobody is chosen who is not needed.
// `room` is what is free, and what is becoming free already.
[[nodiscard]] Victims find_victims(const Preemptor& preemptor, const Resources::Room& room,
                                   const std::vector<Resources::Holder>& holders, Time now);

// What `holder` gives back by what is, or would be, done to it.
[[nodiscard]] Demand freed_by(const Resources::Holder& holder);

}  // namespace reeve
