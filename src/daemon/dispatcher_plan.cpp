// Dispatcher, third part: what starts now, and why the rest does not.

#include <fmt/format.h>

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
  const auto choice =
      waiting_.choose(resources_, shares_, now.time, starts_per_round_max, starts_ahead(now));
  look_again_ = choice.look_again;
  wants_victims_ = choice.wants_victims;
  is_held_back_ = false;
  // Only when something wants to start, since asking costs more than a decision. Where nothing runs
  // but suspended jobs, it may be their memory that is short, and only going on sets it free.
  const bool only_suspended =
      resources_.jobs_suspended() > 0 && resources_.jobs_holding() == resources_.jobs_suspended();
  if ((!choice.start.empty() || !choice.preempt.empty()) && !only_suspended && pressure(now)) {
    look_again_ = now.time + limits::pressure_look_wait;
    is_held_back_ = true;
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
    if (entry.job.state == JobState::paused)
      go_on(entry, now);
    else
      launch(entry, now);
  }
  preempt(choice, now);
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

void Dispatcher::go_on(Entry& entry, const Now& now) {
  auto cpus = resources_.go_on(entry.job.id);
  const Job& job = entry.job;
  shares_.start(job.id, job.spec.group, job.demand().cpus, now.time);
  check(step(entry, fact::GoOn{std::move(cpus)}, now).has_value(), "a suspended job can go on");
}

void Dispatcher::preempt(const WaitingJobs::Choice& choice, const Now& now) {
  if (choice.preempt.empty()) return;
  const auto preemptor = find(choice.preempt_for);
  if (!preemptor || !*preemptor) return;
  for (const JobId id : choice.preempt) {
    Entry& victim = jobs_.at(id);
    check(step(victim, fact::Preempt{choice.preempt_for, (*preemptor)->spec.priority}, now)
              .has_value(),
          "who is chosen can be pushed aside");
  }
}

void Dispatcher::explain_making_room(const Job& job, Time now,
                                     std::vector<std::string>& reasons) const {
  const std::size_t before = reasons.size();
  for (const Resources::Holder& holder : resources_.holders()) {
    using Kind = Standing::Kind;
    const Kind kind = holder.standing.kind;
    if (kind != Kind::pausing && kind != Kind::ending) continue;
    if (jobs_.at(holder.job).job.attempt.preempted_for != job.id) continue;
    reasons.push_back(fmt::format("job {} makes room for it: it is being {}", holder.job.value,
                                  kind == Kind::pausing ? "paused" : "stopped"));
  }
  if (!job.spec.preempt || reasons.size() > before) return;
  reasons.emplace_back(
      wants_victims_ && waiting_.explain(job.id, shares_, now).empty()
          ? "it may push others aside, but no job of a lower priority may be, or would help"
          : "it may push others aside (--preempt) when it is the first in the queue");
}

std::vector<std::string> Dispatcher::explain(const Job& job, const Now& now) const {
  if (job.state == JobState::held) return explain_held(job, now);
  std::vector<std::string> reasons;
  if (!is_waiting(job.state)) reasons = explain_job(job, now);
  if (job.attempt.preempted_for.value != 0) {
    const auto preemptor = find(job.attempt.preempted_for);
    if (auto words = explain_preemption(job, preemptor.value_or(std::nullopt)))
      reasons.push_back(std::move(*words));
  }
  if (!job.is_in_queue()) return reasons;
  const std::size_t known = reasons.size();
  if (degraded_)
    reasons.push_back("nothing starts while the state can't be written: " + degraded_->message);
  for (std::string& reason : resources_.shortages(line_of(job).demand))
    reasons.push_back(std::move(reason));
  explain_making_room(job, now.time, reasons);
  if (reasons.size() == known && pressure_ && is_held_back_) reasons.push_back(*pressure_);
  for (std::string& reason : waiting_.explain(job.id, shares_, now.time))
    reasons.push_back(std::move(reason));
  if (reasons.size() == known)
    reasons.emplace_back(job.state == JobState::paused
                             ? "its turn has come: it goes on in a moment"
                             : "its turn has come: it starts in a moment");
  return reasons;
}

}  // namespace reeve
