#pragma once
// What is seen of a running attempt, as JSON for clients (docs/formats.md).

#include <boost/json/object.hpp>
#include <vector>

#include "base/time.h"
#include "core/live.h"

namespace reeve {

// `earlier`: how long earlier runs took that completed, for an ETA where nothing is reported.
[[nodiscard]] boost::json::object live_to_json(const Live& live,
                                               const std::vector<Duration>& earlier);

}  // namespace reeve
