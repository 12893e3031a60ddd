// The plan against a plain implementation of the same rules, and what it promises to heads.

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "core/plan.h"

namespace reeve::test {
namespace {

using Ids = std::vector<std::int64_t>;

Ids numbers(const std::vector<JobId>& ids) {
  Ids out;
  for (const JobId id : ids) out.push_back(id.value);
  return out;
}

struct Row {
  JobId id;
  LineKey key;
  Priority priority = Priority::normal;
  Time queued_at;
  std::optional<Time> ends;  // once it runs
};

// What is free, in the plainest form.
struct Free {
  std::int64_t cpus, memory, gpus, jobs;
  std::map<std::string, std::int64_t> counters;
  std::set<std::string> locks;

  [[nodiscard]] bool fits(const Demand& d) const {
    if (jobs < 1 || (d.cpus > 0 && d.cpus > cpus)) return false;
    if (d.memory > 0 && d.memory > memory) return false;
    if (d.gpus > 0 && d.gpus > gpus) return false;
    for (const auto& [name, amount] : d.counters)
      if (amount > counters.at(name)) return false;
    return d.lock.empty() || !locks.contains(d.lock);
  }
  void subtract(const Demand& d) {
    cpus -= d.cpus;
    memory -= d.memory;
    gpus -= d.gpus;
    --jobs;
    for (const auto& [name, amount] : d.counters) counters[name] -= amount;
    if (!d.lock.empty()) locks.insert(d.lock);
  }
  void add(const Demand& d) {
    cpus += d.cpus;
    memory += d.memory;
    gpus += d.gpus;
    ++jobs;
    for (const auto& [name, amount] : d.counters) counters[name] += amount;
    locks.erase(d.lock);
  }
};

// When `demand` fits at the latest, and what is free then.
std::optional<std::pair<Time, Free>> first_start(const Demand& demand, Free free,
                                                 const std::vector<Row>& running, Time now) {
  std::vector<Time> moments{now};
  for (const Row& row : running)
    if (row.ends && *row.ends > now) moments.push_back(*row.ends);
  std::ranges::sort(moments);
  for (const Time moment : moments) {
    // At `now` itself what is overdue still holds, unless nothing else makes it fit.
    Free then = free;
    if (moment == now && then.fits(demand)) {
      for (const Row& row : running)
        if (row.ends && *row.ends <= moment) then.add(row.key.demand);
      return std::pair(moment, then);
    }
    for (const Row& row : running)
      if (row.ends && *row.ends <= moment) then.add(row.key.demand);
    if (then.fits(demand)) return std::pair(moment, then);
  }
  return std::nullopt;
}

// Looks at every job, best first.
WaitingJobs::Choice choose_plainly(std::vector<Row> rows, const Resources& resources,
                                   const FairShare& shares, Free free, std::vector<Row> running,
                                   Time now, std::size_t start_max, std::size_t ahead_max) {
  WaitingJobs::Choice choice;
  std::map<std::string, double> burden;
  for (const Row& row : rows) burden[row.key.group] = shares.burden(row.key.group, now);
  std::vector<LineKey> blocked;
  std::vector<Demand> reserved;
  std::optional<Free> later;
  std::optional<Time> gap_end;
  while (!rows.empty()) {
    if (choice.start.size() >= start_max && choice.ahead.size() >= ahead_max) break;
    const auto best = std::ranges::min_element(rows, {}, [&](const Row& row) {
      return std::tuple(-effective_priority(row.priority, row.queued_at, now),
                        burden.at(row.key.group), row.queued_at, row.id);
    });
    const Row row = *best;
    rows.erase(best);
    const Demand& demand = row.key.demand;
    if (resources.find_impossible(demand)) continue;
    const bool is_short = gap_end && row.key.time_limit && now + *row.key.time_limit <= *gap_end;
    if (free.locks.contains(demand.lock)) continue;
    if (later && later->locks.contains(demand.lock) && !is_short) continue;
    if (std::ranges::find(blocked, row.key) == blocked.end()) {
      if (choice.start.size() < start_max && free.fits(demand) &&
          (!later || is_short || later->fits(demand))) {
        choice.start.push_back(row.id);
        free.subtract(demand);
        if (later && !is_short) later->subtract(demand);
        burden[row.key.group] += shares.burden_of_start(row.key.group, demand.cpus);
        running.push_back(row);
        if (row.key.time_limit) running.back().ends = now + *row.key.time_limit;
        continue;
      }
      blocked.push_back(row.key);
      if (std::ranges::find(reserved, demand) == reserved.end()) {
        reserved.push_back(demand);
        if (!later) {
          later = free;
          if (const auto found = first_start(demand, free, running, now))
            std::tie(gap_end, later) = *found;
        }
        later->subtract(demand);
      }
    }
    if (choice.ahead.size() < ahead_max) choice.ahead.push_back(row.id);
  }
  return choice;
}

class RandomQueue {
 public:
  explicit RandomQueue(std::uint64_t seed) : random_(seed) {
    capacity_.cpus = 8;
    capacity_.memory = 1000;
    capacity_.gpus = 2;
    capacity_.counters["licence"] = 3;
    capacity_.jobs_max = draw(4) == 0 ? 5 : 0;
    resources_ = Resources(capacity_);
  }

