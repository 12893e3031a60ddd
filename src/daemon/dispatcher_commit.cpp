// Dispatcher, second half: one transaction for each batch, and recovery.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/text.h"
#include "core/explain.h"
#include "core/run_directory.h"
#include "daemon/dispatcher.h"

namespace reeve {

bool Dispatcher::has_uncommitted() const {
  return !changed_.empty() || !events_.empty() || !callbacks_.empty() || !removed_.empty() ||
         !effects_.empty() || cursor_dirty_;
}

std::optional<Time> Dispatcher::commit_due() const {
  if (!has_uncommitted()) return std::nullopt;
  if (degraded_ && !is_loaded_) return callbacks_.empty() ? retry_at_ : Time{0};
  if (!callbacks_.empty()) return Time{0};
  if (degraded_) return is_retrying_ ? Time{0} : retry_at_;
  const bool is_urgent =
      !effects_.empty() || !removed_.empty() || changed_.size() >= limits::commit_facts_max;
  return is_urgent || !dirty_since_ ? Time{0} : *dirty_since_ + commit_hold();
}

// Ends may wait longer while slots turn over fast, but not until the committed starts are used up:
// then a free slot would wait for the disk.
Duration Dispatcher::commit_hold() const {
  const bool is_busy = std::ssize(recent_ends_) == limits::starts_ahead_max &&
                       recent_ends_.back() - recent_ends_.front() <= Duration(100);
  if (!is_busy) return limits::commit_hold;
  return ahead_left_ <= limits::starts_ahead_max / 4 ? Duration(0) : limits::commit_hold_busy;
}

void Dispatcher::write_events() {
  auto told = to_tell_.begin();
  for (std::size_t i = 0; i < events_.size(); ++i) {
    const std::int64_t seq = store_.append(events_[i].first, events_[i].second);
    for (; told != to_tell_.end() && told->event == i; ++told) {
      told->delivery.event = seq;
      told->delivery.id = store_.put_delivery(told->delivery);
    }
  }
}

void Dispatcher::write_batch(const Now& now) {
  for (auto& [context, ids] : contexts_) {
    const std::int64_t row = store_.put_context(context);
    for (const JobId id : ids) jobs_.at(id).job.context = row;
  }
  for (const JobId id : changed_) {
    const Entry& entry = jobs_.at(id);
    if (entry.is_new) store_.insert(entry.job);
    if (entry.job_dirty) store_.save(entry.job);
    if (entry.spec_dirty) store_.save_spec(entry.job);
    if (entry.attempt_dirty) store_.save_attempt(entry.job);
  }
  write_events();
  for (const auto& [key, finding] : findings_) store_.append(key, finding);
  for (const Removed& removed : removed_) store_.remove(removed.id);
  if (shares_dirty_) store_.set_meta("group_usage", shares_.to_text(now.time));
  if (cursor_dirty_) store_.set_meta("engine_cursor", cursor_);
  store_.set_meta("last_start", std::to_string(last_start_));
  if (stamp) store_.set_meta("clock", stamp(now.time));
}

void Dispatcher::commit(const Now& now) {
  if (!has_uncommitted()) return;
  if (!is_loaded_) return refuse_batch();
  if (auto committed = store_.transact([&] { write_batch(now); }); !committed)
    abandon_batch(committed.error(), now);
  else
    finish_batch(now);
}

void Dispatcher::finish_batch(const Now& now) {
  ahead_left_ = 0;
  std::vector<Job> changed;
  for (const JobId id : std::exchange(changed_, {})) {
    Entry& entry = jobs_.at(id);
    entry.is_new = entry.job_dirty = entry.attempt_dirty = entry.spec_dirty = false;
    entry.intent_durable = entry.job.attempt.intent;
    changed.push_back(entry.job);
  }
  events_.clear();
  findings_.clear();
  std::vector<Delivery> deliveries;
  for (ToTell& told : std::exchange(to_tell_, {})) deliveries.push_back(std::move(told.delivery));
  contexts_.clear();
  new_keys_.clear();
  cursor_dirty_ = shares_dirty_ = false;
  dirty_since_.reset();
  degraded_.reset();
  is_retrying_ = false;
  // Effects may change jobs again; what they change belongs to the next batch.
  for (const auto& [id, effect] : std::exchange(effects_, {})) act(id, effect, now);
  for (const Job& job : std::exchange(ended_, {})) {
    engine_.forget(job.key());
    watch_.forget(job);
  }
  for (const Removed& removed : std::exchange(removed_, {})) {
    output_.remove_checkpoints(removed.id);
    for (const std::string& log : removed.logs)
      for (const char* suffix : log_suffixes) ::unlink((log + suffix).c_str());
  }
  for (const auto& then : std::exchange(callbacks_, {})) then({});
  for (const Job& job : changed) {
    const auto found = jobs_.find(job.id);
    if (found == jobs_.end()) continue;
    const Entry& entry = found->second;
    if (!entry.job_dirty && !is_active(entry.job.state) && !entry.job.attempt.intent)
      jobs_.erase(found);
  }
  for (const auto& [id, entry] : jobs_)
    if (entry.intent_durable && entry.job.state == JobState::queued) ++ahead_left_;
  if (on_deliveries && !deliveries.empty()) on_deliveries(deliveries);
  if (on_changed) on_changed(changed);
}

// The state could not be read: nothing may be written that was decided on a part of it.
void Dispatcher::refuse_batch() {
  const auto callbacks = std::exchange(callbacks_, {});
  drop_batch();
  const Result<void> outcome = std::unexpected(*degraded_);
  for (const auto& then : callbacks) then(outcome);
}

// Memory is ahead of the disk: it goes, and the disk is read again, as after a crash. Facts are
// read again, too, since their cursor was not committed.
void Dispatcher::abandon_batch(const Error& error, const Now& now) {
  const auto callbacks = std::exchange(callbacks_, {});
  degraded_ = error;
  is_retrying_ = false;
  retry_at_ = now.time + Duration(1000);
  const Result<void> outcome = std::unexpected(error);
  for (const auto& then : callbacks) then(outcome);
  (void)load(now);
}

Result<void> Dispatcher::recover(const Now& now) {
  return load(now);
}

void Dispatcher::drop_batch() {
  changed_.clear();
  events_.clear();
  findings_.clear();
  to_tell_.clear();
  effects_.clear();
  contexts_.clear();
  new_keys_.clear();
  removed_.clear();
  ended_.clear();
  cursor_dirty_ = shares_dirty_ = false;
  dirty_since_.reset();
}

Result<void> Dispatcher::load(const Now& now) {
  is_loaded_ = false;
  auto loaded = load_all(now);
  is_loaded_ = loaded.has_value();
  if (!loaded) degraded_ = loaded.error();
  return loaded;
}

Result<void> Dispatcher::load_all(const Now& now) {
  drop_batch();
  context_ = {};
  jobs_.clear();
  timers_.clear();
  timer_of_.clear();
  waiting_ = WaitingJobs();
  resources_ = Resources(resources_.capacity());
  plan_needed_ = true;
  const auto last = store_.last_id();
  if (!last) return std::unexpected(last.error());
  last_id_ = *last;
  const auto last_start = store_.meta("last_start");
  if (!last_start) return std::unexpected(last_start.error());
  last_start_ = parse_integer(*last_start).value_or(0);
  const auto usage = store_.meta("group_usage");
  if (!usage) return std::unexpected(usage.error());
  shares_.restore(*usage);
  auto loaded = store_.each_waiting([&](const WaitingRow& row) {
    if (row.state == JobState::queued)
      wait_in_queue(row.id, {row.demand, row.time_limit, row.group, row.preempt}, row.priority,
                    row.queued_at, row.preempted_at);
    else
      schedule(row.id, row.release_at);
  });
  if (!loaded) return loaded;
  auto possible = store_.with_possible_keeper();
  if (!possible) return std::unexpected(possible.error());
  std::vector<JobId> ids;
  for (Job& job : *possible) {
    const JobId id = job.id;
    ids.push_back(id);
    if (is_active(job.state) && job.attempt.end_step == EndStep::none)
      adopt(job, job.attempt.started.ms != 0 ? job.attempt.started : now.time, now);
    if (job.state != JobState::queued && job.is_in_queue())
      wait_in_queue(id, line_of(job), job.spec.priority, job.queued_at, job.preempted_at);
    schedule(id, due_time(job));
    Entry& entry = jobs_[id];
    entry.job = std::move(job);
    entry.intent_durable = true;
  }
  const auto cursor = store_.meta("engine_cursor");
  if (!cursor) return std::unexpected(cursor.error());
  cursor_ = *cursor;
  if (auto restored = engine_.restore(cursor_); !restored) return restored;
  for (const Observed& observed : engine_.observe()) observe(observed, now);
  auto reached = engine_.cursor();
  cursor_dirty_ = reached != cursor_;
  cursor_ = std::move(reached);
  for (const JobId id : ids) recover_attempt(id, now);
  engine_.finish_recovery();
  return {};
}

void Dispatcher::recover_attempt(JobId id, const Now& now) {
  Entry& entry = jobs_.at(id);
  if (!entry.job.attempt.open || (!is_active(entry.job.state) && !entry.job.attempt.intent)) return;
  if (entry.job.attempt.end_step != EndStep::none) return recover_end(entry, now);
  using Finding = fact::KeeperGone::Finding;
  switch (engine_.recover(entry.job)) {
    case Recovery::watched:
      if (entry.job.attempt.log.empty()) adopt_launch(entry, now);
      watch_.begin(entry.job, ran_for(entry.job, now));
      if (entry.job.attempt.stop != StopCause::none)
        effects_.emplace_back(id, effect::Stop{entry.job.attempt.stop_grace});
      else
        repeat_pause(entry.job);
      return;
    case Recovery::never_started:
      (void)step(entry, fact::KeeperGone{Finding::never_started}, now);
      return;
    case Recovery::rebooted:
      if (entry.job.attempt.log.empty()) adopt_launch(entry, now);
      (void)step(entry, fact::KeeperGone{Finding::rebooted}, now);
      return;
  }
}

// Nothing of it lives any more; what was still to be done for it is done again.
void Dispatcher::recover_end(Entry& entry, const Now& now) {
  // When the batch that told so is the current one, the effect is under way.
  if (entry.job_dirty) return;
  const JobId id = entry.job.id;
  const EndStep step_left = entry.job.attempt.end_step;
  // What was staged before the machine went down may not have reached the disk; what stands in
  // its place had.
  const bool may_be_torn = entry.job.attempt.ended <= engine_.boot_time() &&
                           (step_left == EndStep::publish ? !output_.is_in_place(entry.job)
                                                          : entry.job.attempt.evidence.has_results);
  if (may_be_torn && step(entry, fact::KeeperGone{fact::KeeperGone::Finding::rebooted}, now) &&
      !entry.job.attempt.open)
    return;
  if (step_left == EndStep::examine)
    effects_.emplace_back(id, effect::Examine{});
  else if (step_left == EndStep::validate)
    effects_.emplace_back(id, effect::Validate{});
  else
    effects_.emplace_back(id, effect::Publish{});
}

void Dispatcher::adopt(const Job& job, Time since, const Now& now) {
  const Demand demand = job.demand();
  resources_.adopt(job.id, demand, {job.attempt.placement.gpus, job.attempt.placement.cpus});
  resources_.expect_end(job.id, latest_end(job, now));
  resources_.set_standing(job.id, standing_of(job));
  if (job.is_suspended())
    resources_.suspend(job.id);
  else
    shares_.start(job.id, job.spec.group, demand.cpus, std::max(since, job.attempt.went_on));
}

// What its keeper may not have heard from the last daemon.
void Dispatcher::repeat_pause(const Job& job) {
  const bool is_wanted = job.attempt.paused_by != PausedBy::nobody;
  if (is_wanted == (job.state == JobState::paused)) return;
  if (!is_wanted && !job.attempt.placement.cpus.empty())
    effects_.emplace_back(job.id, effect::Bind{});
  effects_.emplace_back(job.id, effect::Freeze{is_wanted});
}

// A start that was under way when its daemon died, before that could write down what it knew.
void Dispatcher::adopt_launch(Entry& entry, const Now& now) {
  if (entry.job.state == JobState::queued) {
    adopt(entry.job, now.time, now);
    check(step(entry, fact::Launch{}, now, false).has_value(), "an intent can be launched");
  }
  fact::Launched launched = engine_.describe(entry.job);
  launched.staging = staging_directory(entry.job.spec.results_root, entry.job.key());
  (void)step(entry, launched, now);
}

}  // namespace reeve
