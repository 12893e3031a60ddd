// Which job starts next.

#include "core/plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace reeve::test {
namespace {

using Ids = std::vector<std::int64_t>;

constexpr std::size_t many = 1000;

Ids numbers(const std::vector<JobId>& ids) {
  Ids out;
  for (const JobId id : ids) out.push_back(id.value);
  return out;
}

Demand cpus(std::int32_t count) {
  Demand demand;
  demand.cpus = count;
  return demand;
}

Demand locked(const std::string& lock) {
  Demand demand;
  demand.lock = lock;
  return demand;
}

Capacity machine(std::int32_t count) {
  Capacity capacity;
  capacity.cpus = count;
  capacity.memory = 1000;
  return capacity;
}

class Plan : public testing::Test {
 protected:
  void wait(std::int64_t id, const Demand& demand, Priority priority = Priority::normal,
            Time queued_at = {}) {
    waiting.add({id}, demand, priority, queued_at);
  }
  [[nodiscard]] Ids starts(Time now = {}) const {
    return numbers(waiting.choose(resources, now, many, many).start);
  }

  WaitingJobs waiting;
  Resources resources{machine(4)};
};

TEST_F(Plan, JobsStartInTheOrderOfTheirIds) {
  for (const std::int64_t id : {3, 1, 2}) wait(id, cpus(1));
  EXPECT_EQ(starts(), (Ids{1, 2, 3}));
}

TEST_F(Plan, HigherPriorityGoesFirst) {
  wait(1, cpus(1), Priority::low);
  wait(2, cpus(1), Priority::critical);
  wait(3, cpus(2), Priority::high);
  EXPECT_EQ(starts(), (Ids{2, 3, 1}));
}

TEST_F(Plan, NothingStartsBeyondWhatIsFree) {
  for (std::int64_t id = 1; id <= 6; ++id) wait(id, cpus(1));
  (void)resources.take({99}, cpus(2), false);
  const auto choice = waiting.choose(resources, {}, many, many);
  EXPECT_EQ(numbers(choice.start), (Ids{1, 2}));
  EXPECT_EQ(numbers(choice.ahead), (Ids{3, 4, 5, 6}));
}

TEST_F(Plan, StartsAndThoseAheadAreBounded) {
  for (std::int64_t id = 1; id <= 6; ++id) wait(id, cpus(1));
  const auto choice = waiting.choose(resources, {}, 2, 3);
  EXPECT_EQ(numbers(choice.start), (Ids{1, 2}));
  EXPECT_EQ(numbers(choice.ahead), (Ids{3, 4, 5}));
  EXPECT_TRUE(waiting.choose(resources, {}, 0, 0).ahead.empty());
}

TEST_F(Plan, JobAgesByOnePriorityAtExactlyTheStep) {
  const auto step = limits::ageing_step;
  const Time queued{1000};
  EXPECT_EQ(effective_priority(Priority::low, queued, queued + step - Duration(1)), 0);
  EXPECT_EQ(effective_priority(Priority::low, queued, queued + step), 1);
  EXPECT_EQ(effective_priority(Priority::low, queued, queued + 3 * step), 3);
  EXPECT_EQ(effective_priority(Priority::low, queued, queued + 99 * step), 3);
  EXPECT_EQ(effective_priority(Priority::high, queued, Time{0}), 2) << "before it was queued";
}

TEST_F(Plan, AgedJobOvertakesAYoungerOneOfHigherPriority) {
  wait(1, cpus(4), Priority::low, Time{0});
  wait(2, cpus(3), Priority::normal, Time{5});
  const Time due = Time{0} + limits::ageing_step;
  EXPECT_EQ(starts(due - Duration(1)), (Ids{2}));
  EXPECT_EQ(starts(due), (Ids{1}));
}

// The first job has come back to the queue (a retry), the second has waited all the time.
TEST_F(Plan, AgedJobIsNotHiddenBehindAYoungerOneOfTheSameDemandWithALowerId) {
  wait(1, cpus(4), Priority::low, Time{0} + 3 * limits::ageing_step);
  wait(2, cpus(4), Priority::low, Time{0});
  wait(3, cpus(3), Priority::high, Time{0} + 3 * limits::ageing_step);
  EXPECT_EQ(starts(Time{0} + 3 * limits::ageing_step), (Ids{2}))
      << "job 2 has aged to the highest priority";
}

TEST_F(Plan, LockAdmitsOneJobAtATime) {
  wait(1, locked("a"));
  wait(2, locked("a"));
  wait(3, locked("b"));
  EXPECT_EQ(starts(), (Ids{1, 3}));
}

TEST_F(Plan, JobThatWaitsForALockReservesNothing) {
  (void)resources.take({99}, locked("a"), false);
  Demand greedy = locked("a");
  greedy.cpus = 4;
  wait(1, greedy, Priority::critical);
  wait(2, cpus(3));
  EXPECT_EQ(starts(), (Ids{2}));
}

TEST_F(Plan, FirstWaitingJobOfALockIsKnown) {
  EXPECT_FALSE(waiting.first_with_lock("a"));
  Demand other = locked("a");
  other.cpus = 2;
  wait(5, locked("a"));
  wait(4, other, Priority::low);
  wait(1, locked("b"));
  EXPECT_EQ(waiting.first_with_lock("a"), JobId{4});
}

TEST_F(Plan, BlockedHeadReservesWhatItNeeds) {
  (void)resources.take({99}, cpus(2), false);
  wait(1, cpus(4));
  wait(2, cpus(1));
  EXPECT_TRUE(starts().empty()) << "job 2 would delay job 1";
  resources.give_back({99});
  EXPECT_EQ(starts(), (Ids{1}));
}

TEST_F(Plan, JobThatDoesNotDelayABlockedHeadMayGoBeforeIt) {
  (void)resources.take({99}, cpus(1), false);
  Demand head = cpus(1);
  head.memory = 800;
  Demand holder = cpus(1);
  holder.memory = 500;
  (void)resources.take({98}, holder, false);
  wait(1, head);
  wait(2, cpus(1));
  EXPECT_EQ(starts(), (Ids{2})) << "one CPU is left beside the reserved one";
}

TEST_F(Plan, JobWithoutCpusIsNotHeldUpByAReservationOfCpus) {
  (void)resources.take({99}, cpus(3), false);
  wait(1, cpus(4));
  wait(2, cpus(0));
  EXPECT_EQ(starts(), (Ids{2})) << "it takes nothing that job 1 waits for";
}

TEST_F(Plan, JobWithoutMemoryIsNotHeldUpByAReservationOfMemory) {
  Demand holder = cpus(1);
  holder.memory = 900;
  (void)resources.take({99}, holder, false);
  Demand head = cpus(1);
  head.memory = 500;
  wait(1, head);
  wait(2, cpus(1));
  EXPECT_EQ(starts(), (Ids{2}));
}

TEST_F(Plan, ImpossibleDemandHoldsNobodyUp) {
  wait(1, cpus(5), Priority::critical);
  wait(2, cpus(4));
  const auto choice = waiting.choose(resources, {}, many, many);
  EXPECT_EQ(numbers(choice.start), (Ids{2}));
  EXPECT_TRUE(choice.ahead.empty());
}

TEST_F(Plan, AtMostJobsMaxRunAtATime) {
  Capacity capacity = machine(100);
  capacity.jobs_max = 2;
  resources = Resources(capacity);
  for (std::int64_t id = 1; id <= 4; ++id) wait(id, cpus(1));
  EXPECT_EQ(starts(), (Ids{1, 2}));
  (void)resources.take({1}, cpus(1), false);
  waiting.remove({1});
  EXPECT_EQ(starts(), (Ids{2}));
}

TEST_F(Plan, RemovedJobIsNotChosenAndRemovingTwiceIsHarmless) {
  wait(1, cpus(1));
  wait(2, cpus(1));
  waiting.remove({1});
  waiting.remove({1});
  waiting.remove({77});
  EXPECT_FALSE(waiting.contains({1}));
  EXPECT_EQ(waiting.size(), 1U);
  EXPECT_EQ(starts(), (Ids{2}));
}

TEST_F(Plan, ChoosingChangesNothing) {
  for (std::int64_t id = 1; id <= 6; ++id) wait(id, cpus(1));
  EXPECT_EQ(starts(), starts());
  EXPECT_EQ(waiting.size(), 6U);
}

TEST_F(Plan, JobWaitsOnce) {
  wait(1, cpus(1));
  EXPECT_DEATH(wait(1, cpus(2)), "a job waits once");
}

// --- Against a plain implementation of the same rules --------------------------------------------

struct Row {
  JobId id;
  Demand demand;
  Priority priority = Priority::normal;
  Time queued_at;
};

// What is free, in the plainest form.
struct Free {
  std::int64_t cpus, memory, gpus, jobs;
  std::map<std::string, std::int64_t> counters;
  std::set<std::string> locks;

