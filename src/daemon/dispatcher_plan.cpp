// Dispatcher, third part: what starts now, and why the rest does not.

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "core/explain.h"
#include "daemon/dispatcher.h"

namespace reeve {
namespace {

// Enough for one round; what is left starts in the next.
constexpr std::size_t starts_per_round_max = 64;
// Ends within this time say that slots turn over fast, and that the next starts are worth
// committing ahead.
constexpr Duration recent{100};

}  // namespace

const std::optional<std::string>& Dispatcher::pressure(const Now& now) {
  if (find_pressure &&
      (!pressure_seen_ || now.time - *pressure_seen_ >= limits::pressure_look_wait)) {
    pressure_ = find_pressure();
    pressure_seen_ = now.time;
  }
  return pressure_;
}

std::size_t Dispatcher::starts_ahead(const Now& now) const {
  const auto fresh =
      std::ranges::count_if(recent_ends_, [&](Time ended) { return now.time - ended <= recent; });
  return static_cast<std::size_t>(fresh);
}

void Dispatcher::plan(const Now& now) {
  if (look_again_ && *look_again_ <= now.time) plan_needed_ = true;
  if (!starting_ || !std::exchange(plan_needed_, false)) return;
  look_again_.reset();
  const auto choice =
      waiting_.choose(resources_, shares_, now.time, starts_per_round_max, starts_ahead(now));
  // Only when something wants to start, since asking costs more than a decision.
  if (!choice.start.empty() && pressure(now)) {
    look_again_ = now.time + limits::pressure_look_wait;
    return;
  }
  if (choice.start.size() == starts_per_round_max) plan_needed_ = true;
  for (const JobId id : choice.start) {
    auto checked_out = check_out(id);
    if (!checked_out) continue;
    Entry& entry = **checked_out;
    // The end of its last attempt must reach the disk before the next one opens.
    if (entry.attempt_dirty && !entry.job.attempt.open) {
      plan_needed_ = true;
      continue;
    }
    launch(entry, now);
  }
  for (const JobId id : choice.ahead) {
    auto checked_out = check_out(id);
    if (!checked_out) continue;
    Entry& entry = **checked_out;
    const Attempt& attempt = entry.job.attempt;
    // GPUs and CPUs are chosen when they are free, and that must be on disk before the start. So
    // must the end of the job that had the lock, else a crash could find two that hold it.
    if (attempt.intent || entry.job.spec.demand.gpus > 0 || entry.job.spec.pin_cpus ||
        !entry.job.spec.demand.lock.empty() || (entry.attempt_dirty && !attempt.open))
      continue;
    (void)step(entry, fact::Intend{++last_start_, {}, {}}, now);
  }
}

void Dispatcher::launch(Entry& entry, const Now& now) {
  const Demand demand = entry.job.demand();
  auto grant = resources_.take(entry.job.id, demand, entry.job.spec.pin_cpus);
  shares_.start(entry.job.id, entry.job.spec.group, demand.cpus, now.time);
  if (!entry.job.attempt.intent)
    check(
        step(entry, fact::Intend{++last_start_, std::move(grant.gpus), std::move(grant.cpus)}, now)
            .has_value(),
        "a queued job can be intended");
  const bool may_act_now = entry.intent_durable;
  check(step(entry, fact::Launch{}, now, !may_act_now).has_value(), "an intent can be launched");
  if (!may_act_now) return;
  --ahead_left_;
  start(entry, now);
}

std::vector<std::string> Dispatcher::explain(const Job& job, const Now& now) const {
  if (!is_waiting(job.state)) return explain_job(job, now);
  if (job.state == JobState::held) return explain_held(job, now);
  std::vector<std::string> reasons;
  if (degraded_)
    reasons.push_back("nothing starts while the state can't be written: " + degraded_->message);
  for (std::string& reason : resources_.shortages(job.demand()))
    reasons.push_back(std::move(reason));
  if (reasons.empty() && pressure_ && look_again_) reasons.push_back(*pressure_);
  for (std::string& reason : waiting_.explain(job.id, shares_, now.time))
    reasons.push_back(std::move(reason));
  if (reasons.empty()) reasons.emplace_back("its turn has come: it starts in a moment");
  return reasons;
}

}  // namespace reeve
