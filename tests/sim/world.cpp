#include "world.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "delay.h"

namespace reeve::sim {
namespace {

bool has_word(const Job& job, std::string_view word) {
  return std::ranges::find(job.spec.command, word) != job.spec.command.end();
}

}  // namespace

std::expected<std::string, OsError> FakeOutput::prepare(const Job& job) {
  staged_.insert(job.key());
  return fmt::format("/staging/{}.{}", job.id.value, job.attempt.number);
}

bool FakeOutput::has_results(const Job& job) {
  return has_word(job, "results") && !gone_.contains(job.key());
}

void FakeOutput::publish(const Job& job) {
  const std::string& target = job.attempt.publish_target;
  const auto there = published.find(target);
  if (there != published.end() && there->second == job.key()) {
    outcomes_.push_back({job.key(), fact::Published{target}});
  } else if (there != published.end() || taken.contains(target)) {
    outcomes_.push_back({job.key(), fact::PublishClash{}});
  } else {
    published[target] = job.key();
    outcomes_.push_back({job.key(), fact::Published{target}});
  }
}

bool FakeOutput::is_in_place(const Job& job) {
  const auto there = published.find(job.attempt.publish_target);
  return there != published.end() && there->second == job.key();
}

void FakeOutput::lose_unsynced(const std::function<bool()>& is_lost) {
  for (const AttemptKey& key : std::exchange(staged_, {}))
    if (is_lost()) gone_.insert(key);
}

void FakeOutput::set_aside(const Job& job) {
  aside.insert(job.key());
}

void FakeOutput::validate(const Job& job, const std::string&) {
  const auto verdict = has_word(job, "invalid")   ? ResultsVerdict::invalid
                       : has_word(job, "unclear") ? ResultsVerdict::inconclusive
                                                  : ResultsVerdict::valid;
  outcomes_.push_back({job.key(), fact::Validated{verdict, "checked", has_results(job)}});
}

std::vector<Observed> FakeOutput::collect() {
  return std::exchange(outcomes_, {});
}

void FakeWatch::begin(const Job& job, Duration) {
  watched_.insert(job.key());
  if (has_word(job, "error") && job.attempt.evidence.found_to < 10)
    outcomes_.push_back({job.key(), fact::Found{{"rule", Severity::error, 10, 1, "early", ""}}});
}

void FakeWatch::follow(const Job& job) {
  if (has_word(job, "stalls") && job.state == JobState::running)
    outcomes_.push_back({job.key(), fact::Stalled{"no life"}});
}

bool FakeWatch::is_silent(const Job& job) {
  return !has_word(job, "log") && !has_word(job, "error") && !has_word(job, "late_error") &&
         !has_word(job, "says_failure") && !has_word(job, "says_success");
}

void FakeWatch::examine(const Job& job) {
  if (has_word(job, "error") && job.attempt.evidence.found_to < 10)
    outcomes_.push_back({job.key(), fact::Found{{"rule", Severity::error, 10, 1, "early", ""}}});
  if (has_word(job, "late_error") && job.attempt.evidence.found_to < 20)
    outcomes_.push_back({job.key(), fact::Found{{"rule", Severity::error, 20, 2, "late", ""}}});
  fact::Examined examined;
  if (has_word(job, "says_failure")) examined.declared = Declared::failure;
  if (has_word(job, "says_success")) examined.declared = Declared::success;
  outcomes_.push_back({job.key(), examined});
}

void FakeWatch::forget(const Job& job) {
  watched_.erase(job.key());
}

std::vector<Observed> FakeWatch::collect() {
  return std::exchange(outcomes_, {});
}

void FakeWatch::crash() {
  outcomes_.clear();
  watched_.clear();
}

World::World(std::uint64_t seed) : random_(seed) {
  store_ = std::move(*Store::open(":memory:"));
  capacity_.cpus = 4;
  capacity_.cpu_numbers = {0, 1, 2, 3};
  capacity_.memory = 1000;
  capacity_.gpus = 2;
  capacity_.counters["licence"] = 2;
  if (chance(20)) capacity_.jobs_max = 2;
  is_crowded_ = chance(40);
  boot();
}

void World::boot() {
  pushed_.clear();
  dispatcher_ = std::make_unique<Dispatcher>(Dispatcher::World{*store_, engine_, output_, watch_},
                                             capacity_, Shares{{"a", 2}});
  dispatcher_->find_pressure = [this]() -> std::optional<std::string> {
    if (is_settling_ || !chance(10)) return std::nullopt;
    return "the machine is under pressure";
  };
  dispatcher_->find_deliveries = [](const Event& event, const Job& job, const Now& at) {
    std::vector<Delivery> deliveries;
    if (!event.to || !find_occasion(event, job)) return deliveries;
    Delivery& delivery = deliveries.emplace_back();
    delivery.target = "ops";
    delivery.job = job.id;
    delivery.due = at.time;
    return deliveries;
  };
  dispatcher_->on_changed = [this](const std::vector<Job>& jobs) {
    for (const Job& job : jobs) {
      Told& told = acknowledged_[job.id];
      if (told.is_terminal && told.terminal != job.state)
        fail(fmt::format("job {} was told to be {} and is now {}", job.id.value,
                         to_word(told.terminal), to_word(job.state)));
      told.is_terminal = is_terminal(job.state);
      told.terminal = job.state;
    }
  };
  if (const auto recovered = dispatcher_->recover(now()); !recovered)
    fail("recovery failed: " + recovered.error().message);
}

void World::advance() {
  std::map<JobId, bool> held;
  for (const Resources::Holder& holder : dispatcher_->resources().holders())
    held[holder.job] = holder.is_suspended;
  const std::int64_t failures = engine_.starts_failed();
  dispatcher_->advance(now());
  check_preemptions();
  // One that could not be started was to leave others less than there is now.
  if (engine_.starts_failed() == failures) check_head(held);
}

std::string World::run(int steps) {
  for (int i = 0; i < steps && failure_.empty(); ++i) {
    do_something();
    check_now();
  }
  if (failure_.empty()) finish();
  if (failure_.empty()) return "";
  std::string report = failure_ + "\n";
  const auto events = store_->events({});
  for (const StoredEvent& stored : *events)
    report += fmt::format("  event {} [{}] job {}.{} {} ({}) {}\n", stored.seq, stored.clock.ms,
                          stored.event.job.value, stored.event.attempt, stored.event.kind,
                          stored.event.actor, stored.event.detail);
  const std::size_t from = story_.size() > 40 ? story_.size() - 40 : 0;
  for (std::size_t i = from; i < story_.size(); ++i) report += "  " + story_[i] + "\n";
  return report;
}

void World::do_something() {
  const int die = static_cast<int>(random_() % 100);
  if (is_crowded_ && chance(70)) return pass_quietly();
  if (die < 22)
    submit_some();
  else if (die < 36)
    wish();
  else if (die < 40)
    crash(power_cuts_ < 2 && chance(20));
  else if (die < 70)
    pass_time(between(0, 60));
  else if (die < 72)
    pass_time(between(1000, 20'000));
  else if (die < 90)
    advance();
  else
    dispatcher_->commit(now());
}

// The daemon attends to what happens, as it should, and time goes by.
void World::pass_quietly() {
  pass_time(chance(80) ? between(0, 500) : between(1000, 100'000));
  for (int i = 0; i < 6; ++i) settle();
}

JobSpec World::draw_spec() {
  JobSpec spec;
  spec.name = fmt::format("job{}", between(0, 3));
  spec.directory = "/";
  spec.results_root = "/results";
  spec.command = {"fake", fmt::format("run={}", chance(10) ? between(0, 3000) : between(0, 200))};
  if (chance(20)) spec.command.push_back(fmt::format("exit={}", between(1, 5)));
  if (chance(5)) spec.command.emplace_back("signal=11");
  if (chance(10)) spec.command.emplace_back("ignore_term");
  if (chance(10)) spec.command.push_back(fmt::format("spawn={}", between(1, 50)));
  if (chance(5)) spec.command.push_back(fmt::format("spawn_error={}", between(1, 7)));
  if (chance(5)) spec.command.emplace_back("launch_error");
  if (chance(5)) spec.command.push_back(fmt::format("keeper_dies={}", between(0, 100)));
  if (chance(30)) spec.command.emplace_back("results");
  for (const char* word : {"log", "error", "late_error", "says_failure", "says_success", "stalls",
                           "invalid", "unclear"})
    if (chance(8)) spec.command.emplace_back(word);
  if (chance(20)) spec.validation.checks.emplace_back();
  if (chance(20)) spec.validation.on_invalid = OnInvalid::warn;
  spec.on_stall = static_cast<OnStall>(between(0, 2));
  spec.log.on_error = static_cast<OnLogError>(between(0, 2));
  spec.priority = static_cast<Priority>(between(0, 3));
  spec.demand.cpus = static_cast<std::int32_t>(between(0, 4));
  draw_preemption(spec);
  if (chance(30)) spec.demand.memory = between(1, 1000);
  if (chance(15)) spec.demand.gpus = static_cast<std::int32_t>(between(1, 2));
  if (chance(15)) spec.demand.counters["licence"] = between(1, 2);
  if (chance(15)) spec.demand.lock = chance(50) ? "a" : "b";
  if (!spec.demand.lock.empty() && chance(30)) spec.on_busy = OnBusy::reject;
  spec.hold = chance(5);
  if (chance(10)) spec.time_limit = Duration(between(1, 150));
  if (chance(20)) spec.time_limit = Duration(between(150, 600));
  if (chance(30)) spec.group = chance(50) ? "a" : "b";
  spec.grace = Duration(between(0, 100));
  if (chance(20)) spec.retry.retries = static_cast<std::int32_t>(between(1, 3));
  spec.retry.on_lost = chance(20);
  if (chance(10)) spec.idempotency_key = fmt::format("key{}", between(0, 5));
  return spec;
}

void World::draw_preemption(JobSpec& spec) {
  spec.preempt = chance(40);
  if (chance(40)) spec.when_preempted = chance(75) ? WhenPreempted::requeue : WhenPreempted::never;
  spec.pin_cpus = spec.demand.cpus > 0 && chance(40);
  if (!is_crowded_) return;
  // Some long enough to be pushed aside more than once, and others to do so.
  if (chance(50)) {
    spec.command[1] = fmt::format("run={}", between(10'000, 400'000));
    spec.priority = static_cast<Priority>(between(0, 1));
  } else {
    spec.preempt = chance(80);
    spec.priority = static_cast<Priority>(between(1, 3));
  }
}

void World::submit_some() {
  Submission submission;
  const auto count = chance(90) ? 1 : between(2, 12);
  std::vector<std::string> keys;
  for (int i = 0; i < count; ++i) {
    submission.jobs.push_back(draw_spec());
    keys.push_back(submission.jobs.back().idempotency_key);
  }
  const auto ids = dispatcher_->submit(std::move(submission), now());
  if (!ids) {
    tell("submit refused: " + ids.error().message);
    return;
  }
  submitted_.insert(ids->begin(), ids->end());
  dispatcher_->when_committed([this, ids = *ids, keys](const Result<void>& committed) {
    if (!committed) return;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      acknowledged_.try_emplace(ids[i]);
      tell(fmt::format("acknowledged job {}", ids[i].value));
      if (keys[i].empty()) continue;
      const auto known = keys_.try_emplace(keys[i], ids[i]);
      if (known.first->second != ids[i]) fail("one idempotency key gave two jobs");
    }
  });
}

void World::wish() {
  if (acknowledged_.empty()) return;
  auto item = acknowledged_.begin();
  std::advance(item, between(0, std::ssize(acknowledged_) - 1));
  const JobId id = item->first;
  if (chance(10)) return edit(id);
  Fact fact = fact::Cancel{"user", std::nullopt};
  if (chance(20)) fact = fact::Hold{"user"};
  if (chance(20)) fact = fact::Release{"user"};
  if (chance(20)) fact = fact::Pause{"user"};
  if (chance(20)) fact = fact::Resume{"user"};
  if (chance(10)) fact = draw_remark();
  const bool is_cancel = std::holds_alternative<fact::Cancel>(fact);
  const auto changed = dispatcher_->change(id, fact, now());
  tell(fmt::format("wish {} on job {}: {}", fact.index(), id.value,
                   changed ? "taken" : changed.error().message));
  if (!changed) return;
  dispatcher_->when_committed([this, id, is_cancel](const Result<void>& committed) {
    if (committed && is_cancel) acknowledged_[id].cancelled = true;
  });
}

void World::edit(JobId id) {
  const auto job = dispatcher_->find(id);
  if (!job || !*job) return;
  JobSpec spec = (*job)->spec;
  spec.priority = static_cast<Priority>(between(0, 3));
  spec.preempt = chance(50);
  spec.when_preempted = static_cast<WhenPreempted>(between(0, 2));
  const auto edited = dispatcher_->edit(id, spec, now());
  tell(fmt::format("edit of job {}: {}", id.value, edited ? "taken" : edited.error().message));
}

Fact World::draw_remark() {
  Remark remark = remark::Keep{chance(50)};
  if (chance(30)) remark = remark::Judge{chance(50), "why"};
  if (chance(30)) remark = remark::Removing{{true, true, false}};
  if (chance(30)) remark = remark::Removed{{true, true, false}, 1, ""};
  return fact::Remarked{"user", remark};
}

void World::pass_time(std::int64_t ms) {
  time_ = time_ + Duration(ms);
  engine_.run_until(time_);
}

// The dispatcher's memory goes, between any two of its calls; what was committed stays.
void World::crash(bool power_cut) {
  tell(power_cut ? "POWER CUT" : "CRASH");
  dispatcher_.reset();
  output_.crash();
  watch_.crash();
  if (power_cut) {
    ++power_cuts_;
    engine_.reboot();
    output_.lose_unsynced([this] { return between(0, 1) == 0; });
  }
  // Keepers go on while nobody listens.
  pass_time(between(0, 100));
  boot();
}

// As the daemon's loop does it.
void World::settle() {
  advance();
  if (const auto due = dispatcher_->commit_due(); due && *due <= time_) dispatcher_->commit(now());
}

void World::finish() {
  // Whatever is under way is found again by a last daemon, which then stays.
  is_settling_ = true;
  crash(false);
  const Time since = time_;
  for (int round = 0; round < 100'000 && failure_.empty(); ++round) {
    settle();
    for (const auto& [id, told] : acknowledged_)
      if (!told.is_terminal) {
        (void)dispatcher_->change(id, fact::Release{"user"}, now());
        (void)dispatcher_->change(id, fact::Resume{"user"}, now());
      }
    std::optional<Time> next = engine_.next_event();
    for (const auto& other : {dispatcher_->next_wakeup(), dispatcher_->commit_due()})
      if (other && (!next || *other < *next)) next = other;
    if (output_.has_outcomes() || watch_.has_outcomes() || engine_.has_news()) next = time_;
    if (!next) break;
    pass_time(std::max<std::int64_t>(0, (*next - time_).count()));
  }
  check_now();
  check_rows_against_events();
  check_deliveries();
  for (const auto& [id, told] : acknowledged_) {
    const auto job = store_->load(id);
    if (!job || !*job)
      fail(fmt::format("job {} was acknowledged and is lost", id.value));
    else if (!is_terminal((*job)->state))
      fail(fmt::format("job {} never ends: {}", id.value, to_word((*job)->state)));
  }
  for (const auto& [id, told] : acknowledged_) check_time_limit(id, since);
  if (dispatcher_->resources().jobs_holding() != 0) fail("resources are held though all has ended");
  if (engine_.commands_alive() != 0) fail("a command is alive though all has ended");
}

// A command that obeys SIGTERM runs no longer than its limit once a daemon is there all the time,
// which it is from `since` on.
void World::check_time_limit(JobId id, Time since) {
  const auto job = store_->load(id);
  if (!job || !*job || !(*job)->spec.time_limit || (*job)->attempt.started.ms == 0) return;
  const Attempt& attempt = (*job)->attempt;
  const bool obeys =
      std::ranges::find((*job)->spec.command, "ignore_term") == (*job)->spec.command.end();
  Duration paused = attempt.paused_for;
  if (attempt.paused_since.ms != 0) paused += attempt.ended - attempt.paused_since;
  const Time limit = std::max(attempt.started, since) + *(*job)->spec.time_limit + paused;
  if (obeys && attempt.ended > limit + Duration(5))
    fail(fmt::format("job {} ran from {} to {}, beyond its time limit of {}", id.value,
                     attempt.started.ms, attempt.ended.ms, (*job)->spec.time_limit->count()));
}

void World::check_now() {
  std::map<std::pair<JobId, std::int32_t>, int> by_attempt;
  for (const auto& [key, count] : engine_.commands_started()) {
    by_attempt[{key.job, key.attempt}] += count;
    if (engine_.commands_alive(key.job) > 1)
      fail(fmt::format("two commands of job {} are alive", key.job.value));
  }
  for (const auto& [attempt, count] : by_attempt)
    if (count > 1)
      fail(fmt::format("attempt {} of job {} was started {} times", attempt.second,
                       attempt.first.value, count));
  // Of what really lives: books may count a job whose end is just being found out.
  std::map<std::string, std::int64_t> used;
  std::string who;
  for (const auto& [id, told] : acknowledged_) {
    if (engine_.commands_alive(id) == 0) continue;
    const auto job = dispatcher_->find(id);
    const Demand demand = (*job)->demand();
    if (engine_.is_using_cpus(id)) {
      used["CPUs"] += demand.cpus;
      ++used["jobs"];
    }
    used["memory"] += demand.memory;
    used["GPUs"] += demand.gpus;
    for (const auto& [counter, amount] : demand.counters) used[counter] += amount;
    if (!demand.lock.empty()) ++used["lock " + demand.lock];
    who += fmt::format(" {}={}({} CPUs)", id.value, to_word((*job)->state), demand.cpus);
  }
  const std::int64_t jobs_max = capacity_.jobs_max > 0 ? capacity_.jobs_max : INT32_MAX;
  const std::map<std::string, std::int64_t> all{{"CPUs", 4},       {"memory", 1000}, {"GPUs", 2},
                                                {"licence", 2},    {"lock a", 1},    {"lock b", 1},
                                                {"jobs", jobs_max}};
  for (const auto& [what, amount] : used)
    if (amount > all.at(what))
      fail(fmt::format("more of {} is in use than there is:{}", what, who));
  check_cpus();
}

// Each CPU belongs to one of those jobs that are bound to CPUs.
void World::check_cpus() {
  std::map<int, JobId> owner;
  for (const auto& [id, told] : acknowledged_) {
    if (!engine_.is_using_cpus(id)) continue;
    for (const int cpu : engine_.cpus_of(id))
      if (const auto [there, is_new] = owner.emplace(cpu, id); !is_new)
        fail(fmt::format("jobs {} and {} run on CPU {}", there->second.value, id.value, cpu));
  }
}

// Looked at right after a plan, so that no edit came in between.
void World::check_preemptions() {
  for (const JobId id : submitted_) {
    if (engine_.commands_alive(id) == 0) continue;
    const auto job = dispatcher_->find(id);
    if (!job || !*job) continue;
    const Attempt& attempt = (*job)->attempt;
    const Pushed is{attempt.number, (*job)->preempted_at, attempt.went_on,
                    attempt.stop == StopCause::preempt || attempt.paused_by >= PausedBy::scheduler};
    const auto [found, is_first_look] = pushed_.emplace(id, is);
    const Pushed was = std::exchange(found->second, is);
    if (!is_first_look && is.is_aside && (!was.is_aside || was.at != is.at))
      check_preemption(**job, was);
  }
}

void World::check_preemption(const Job& victim, const Pushed& before) {
  ++counts_.preemptions;
  if (victim.is_suspended() || victim.attempt.stop != StopCause::preempt) ++counts_.suspensions;
  const auto other = dispatcher_->find(victim.attempt.preempted_for);
  if (!other || !*other) return fail("a job was pushed aside for one that is not there");
  tell(fmt::format("job {} was pushed aside for job {}", victim.id.value, (*other)->id.value));
  if ((*other)->spec.priority <= victim.spec.priority)
    fail(fmt::format("job {} was pushed aside for one of no higher priority", victim.id.value));
  if (!(*other)->spec.preempt) fail("a job was pushed aside for one that did not ask for it");
  if (victim.spec.when_preempted == WhenPreempted::never)
    fail(fmt::format("job {} was pushed aside, and may not be", victim.id.value));
  const bool is_same_attempt = before.attempt == victim.attempt.number;
  for (const Time last : {before.at, is_same_attempt ? before.went_on : Time{}})
    if (last.ms > 0 && time_ - last < limits::undisturbed_first)
      fail(fmt::format("job {} was pushed aside again too soon", victim.id.value));
}

// Only where it is certain who the head is: one job has the highest priority, ageing included. The
// shares of groups decide between equal ones, and whoever waits for a lock is no head.
void World::check_head(const std::map<JobId, bool>& held_before) {
  const Resources& resources = dispatcher_->resources();
  const auto priority_of = [&](const Job& job) {
    return effective_priority(job.spec.priority, std::max(job.queued_at, job.preempted_at), time_);
  };
  std::optional<Job> head;
  int others = 0;
  for (const JobId id : submitted_) {
    if (const auto told = acknowledged_.find(id);
        told != acknowledged_.end() && told->second.is_terminal)
      continue;
    const auto job = dispatcher_->find(id);
    if (!job || !*job || !(*job)->is_in_queue()) continue;
    if (head && priority_of(*head) > priority_of(**job)) continue;
    others = head && priority_of(*head) == priority_of(**job) ? others + 1 : 0;
    head = **job;
  }
  if (!head || others > 0) return;
  const Demand demand = line_of(*head).demand;
  auto beside_suspended = Resources::Room::beside_suspended(resources);
  std::vector<Started> started;
  for (const Resources::Holder& holder : resources.holders()) {
    const auto before = held_before.find(holder.job);
    const bool is_new = before == held_before.end();
    if (holder.is_suspended || (!is_new && !before->second)) continue;
    const auto job = dispatcher_->find(holder.job);
    // What was woken to be ended is not going on.
    if (!is_new && (*job)->state != JobState::paused) continue;
    if (!is_new) beside_suspended.subtract_suspended(*holder.demand);
    if (priority_of(**job) < priority_of(*head))
      started.push_back({holder.job, is_new ? *holder.demand : freed_by_pause(*holder.demand)});
  }
  // A head that waits for suspended jobs lets them go first.
  if (started.empty() || !demand.lock.empty() || !beside_suspended.fits(demand)) return;
  ++counts_.heads_checked;
  if (is_delayed(resources, demand, started, time_))
    fail(fmt::format("job {} was started though job {} waits for what it takes",
                     started.front().job.value, head->id.value));
}

// Folding the history gives the rows; its numbers have no hole; each attempt ends once.
void World::check_rows_against_events() {
  std::map<JobId, JobState> state;
  std::map<std::pair<JobId, std::int32_t>, int> ends;
  std::int64_t expected = 0;
  EventQuery query;
  while (true) {
    const auto events = store_->events(query);
    if (!events || events->empty()) break;
    for (const StoredEvent& stored : *events) {
      const Event& event = stored.event;
      if (stored.seq != ++expected) fail("the history has a hole");
      if (!event.to) continue;
      if (event.from && state[event.job] != *event.from)
        fail(fmt::format("job {}: history goes from {} but it was {}", event.job.value,
                         to_word(*event.from), to_word(state[event.job])));
      state[event.job] = *event.to;
      if (is_terminal(*event.to) && event.attempt > 0 && ++ends[{event.job, event.attempt}] > 1)
        fail(fmt::format("attempt {} of job {} ended twice", event.attempt, event.job.value));
    }
    query.after = events->back().seq;
  }
  std::map<AttemptKey, int> directories;
  for (const auto& [directory, key] : output_.published) ++directories[key];
  for (const auto& [id, folded] : state) {
    const auto job = store_->load(id);
    if (!job || !*job) continue;
    if ((*job)->state != folded)
      fail(fmt::format("job {} is {} but its history ends with {}", id.value,
                       to_word((*job)->state), to_word(folded)));
    const bool has_results = has_word(**job, "results");
    const int published = directories[(*job)->key()];
    if (published != ((*job)->state == JobState::completed && has_results ? 1 : 0))
      fail(fmt::format("job {} is {} and published {} directories", id.value, to_word(folded),
                       published));
    check_truth(**job);
    if ((*job)->attempt.open) fail(fmt::format("job {} has an open attempt", id.value));
  }
}

// A success is one by all that is known of it.
void World::check_truth(const Job& job) {
  if (job.state != JobState::completed) return;
  const Evidence& evidence = job.attempt.evidence;
  const bool says_success = has_word(job, "says_success") && !has_word(job, "says_failure");
  if (has_word(job, "says_failure") && !has_word(job, "says_success"))
    fail(fmt::format("job {} said that it failed and is completed", job.id.value));
  if ((has_word(job, "error") || has_word(job, "late_error")) && !says_success &&
      job.spec.log.on_error == OnLogError::fail && !has_word(job, "says_success"))
    fail(fmt::format("job {} has an error in its log and is completed", job.id.value));
  if (job.spec.validation.checks.empty()) return;
  if (evidence.verdict == ResultsVerdict::unchecked)
    fail(fmt::format("job {} is completed and its results are not checked", job.id.value));
  if (has_word(job, "invalid") && job.spec.validation.on_invalid == OnInvalid::fail)
    fail(fmt::format("job {} is completed with invalid results", job.id.value));
}

// Each job that has ended is told of once, with the event that says so.
void World::check_deliveries() {
  std::map<JobId, std::vector<std::int64_t>> told;
  DeliveryQuery query;
  query.rows_max = 1'000'000;
  const auto deliveries = store_->deliveries(query);
  for (const Delivery& delivery : *deliveries) told[delivery.job].push_back(delivery.event);
  for (const auto& [id, known] : acknowledged_) {
    if (!known.is_terminal) continue;
    const std::vector<std::int64_t>& events = told[id];
    if (events.size() != 1) {
      fail(fmt::format("job {} ended, and is told of {} times", id.value, events.size()));
      continue;
    }
    const auto event = store_->events({events.front() - 1, id, 1});
    if (!event || event->empty() || event->front().seq != events.front() ||
        event->front().event.to != known.terminal)
      fail(fmt::format("what is told of job {} is not its end", id.value));
  }
}

void World::fail(std::string what) {
  if (failure_.empty()) failure_ = std::move(what);
}

void World::tell(std::string line) {
  story_.push_back(fmt::format("[{}] {}", time_.ms, line));
}

}  // namespace reeve::sim