  void round() {
    now_ = now_ + Duration(draw(20) * 30'000);
    for (auto i = draw(6); i > 0; --i) submit();
    if (!running_.empty() && draw(2) == 0) end_one();
    const auto start_max = static_cast<std::size_t>(draw(5));
    const auto ahead_max = static_cast<std::size_t>(draw(6));
    const auto choice = waiting_.choose(resources_, shares_, now_, start_max, ahead_max);
    const auto plain =
        choose_plainly(rows_, resources_, shares_, free(), running_, now_, start_max, ahead_max);
    EXPECT_EQ(numbers(choice.start), numbers(plain.start));
    EXPECT_EQ(numbers(choice.ahead), numbers(plain.ahead));
    for (const JobId id : choice.start) start(id);
  }
  std::size_t started = 0;

 private:
  std::int64_t draw(std::int64_t below) {
    return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(below));
  }
  Free free() const {
    Free left{capacity_.cpus,     capacity_.memory,
              capacity_.gpus,     capacity_.jobs_max > 0 ? capacity_.jobs_max : 1'000'000,
              capacity_.counters, {}};
    for (const Row& row : running_) left.subtract(row.key.demand);
    return left;
  }
  void submit() {
    Row row;
    row.id = {++last_};
    row.key.demand.cpus = static_cast<std::int32_t>(1 + draw(9));
    if (draw(3) == 0) row.key.demand.memory = 200 * draw(6);
    if (draw(5) == 0) row.key.demand.gpus = static_cast<std::int32_t>(draw(4));
    if (draw(5) == 0) row.key.demand.counters["licence"] = 1 + draw(4);
    if (draw(4) == 0) row.key.demand.lock = draw(2) == 0 ? "a" : "b";
    if (draw(3) == 0) row.key.time_limit = Duration(30'000 * (1 + draw(9)));
    if (draw(3) == 0) row.key.group = draw(2) == 0 ? "a" : "big";
    row.priority = static_cast<Priority>(draw(4));
    row.queued_at = now_;
    rows_.push_back(row);
    waiting_.add(row.id, row.key, row.priority, row.queued_at);
  }
  void end_one() {
    const auto at = running_.begin() + draw(std::ssize(running_));
    resources_.give_back(at->id);
    shares_.end(at->id, now_);
    running_.erase(at);
  }
  void start(JobId id) {
    const auto at = std::ranges::find(rows_, id, &Row::id);
    ASSERT_NE(at, rows_.end());
    (void)resources_.take(id, at->key.demand, false);
    shares_.start(id, at->key.group, at->key.demand.cpus, now_);
    if (at->key.time_limit) at->ends = now_ + *at->key.time_limit;
    resources_.expect_end(id, at->ends);
    running_.push_back(*at);
    rows_.erase(at);
    waiting_.remove(id);
    ++started;
  }

  std::mt19937_64 random_;
  Capacity capacity_;
  Resources resources_{Capacity{}};
  FairShare shares_{Shares{{"big", 2}}};
  WaitingJobs waiting_;
  std::vector<Row> rows_;
  std::vector<Row> running_;
  Time now_;
  std::int64_t last_ = 0;
};

TEST(PlanProperty, AgreesWithAPlainSearchOverTheWholeQueue) {
  std::size_t started = 0;
  for (std::uint64_t seed = 1; seed <= 40 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomQueue queue(seed);
    for (int i = 0; i < 40 && !testing::Test::HasFailure(); ++i) queue.round();
    started += queue.started;
  }
  EXPECT_GT(started, 400U);
}

// Jobs that keep their time limits, all there from the beginning: nobody is overtaken by one that
// makes it start later than it was once told.
class Promises {
 public:
  explicit Promises(std::uint64_t seed) : random_(seed) {
    capacity_.cpus = 8;
    capacity_.memory = 1000;
    resources_ = Resources(capacity_);
    for (std::int64_t id = 1; id <= 30; ++id) {
      Row row{{id}, {}, Priority::normal, {}, {}};
      row.key.demand.cpus = static_cast<std::int32_t>(1 + draw(8));
      row.key.demand.memory = draw(2) * 100 * draw(9);
      row.key.time_limit = Duration(1 + draw(200));
      waiting_.add(row.id, row.key, row.priority, row.queued_at);
      rows_.push_back(row);
    }
  }

