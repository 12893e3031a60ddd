#include "core/standing.h"

#include <algorithm>

namespace reeve {
namespace {

Standing::Kind kind_of(const Job& job) {
  using Kind = Standing::Kind;
  const Attempt& attempt = job.attempt;
  const bool is_stopping = job.state == JobState::cancelling || job.state == JobState::finishing;
  // A cancel that came on top of it changes nothing of what it gives back.
  if (is_stopping && attempt.preempted_for.value != 0) return Kind::ending;
  if (job.state != JobState::running && job.state != JobState::paused) return Kind::steady;
  if (attempt.paused_by >= PausedBy::scheduler)
    return job.state == JobState::running ? Kind::pausing : Kind::steady;
  const bool stands_still = attempt.paused_by == PausedBy::user;
  if (job.state == JobState::paused && !stands_still) return Kind::steady;  // it is going on
  if (job.state == JobState::running && stands_still) return Kind::steady;  // it is being paused
  switch (job.spec.when_preempted) {
    case WhenPreempted::pause:
      return Kind::may_pause;
    case WhenPreempted::requeue:
      // It would run again although a user has paused it.
      return stands_still ? Kind::steady : Kind::may_requeue;
    case WhenPreempted::never:
      break;
  }
  return Kind::steady;
}

}  // namespace

Standing standing_of(const Job& job) {
  return {kind_of(job), job.spec.priority, job.attempt.started, undisturbed_until(job)};
}

Demand freed_by_pause(const Demand& demand) {
  Demand freed;
  freed.cpus = demand.cpus;
  return freed;
}

Time undisturbed_until(const Job& job) {
  if (job.preemptions == 0 && job.attempt.went_on.ms == 0) return {};
  Time from = std::max(job.preempted_at, job.attempt.went_on);
  if (job.preemptions > 0) from = std::max(from, job.attempt.started);
  // A pause costs no work, so that any time brings it nearer to its end.
  if (job.spec.when_preempted != WhenPreempted::requeue) return from + limits::undisturbed_first;
  constexpr int doublings_max = 20;  // 2 years
  const int doublings = std::clamp(job.preemptions - 1, 0, doublings_max);
  return from + limits::undisturbed_first * (1 << doublings);
}

}  // namespace reeve
