#pragma once
// What the results of a pipeline must be like: [[pipeline.NAME.check]].

#include <boost/json/array.hpp>
#include <vector>

#include "base/mistake.h"
#include "pipeline/document.h"
#include "pipeline/param.h"

namespace reeve {

// The checks that can be decoded (core/spec_json.h knows their shape), as JSON.
[[nodiscard]] boost::json::array read_checks(const Node& checks, const std::vector<Param>& params,
                                             Mistakes& mistakes);

}  // namespace reeve
