#pragma once
// Why a job is as it is, in sentences for people. What waits in the queue is explained by those who
// know it: core/resources.h and core/plan.h.

#include <optional>
#include <string>
#include <vector>

#include "core/job.h"
#include "core/lifecycle.h"

namespace reeve {

// For how long the current or last attempt ran, without its pauses.
[[nodiscard]] Duration ran_for(const Job& job, const Now& now);

// A held job: what it waits for.
[[nodiscard]] std::vector<std::string> explain_held(const Job& job, const Now& now);

// One that has started or ended: what happened, which limits it met, what could be done.
[[nodiscard]] std::vector<std::string> explain_job(const Job& job, const Now& now);

// Whom it was pushed aside for, when it is; `other` is that job as it is now, if it is remembered.
[[nodiscard]] std::optional<std::string> explain_preemption(const Job& job,
                                                            const std::optional<Job>& other);

}  // namespace reeve
