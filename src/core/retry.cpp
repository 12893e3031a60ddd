#include "core/retry.h"

#include <algorithm>

#include "base/checksum.h"

namespace reeve {
namespace {

constexpr Duration first_wait{5'000};
constexpr Duration longest_wait{600'000};

// A retry can mend what may differ next time; a cancelled job is not meant to run again.
bool is_worth_it(const Job& job) {
  if (job.attempt.stop == StopCause::cancel || job.attempt.stop == StopCause::wall_limit_and_cancel)
    return false;
  switch (job.attempt.state) {
    case JobState::failed:
    case JobState::timeout:
      return true;
    case JobState::lost:
      return job.spec.retry.on_lost;
    default:
      return false;
  }
}

}  // namespace

std::optional<Duration> next_attempt_in(const Job& job) {
  // Jobs that allow it for lost attempts get one retry even if they asked for none in particular.
  const std::int32_t retries = job.attempt.state == JobState::lost && job.spec.retry.on_lost
                                   ? std::max(job.spec.retry.retries, 1)
                                   : job.spec.retry.retries;
  const std::int32_t used = job.attempt.number - 1;
  if (!is_worth_it(job) || used >= retries) return std::nullopt;
  const Duration wait = std::min<Duration>(longest_wait, first_wait * (1L << std::min(used, 20)));
  const std::string seed = std::to_string(job.id.value) + "." + std::to_string(used);
  const auto jitter = static_cast<std::int64_t>(fnv1a(seed) % 1024);
  return wait + wait * jitter / 4096;
}

}  // namespace reeve
