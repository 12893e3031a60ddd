#pragma once
// Whether an attempt that did not succeed is worth another one, and when.

#include <optional>
#include <string_view>

#include "base/time.h"
#include "core/job.h"

namespace reeve {

// What a policy may name in `on`: `any` (every failure, and a time limit), `oom`, `timeout`,
// `hung`, `log_error`, `invalid` (results), `signal`, `launch`, a signal (`SIGSEGV`), an exit code
// (`75`) or a range of them (`64-78`).
[[nodiscard]] bool is_retry_rule(std::string_view rule);

// The wait before the next attempt of a job whose last one has just ended in `job.attempt.state`,
// or nothing when there is to be none. Exponential back-off from the policy's delay, doubled for
// each retry up to 10 min, with up to a quarter of jitter that is drawn from the job's id, so that
// it is the same in each replay.
[[nodiscard]] std::optional<Duration> next_attempt_in(const Job& job);

}  // namespace reeve