  [[nodiscard]] bool fits(const Demand& d) const {
    if (jobs < 1 || d.cpus > cpus) return false;
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
};

// Looks at every job, best first.
WaitingJobs::Choice choose_plainly(std::vector<Row> rows, const Resources& resources, Free free,
                                   Time now, std::size_t start_max, std::size_t ahead_max) {
  std::ranges::sort(rows, [&](const Row& a, const Row& b) {
    const int pa = effective_priority(a.priority, a.queued_at, now);
    const int pb = effective_priority(b.priority, b.queued_at, now);
    if (pa != pb) return pa > pb;
    return a.queued_at != b.queued_at ? a.queued_at < b.queued_at : a.id < b.id;
  });
  WaitingJobs::Choice choice;
  std::vector<Demand> blocked;
  for (const Row& row : rows) {
    if (choice.start.size() >= start_max && choice.ahead.size() >= ahead_max) break;
    if (resources.find_impossible(row.demand)) continue;
    if (!row.demand.lock.empty() && free.locks.contains(row.demand.lock)) continue;
    bool is_blocked = std::ranges::find(blocked, row.demand) != blocked.end();
    if (!is_blocked) {
      if (choice.start.size() < start_max && free.fits(row.demand)) {
        choice.start.push_back(row.id);
      } else {
        blocked.push_back(row.demand);
        is_blocked = true;
      }
      free.subtract(row.demand);
    }
    if (is_blocked && choice.ahead.size() < ahead_max) choice.ahead.push_back(row.id);
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
    now_ = now_ + Duration(draw(90) * 60'000);
    for (auto i = draw(6); i > 0; --i) submit();
    if (!running_.empty() && draw(2) == 0) end_one();
    const auto start_max = static_cast<std::size_t>(draw(5));
    const auto ahead_max = static_cast<std::size_t>(draw(6));
    const auto choice = waiting_.choose(resources_, now_, start_max, ahead_max);
    const auto plain = choose_plainly(rows_, resources_, free(), now_, start_max, ahead_max);
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
    for (const Row& row : running_) left.subtract(row.demand);
    return left;
  }
  void submit() {
    Row row;
    row.id = {++last_};
    row.demand.cpus = static_cast<std::int32_t>(1 + draw(9));
    if (draw(3) == 0) row.demand.memory = 200 * draw(6);
    if (draw(5) == 0) row.demand.gpus = static_cast<std::int32_t>(draw(4));
    if (draw(5) == 0) row.demand.counters["licence"] = 1 + draw(4);
    if (draw(4) == 0) row.demand.lock = draw(2) == 0 ? "a" : "b";
    row.priority = static_cast<Priority>(draw(4));
    row.queued_at = now_;
    rows_.push_back(row);
    waiting_.add(row.id, row.demand, row.priority, row.queued_at);
  }
  void end_one() {
    const auto at = running_.begin() + draw(std::ssize(running_));
    resources_.give_back(at->id);
    running_.erase(at);
  }
  void start(JobId id) {
    const auto at = std::ranges::find(rows_, id, &Row::id);
    ASSERT_NE(at, rows_.end());
    (void)resources_.take(id, at->demand, false);
    running_.push_back(*at);
    rows_.erase(at);
    waiting_.remove(id);
    ++started;
  }

  std::mt19937_64 random_;
  Capacity capacity_;
  Resources resources_{Capacity{}};
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

}  // namespace
}  // namespace reeve::test
