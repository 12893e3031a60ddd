#include "world.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace reeve::sim {

std::expected<std::string, OsError> FakeOutput::prepare(const Job& job) {
  return fmt::format("/staging/{}.{}", job.id.value, job.attempt.number);
}

bool FakeOutput::has_results(const Job& job) {
  return std::ranges::find(job.spec.command, "results") != job.spec.command.end();
}

void FakeOutput::publish(const Job& job) {
  const std::string& target = job.attempt.publish_target;
  const auto there = published.find(target);
  if (there != published.end() && there->second == job.key()) {
    outcomes_.push_back({job.key(), PublishOutcome::Kind::published, target, ""});
  } else if (there != published.end() || taken.contains(target)) {
    outcomes_.push_back({job.key(), PublishOutcome::Kind::taken, "", ""});
  } else {
    published[target] = job.key();
    outcomes_.push_back({job.key(), PublishOutcome::Kind::published, target, ""});
  }
}

bool FakeOutput::is_in_place(const Job& job) {
  const auto there = published.find(job.attempt.publish_target);
  return there != published.end() && there->second == job.key();
}

void FakeOutput::set_aside(const Job& job) {
  aside.insert(job.key());
}

std::vector<PublishOutcome> FakeOutput::collect() {
  return std::exchange(outcomes_, {});
}

World::World(std::uint64_t seed) : random_(seed) {
  store_ = std::move(*Store::open(":memory:"));
  boot();
}

void World::boot() {
  Capacity capacity;
  capacity.cpus = 4;
  capacity.memory = 1000;
  capacity.gpus = 2;
  capacity.counters["licence"] = 2;
  dispatcher_ = std::make_unique<Dispatcher>(*store_, engine_, output_, capacity, Shares{{"a", 2}});
  dispatcher_->find_pressure = [this]() -> std::optional<std::string> {
    if (is_settling_ || !chance(10)) return std::nullopt;
    return "the machine is under pressure";
  };
  dispatcher_->find_deliveries = [](const Event& event, const Job& job, const Now& at) {
    std::vector<Delivery> deliveries;
    if (!find_occasion(event, job)) return deliveries;
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
    dispatcher_->advance(now());
  else
    dispatcher_->commit(now());
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
  spec.priority = static_cast<Priority>(between(0, 3));
  spec.demand.cpus = static_cast<std::int32_t>(between(0, 4));
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
  if (power_cut) {
    ++power_cuts_;
    engine_.reboot();
  }
  // Keepers go on while nobody listens.
  pass_time(between(0, 100));
  boot();
}

// As the daemon's loop does it.
void World::settle() {
  dispatcher_->advance(now());
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
    if (output_.has_outcomes()) next = time_;
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
  if (dispatcher_->resources().jobs_running() != 0) fail("resources are held though all has ended");
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
  const Time limit = std::max(attempt.started, since) + *(*job)->spec.time_limit;
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
    used["CPUs"] += demand.cpus;
    used["memory"] += demand.memory;
    used["GPUs"] += demand.gpus;
    for (const auto& [counter, amount] : demand.counters) used[counter] += amount;
    if (!demand.lock.empty()) ++used["lock " + demand.lock];
    who += fmt::format(" {}={}({} CPUs)", id.value, to_word((*job)->state), demand.cpus);
  }
  const std::map<std::string, std::int64_t> all{{"CPUs", 4},    {"memory", 1000}, {"GPUs", 2},
                                                {"licence", 2}, {"lock a", 1},    {"lock b", 1}};
  for (const auto& [what, amount] : used)
    if (amount > all.at(what))
      fail(fmt::format("more of {} is in use than there is:{}", what, who));
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
    const bool has_results = output_.has_results(**job);
    const int published = directories[(*job)->key()];
    if (published != ((*job)->state == JobState::completed && has_results ? 1 : 0))
      fail(fmt::format("job {} is {} and published {} directories", id.value, to_word(folded),
                       published));
    if ((*job)->attempt.open) fail(fmt::format("job {} has an open attempt", id.value));
  }
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