  void expect_kept() {
    for (Time now; !rows_.empty() && now.ms < 100'000; now = now + Duration(1)) {
      end_some(now);
      for (const JobId id : waiting_.choose(resources_, shares_, now, 100, 0).start) start(id, now);
      if (!rows_.empty()) promise(now);
    }
    EXPECT_TRUE(rows_.empty()) << "a job waits for ever";
  }
  std::map<JobId, Time> made;
  std::size_t overtakings = 0;

 private:
  std::int64_t draw(std::int64_t below) {
    return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(below));
  }
  void end_some(Time now) {
    std::erase_if(running_, [&](const auto& item) {
      if (item.second > now) return false;
      resources_.give_back(item.first.id);
      return true;
    });
  }
  void start(JobId id, Time now) {
    const auto at = std::ranges::find(rows_, id, &Row::id);
    if (made.contains(id)) EXPECT_LE(now, made.at(id)) << "job " << id.value;
    if (at != rows_.begin()) ++overtakings;
    (void)resources_.take(id, at->key.demand, false);
    at->ends = now + *at->key.time_limit;
    resources_.expect_end(id, at->ends);
    running_.emplace_back(*at, now + Duration(1 + draw(at->key.time_limit->count())));
    waiting_.remove(id);
    rows_.erase(at);
  }
  void promise(Time now) {
    Free free{capacity_.cpus, capacity_.memory, 0, 1'000'000, {}, {}};
    std::vector<Row> held;
    for (const auto& [row, end] : running_) {
      free.subtract(row.key.demand);
      held.push_back(row);
    }
    const auto first = first_start(rows_.front().key.demand, free, held, now);
    ASSERT_TRUE(first);
    made.try_emplace(rows_.front().id, first->first);
  }

  std::mt19937_64 random_;
  Capacity capacity_;
  Resources resources_{Capacity{}};
  FairShare shares_{Shares{}};
  WaitingJobs waiting_;
  std::vector<Row> rows_;
  std::vector<std::pair<Row, Time>> running_;  // and when it really ends
};

TEST(PlanProperty, HeadStartsNoLaterThanItWasPromised) {
  std::size_t made = 0;
  std::size_t overtakings = 0;
  for (std::uint64_t seed = 1; seed <= 60 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Promises promises(seed);
    promises.expect_kept();
    made += promises.made.size();
    overtakings += promises.overtakings;
  }
  EXPECT_GT(made, 300U);
  EXPECT_GT(overtakings, 100U) << "no gap was filled";
}

}  // namespace
}  // namespace reeve::test
