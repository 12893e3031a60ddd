#include "daemon/dispatcher.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/check.h"
#include "core/run_directory.h"

namespace reeve {
std::optional<Time> Dispatcher::due_time(const Job& job) {
  if (job.state == JobState::held) return job.release_at;
  if (job.state == JobState::running && job.spec.time_limit)
    return job.attempt.started + *job.spec.time_limit + job.attempt.paused_for;
  return std::nullopt;
}

// When it gives back what it holds, if it keeps its time limit.
std::optional<Time> Dispatcher::latest_end(const Job& job, const Now& now) {
  if (!is_active(job.state) || !job.spec.time_limit) return std::nullopt;
  const Attempt& attempt = job.attempt;
  if (attempt.paused_by != PausedBy::nobody) return std::nullopt;
  if (attempt.started.ms == 0) return now.time + *job.spec.time_limit;
  const Time end = attempt.started + *job.spec.time_limit + attempt.paused_for;
  return job.state == JobState::paused ? end + (now.time - attempt.paused_since) : end;
}

Dispatcher::Dispatcher(World world, Capacity capacity, Shares shares)
    : store_(world.store),
      engine_(world.engine),
      output_(world.output),
      watch_(world.watch),
      resources_(std::move(capacity)),
      shares_(std::move(shares)) {}

Result<void> Dispatcher::check_place(const JobSpec& spec) const {
  if (const auto fault = find_fault(spec)) return failed(ErrorCode::invalid, *fault);
  if (const auto impossible = resources_.find_impossible(spec.demand))
    return failed(ErrorCode::invalid, "it can never start: " + *impossible);
  if (spec.isolate && !resources_.capacity().has_isolation)
    return failed(ErrorCode::invalid,
                  "it asks for isolation, and this machine lets us make no PID namespace (see "
                  "`reeve daemon status`)");
  if (spec.containment == ContainmentWish::strict && !spec.isolate &&
      !resources_.capacity().has_strict_containment)
    return failed(ErrorCode::invalid,
                  "it asks for strict containment, and this machine offers a weak one only (see "
                  "`reeve daemon status`)");
  return {};
}

Result<void> Dispatcher::check_spec(const JobSpec& spec) const {
  if (auto checked = check_place(spec); !checked) return checked;
  if (spec.on_busy == OnBusy::reject) {
    auto holder = resources_.lock_holder(spec.demand.lock);
    if (!holder) holder = waiting_.first_with_lock(spec.demand.lock);
    if (holder)
      return failed(ErrorCode::busy, fmt::format("the lock `{}` is held by job {}",
                                                 spec.demand.lock, holder->value));
  }
  return {};
}

Result<std::optional<JobId>> Dispatcher::find_by_key(const std::string& key) {
  if (key.empty()) return std::nullopt;
  if (const auto fresh = new_keys_.find(key); fresh != new_keys_.end()) return fresh->second;
  return store_.find_by_key(key);
}

Result<std::vector<JobId>> Dispatcher::submit(Submission submission, const Now& now) {
  if (submission.jobs.size() > limits::batch_jobs_max)
    return failed(ErrorCode::too_large,
                  fmt::format("a batch has at most {} jobs", limits::batch_jobs_max));
  // Everything is checked before anything changes: all or none.
  std::vector<std::optional<JobId>> known;
  std::set<std::string> locks;  // of those before it in the batch
  for (std::size_t i = 0; i < submission.jobs.size(); ++i) {
    const JobSpec& spec = submission.jobs[i];
    const auto found = find_by_key(spec.idempotency_key);
    if (!found) return std::unexpected(found.error());
    known.push_back(*found);
    if (*found) continue;
    Result<void> checked = check_spec(spec);
    if (checked && spec.on_busy == OnBusy::reject && locks.contains(spec.demand.lock))
      checked = failed(ErrorCode::busy, fmt::format("another job of the batch takes the lock `{}`",
                                                    spec.demand.lock));
    if (!spec.demand.lock.empty()) locks.insert(spec.demand.lock);
    if (!checked)
      return submission.jobs.size() == 1
                 ? std::unexpected(checked.error())
                 : failed(checked.error(), fmt::format("job {} of the batch", i + 1));
  }
  std::vector<JobId> ids;
  std::vector<JobId> fresh;
  for (std::size_t i = 0; i < submission.jobs.size(); ++i) {
    JobSpec& spec = submission.jobs[i];
    if (!known[i] && !spec.idempotency_key.empty())  // twice in one batch
      if (const auto twin = new_keys_.find(spec.idempotency_key); twin != new_keys_.end())
        known[i] = twin->second;
    if (known[i]) {
      ids.push_back(*known[i]);
      continue;
    }
    Job job;
    job.id = last_id_ = {last_id_.value + 1};
    job.spec = std::move(spec);
    if (!job.spec.idempotency_key.empty()) new_keys_[job.spec.idempotency_key] = job.id;
    Step step = reeve::submit(std::move(job), now);
    const JobId id = step.job.id;
    if (step.job.state == JobState::queued)
      wait_in_queue(id, line_of(step.job), step.job.spec.priority, step.job.queued_at, {});
    for (Event& event : step.events) events_.emplace_back(std::move(event), now);
    Entry& entry = jobs_[id];
    entry.job = std::move(step.job);
    entry.is_new = true;
    changed_.push_back(id);
    ids.push_back(id);
    fresh.push_back(id);
  }
  if (!fresh.empty()) contexts_.emplace_back(std::move(submission.context), std::move(fresh));
  plan_needed_ = true;
  return ids;
}

Result<Dispatcher::Entry*> Dispatcher::check_out(JobId id) {
  if (const auto found = jobs_.find(id); found != jobs_.end()) return &found->second;
  auto loaded = store_.load(id);
  if (!loaded) return std::unexpected(loaded.error());
  if (!*loaded) return failed(ErrorCode::not_found, fmt::format("there is no job {}", id.value));
  Entry& entry = jobs_[id];
  entry.job = std::move(**loaded);
  entry.intent_durable = entry.job.attempt.intent;
  return &entry;
}

Result<void> Dispatcher::change(JobId id, const Fact& wish, const Now& now) {
  auto entry = check_out(id);
  if (!entry) return std::unexpected(entry.error());
  auto stepped = step(**entry, wish, now);
  if (!stepped && !(*entry)->job_dirty && !is_active((*entry)->job.state) &&
      !(*entry)->job.attempt.intent && !(*entry)->is_new)
    jobs_.erase(id);
  return stepped;
}

Result<void> Dispatcher::edit(JobId id, JobSpec spec, const Now& now) {
  if (auto checked = check_place(spec); !checked) return checked;
  auto changed = change(id, fact::Edit{"user", std::move(spec)}, now);
  if (changed) jobs_.at(id).spec_dirty = true;
  return changed;
}

Result<void> Dispatcher::retry(JobId id, std::optional<std::string> context, const Now& now) {
  const auto job = find(id);
  if (!job) return std::unexpected(job.error());
  if (*job)
    if (auto checked = check_place((*job)->spec); !checked) return checked;
  auto changed = change(id, fact::Retry{"user"}, now);
  if (!changed || !context) return changed;
  jobs_.at(id).spec_dirty = true;
  contexts_.emplace_back(std::move(*context), std::vector{id});
  return {};
}

Result<void> Dispatcher::signal(JobId id, int number) {
  const auto found = jobs_.find(id);
  if (found == jobs_.end() || !is_active(found->second.job.state) ||
      found->second.job.state == JobState::finishing)
    return failed(ErrorCode::conflict, fmt::format("job {} is not running", id.value));
  return engine_.signal(found->second.job.key(), number);
}

Result<void> Dispatcher::remove(JobId id) {
  auto entry = check_out(id);
  if (!entry) return std::unexpected(entry.error());
  if (!is_terminal((*entry)->job.state))
    return failed(ErrorCode::conflict, fmt::format("job {} is {}; cancel it first", id.value,
                                                   to_word((*entry)->job.state)));
  if (!(*entry)->job_dirty && !(*entry)->is_new) {
    auto logs = store_.logs(id);
    if (!logs) return std::unexpected(logs.error());
    removed_.push_back({id, std::move(*logs)});
    jobs_.erase(id);
    return {};
  }
  return failed(ErrorCode::conflict, fmt::format("job {} has just ended; try again", id.value));
}

void Dispatcher::when_committed(std::function<void(const Result<void>&)> then) {
  callbacks_.push_back(std::move(then));
}

// Applies a fact and keeps every index in line with the job. With `act` false, effects are
// dropped: recovery finds done what they would do.
Result<void> Dispatcher::step(Entry& entry, const Fact& fact, const Now& now, bool act) {
  const bool was_open = entry.job.attempt.open;
  auto applied = apply(entry.job, fact, now);
  if (!applied) return std::unexpected(applied.error());
  const Job before = std::exchange(entry.job, std::move(applied->job));
  entry.job.grown_memory = std::min(entry.job.grown_memory, resources_.capacity().memory);
  if (!entry.job_dirty && !entry.is_new) changed_.push_back(entry.job.id);
  entry.job_dirty = true;
  entry.attempt_dirty |= was_open || entry.job.attempt.open;
  if (!entry.job.attempt.intent) entry.intent_durable = false;
  for (Event& event : applied->events) note_event(std::move(event), entry.job, now);
  if (act)
    for (const Effect& effect : applied->effects) effects_.emplace_back(entry.job.id, effect);
  if (applied->finding) findings_.emplace_back(entry.job.key(), std::move(*applied->finding));
  follow(before, entry, fact, now);
  return {};
}

void Dispatcher::note_event(Event event, const Job& job, const Now& now) {
  if (find_deliveries)
    for (Delivery& delivery : find_deliveries(event, job, now))
      to_tell_.push_back({events_.size(), std::move(delivery)});
  events_.emplace_back(std::move(event), now);
}

void Dispatcher::follow(const Job& before, Entry& entry, const Fact& fact, const Now& now) {
  const Job& job = entry.job;
  const bool is_edited = std::holds_alternative<fact::Edit>(fact);
  const bool is_chosen =
      std::holds_alternative<fact::Launch>(fact) || std::holds_alternative<fact::GoOn>(fact);
  follow_queue(before, job, is_edited);
  // Nothing lives any more: others may have its resources while it is still being published.
  const bool is_freed =
      (is_active(before.state) && !is_active(job.state)) ||
      (before.attempt.end_step == EndStep::none && job.attempt.end_step != EndStep::none);
  if (is_freed) {
    resources_.give_back(job.id);
    shares_.end(job.id, now.time);
    shares_dirty_ = true;
  } else {
    follow_resources(before, job, now);
  }
  resources_.expect_end(job.id, latest_end(job, now));
  resources_.set_standing(job.id, standing_of(job));
  // Somebody else may start now. What a plan has led to calls for no other.
  plan_needed_ |= is_freed || is_edited || std::holds_alternative<fact::Paused>(fact) ||
                  (wants_victims_ && std::holds_alternative<fact::Started>(fact)) ||
                  (job.is_suspended() && !before.is_suspended()) ||
                  (job.is_in_queue() != before.is_in_queue() && !is_chosen);
  if (before.attempt.open && !job.attempt.open) ended_.push_back(before);
  if (is_active(job.state) && before.state != job.state) watch_.follow(job);
  schedule(job.id, due_time(job));
}

void Dispatcher::follow_queue(const Job& before, const Job& job, bool is_edited) {
  if (before.is_in_queue() && (!job.is_in_queue() || is_edited)) waiting_.remove(job.id);
  if (job.is_in_queue() && (!before.is_in_queue() || is_edited))
    wait_in_queue(job.id, line_of(job), job.spec.priority, job.queued_at, job.preempted_at);
}

void Dispatcher::wait_in_queue(JobId id, LineKey key, Priority priority, Time queued_at,
                               Time preempted_at) {
  // Of a suspended job, which may be from before the machine shrank: it goes on all the same.
  if (resources_.is_suspended(id))
    key.demand.cpus = std::min(key.demand.cpus, resources_.capacity().cpus);
  waiting_.add(id, std::move(key), priority, queued_at, preempted_at);
}

// A suspended job has its CPUs back when it goes on, and also when it is woken to be ended: then
// they are counted twice until it is gone, and nothing starts on them.
void Dispatcher::follow_resources(const Job& before, const Job& job, const Now& now) {
  if (!before.is_suspended() && job.is_suspended()) {
    resources_.suspend(job.id);
    shares_.end(job.id, now.time);
    shares_dirty_ = true;
  } else if (before.is_suspended() && !job.is_suspended() && resources_.is_suspended(job.id)) {
    (void)resources_.go_on(job.id);
  }
}

void Dispatcher::schedule(JobId id, std::optional<Time> at) {
  if (const auto old = timer_of_.find(id); old != timer_of_.end()) {
    timers_.erase({old->second, id});
    timer_of_.erase(old);
  }
  if (!at) return;
  timers_.emplace(*at, id);
  timer_of_[id] = *at;
}

void Dispatcher::advance(const Now& now) {
  if (degraded_) {
    if (now.time < retry_at_) return;
    retry_at_ = now.time + Duration(1000);
    if (auto loaded = load(now); !loaded) return;
    // The commit that follows tells whether the disk takes writes again.
    if (has_uncommitted())
      is_retrying_ = true;
    else
      degraded_.reset();
    return;
  }
  for (const Observed& observed : engine_.observe()) observe(observed, now);
  if (auto cursor = engine_.cursor(); cursor != cursor_) {
    cursor_ = std::move(cursor);
    cursor_dirty_ = true;
  }
  for (const Observed& observed : watch_.collect()) observe(observed, now);
  for (const Observed& observed : output_.collect()) observe(observed, now);
  fire_timers(now);
  plan(now);
  if (has_uncommitted() && !dirty_since_) dirty_since_ = now.time;
}

void Dispatcher::observe(const Observed& observed, const Now& now) {
  const auto found = jobs_.find(observed.key.job);
  // A job that is not in memory has no start under way; the fact is of an older one.
  if (found == jobs_.end() || found->second.job.key() != observed.key) return;
  Entry& entry = found->second;
  if (entry.job.attempt.log.empty()) adopt_launch(entry, now);
  Fact fact = observed.fact;
  if (auto* ended = std::get_if<fact::Ended>(&fact)) {
    ended->is_silent = ended->log.bytes == 0 && watch_.is_silent(entry.job);
    // What the keeper saw may not have outlived the machine.
    ended->has_results |= output_.has_results(entry.job);
  } else if (auto* gone = std::get_if<fact::KeeperGone>(&fact)) {
    gone->has_results = output_.has_results(entry.job);
  } else if (auto* validated = std::get_if<fact::Validated>(&fact)) {
    validated->has_results = output_.has_results(entry.job);
  }
  // What core refuses here is late (the attempt has ended) and changes nothing.
  if (step(entry, fact, now) && std::holds_alternative<fact::Ended>(fact)) count_end(now);
}

void Dispatcher::count_end(const Now& now) {
  recent_ends_.push_back(now.time);
  if (recent_ends_.size() > static_cast<std::size_t>(limits::starts_ahead_max))
    recent_ends_.pop_front();
}

void Dispatcher::fire_timers(const Now& now) {
  while (!timers_.empty() && timers_.begin()->first <= now.time) {
    const JobId id = timers_.begin()->second;
    schedule(id, std::nullopt);
    auto entry = check_out(id);
    if (!entry) continue;
    const bool held = (*entry)->job.state == JobState::held;
    (void)step(**entry, held ? Fact(fact::Due{}) : Fact(fact::TimeLimit{}), now);
  }
}

void Dispatcher::act(JobId id, const Effect& effect, const Now& now) {
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return;
  Entry& entry = found->second;
  if (std::holds_alternative<effect::Start>(effect)) {
    start(entry, now);
  } else if (const auto* stop = std::get_if<effect::Stop>(&effect)) {
    engine_.stop(entry.job.key(), stop->grace);
  } else if (const auto* freeze = std::get_if<effect::Freeze>(&effect)) {
    engine_.freeze(entry.job.key(), freeze->wanted);
  } else if (std::holds_alternative<effect::Examine>(effect)) {
    watch_.examine(entry.job);
  } else if (std::holds_alternative<effect::Validate>(effect)) {
    output_.validate(entry.job, store_.context(entry.job.context).value_or(""));
  } else if (std::holds_alternative<effect::Bind>(effect)) {
    engine_.bind(entry.job.key(), entry.job.attempt.placement.cpus);
  } else if (std::holds_alternative<effect::Publish>(effect)) {
    output_.publish(entry.job);
  } else if (!entry.job.attempt.staging.empty()) {
    output_.set_aside(entry.job);
  }
}

void Dispatcher::start(Entry& entry, const Now& now) {
  auto staging = output_.prepare(entry.job);
  if (!staging) {
    (void)step(entry, fact::LaunchFailed{LaunchStep::staging, staging.error().code}, now);
    return;
  }
  if (entry.job.context != context_.first) {
    auto context = store_.context(entry.job.context);
    if (!context) {
      (void)step(entry, fact::LaunchFailed{LaunchStep::keeper, EIO}, now);
      return;
    }
    context_ = {entry.job.context, std::move(*context)};
  }
  Speech speech = watch_.prepare(entry.job);
  auto launched = engine_.start(
      {entry.job.key(), entry.job.spec, context_.second, entry.job.attempt.placement, *staging,
       output_.checkpoint_directory(entry.job), std::move(speech.variables)});
  if (!launched) {
    (void)step(entry, fact::LaunchFailed{LaunchStep::keeper, launched.error().code}, now);
    return;
  }
  launched->staging = *staging;
  launched->notify = std::move(speech.address);
  (void)step(entry, *launched, now);
  watch_.begin(entry.job, Duration(0));
}

std::optional<Time> Dispatcher::next_wakeup() const {
  if (degraded_) return retry_at_;
  if (plan_needed_ && starting_) return Time{0};
  std::optional<Time> next = starting_ ? look_again_ : std::nullopt;
  if (!timers_.empty() && (!next || timers_.begin()->first < *next)) next = timers_.begin()->first;
  return next;
}

void Dispatcher::withdraw_intents(const Now& now) {
  for (auto& [id, entry] : jobs_)
    if (entry.job.state == JobState::queued && entry.job.attempt.intent)
      (void)step(entry, fact::Withdraw{}, now);
}

Result<std::optional<Job>> Dispatcher::find(JobId id) const {
  if (const auto found = jobs_.find(id); found != jobs_.end()) return found->second.job;
  return store_.load(id);
}

std::vector<JobId> Dispatcher::active() const {
  std::vector<JobId> ids;
  for (const auto& [id, entry] : jobs_)
    if (is_active(entry.job.state)) ids.push_back(id);
  std::ranges::sort(ids);
  return ids;
}

}  // namespace reeve
