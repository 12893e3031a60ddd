#pragma once
// What is seen of an attempt while it runs.

#include <optional>

#include "base/time.h"
#include "core/eta.h"
#include "core/progress.h"
#include "core/series.h"

namespace reeve {

struct Live {
  std::optional<Progress> progress;
  std::optional<Eta> eta;
  std::optional<Reading> use;  // on average over the last look
  Duration active{0};          // since it started, without pauses
  Duration silent{0};          // since its last sign of life
  bool needs_beats = false;    // only heartbeats count as signs of life
};

}  // namespace reeve
