#pragma once
// From a start order to what a keeper is told (keeper/order.h).

#include <string>
#include <vector>

#include "core/launch_context.h"
#include "engine/engine.h"

namespace reeve {

// The environment that the job sees: the submitter's, then Reeve's own variables, then what the job
// was given explicitly. `mark` is "REEVE_MARK=…", by which leftovers are known.
[[nodiscard]] std::vector<std::string> job_environment(const StartOrder& order,
                                                       const LaunchContext& context,
                                                       const std::string& mark);

// `sampled_limit`: bytes that the keeper enforces; 0 where nothing or the kernel does.
[[nodiscard]] std::string write_order(const StartOrder& order, const LaunchContext& context,
                                      const std::vector<std::string>& environment,
                                      const std::string& log_name, std::int64_t sampled_limit);

}  // namespace reeve
