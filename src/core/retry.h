#pragma once
// Whether an attempt that did not succeed is worth another one, and when.

#include <optional>

#include "base/time.h"
#include "core/job.h"

namespace reeve {

// The wait before the next attempt of a job whose last one has just ended in `job.attempt.state`,
// or nothing when there is to be none. Exponential back-off from 5 s, doubled for each retry up to
// 10 min, with up to a quarter of jitter that is drawn from the job's id, so that it is the same
// in each replay.
[[nodiscard]] std::optional<Duration> next_attempt_in(const Job& job);

}  // namespace reeve
