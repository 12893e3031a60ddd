// Which job starts next.

#include "core/plan.h"

#include <gtest/gtest.h>

#include <algorithm>

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
    waiting.add({id}, {demand, std::nullopt, ""}, priority, queued_at);
  }
  void wait_limited(std::int64_t id, const Demand& demand, std::int64_t limit_ms) {
    waiting.add({id}, {demand, Duration(limit_ms), ""}, Priority::normal, {});
  }
  void wait_in(const std::string& group, std::int64_t id, const Demand& demand,
               Priority priority = Priority::normal) {
    waiting.add({id}, {demand, std::nullopt, group}, priority, {});
  }
  void run(std::int64_t id, const Demand& demand, std::optional<Time> ends) {
    (void)resources.take({id}, demand, false);
    resources.expect_end({id}, ends);
  }
  [[nodiscard]] Ids starts(Time now = {}) const {
    return numbers(waiting.choose(resources, shares, now, many, many).start);
  }

  WaitingJobs waiting;
  Resources resources{machine(4)};
  FairShare shares{Shares{{"big", 2}}};
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
  const auto choice = waiting.choose(resources, shares, {}, many, many);
  EXPECT_EQ(numbers(choice.start), (Ids{1, 2}));
  EXPECT_EQ(numbers(choice.ahead), (Ids{3, 4, 5, 6}));
}

TEST_F(Plan, StartsAndThoseAheadAreBounded) {
  for (std::int64_t id = 1; id <= 6; ++id) wait(id, cpus(1));
  const auto choice = waiting.choose(resources, shares, {}, 2, 3);
  EXPECT_EQ(numbers(choice.start), (Ids{1, 2}));
  EXPECT_EQ(numbers(choice.ahead), (Ids{3, 4, 5}));
  EXPECT_TRUE(waiting.choose(resources, shares, {}, 0, 0).ahead.empty());
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
  const auto choice = waiting.choose(resources, shares, {}, many, many);
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

// --- Gaps ----------------------------------------------------------------------------------------

TEST_F(Plan, GapIsFilledByAJobThatIsOverBeforeTheHeadCanStart) {
  run(99, cpus(2), Time{1000});
  wait(1, cpus(4));
  wait_limited(2, cpus(2), 1000);
  EXPECT_EQ(starts(), (Ids{2}));
}

TEST_F(Plan, GapIsNotFilledByAJobThatMayLastLonger) {
  run(99, cpus(2), Time{1000});
  wait(1, cpus(4));
  wait_limited(2, cpus(2), 1001);
  wait(3, cpus(2));
  EXPECT_TRUE(starts().empty());
}

TEST_F(Plan, NoGapIsKnownBehindAJobWithoutATimeLimit) {
  run(99, cpus(2), std::nullopt);
  wait(1, cpus(4));
  wait_limited(2, cpus(1), 1);
  EXPECT_TRUE(starts().empty());
}

TEST_F(Plan, NoGapIsLeftBehindAJobThatIsOverItsTimeLimit) {
  run(99, cpus(2), Time{1000});
  wait(1, cpus(4));
  wait_limited(2, cpus(1), 1);
  EXPECT_TRUE(starts(Time{2000}).empty()) << "it ends any moment";
}

TEST_F(Plan, LongJobMayTakeWhatIsLeftBesideTheHeadWhenThatStarts) {
  run(98, cpus(2), Time{1000});
  run(99, cpus(1), Time{2000});
  wait(1, cpus(2));
  wait(2, cpus(1));
  EXPECT_EQ(starts(), (Ids{2})) << "3 CPUs are free at 1000, and the head takes 2 of them";
}

TEST_F(Plan, LongJobsTakeNoMoreThanWhatIsLeftBesideTheHead) {
  run(99, cpus(2), Time{1000});
  wait(1, cpus(3));
  wait(2, cpus(1));
  wait(3, cpus(1));
  EXPECT_EQ(starts(), (Ids{2}));
}

TEST_F(Plan, GapEndsWhereJobsOfTheSameRoundLeaveEnough) {
  wait_limited(1, cpus(3), 500);
  wait(2, cpus(4), Priority::normal, Time{1});
  waiting.add({3}, {cpus(1), Duration(500), ""}, Priority::normal, Time{2});
  EXPECT_EQ(starts(), (Ids{1, 3}));
}

TEST_F(Plan, LockOfTheHeadIsLentOnlyToAJobThatIsOverInTime) {
  run(99, cpus(2), Time{1000});
  Demand head = locked("a");
  head.cpus = 4;
  wait(1, head);
  wait_limited(2, locked("a"), 2000);
  EXPECT_TRUE(starts().empty());
  wait_limited(3, locked("a"), 900);
  EXPECT_EQ(starts(), (Ids{3}));
}

// --- Groups --------------------------------------------------------------------------------------

TEST_F(Plan, GroupThatUsedLessComesFirstWithinAPriority) {
  shares.start({90}, "a", 4, Time{0});
  shares.end({90}, Time{1000});
  wait_in("a", 1, cpus(4));
  wait_in("b", 2, cpus(4));
  EXPECT_EQ(starts(Time{1000}), (Ids{2}));
  wait_in("a", 3, cpus(4), Priority::high);
  EXPECT_EQ(starts(Time{1000}), (Ids{3})) << "a higher priority goes before";
}

TEST_F(Plan, GroupsTakeTurnsInOneRound) {
  for (std::int64_t id = 1; id <= 4; ++id) wait_in("a", id, cpus(1));
  for (std::int64_t id = 5; id <= 8; ++id) wait_in("b", id, cpus(1));
  EXPECT_EQ(starts(), (Ids{1, 5, 2, 6}));
}

TEST_F(Plan, GroupOfTwiceTheShareGetsTwiceAsMuch) {
  resources = Resources(machine(6));
  for (std::int64_t id = 1; id <= 8; ++id) wait_in("a", id, cpus(1));
  for (std::int64_t id = 11; id <= 18; ++id) wait_in("big", id, cpus(1));
  const Ids ids = starts();
  EXPECT_EQ(std::ranges::count_if(ids, [](auto id) { return id > 10; }), 4);
}

TEST_F(Plan, UseOfTheOnlyGroupThatWaitsChangesNothing) {
  shares.start({90}, "a", 4, Time{0});
  wait_in("a", 1, cpus(2));
  wait_in("a", 2, cpus(1));
  wait_in("a", 3, cpus(1));
  EXPECT_EQ(starts(), (Ids{1, 2, 3}));
}

TEST_F(Plan, ExplanationNamesTheGroupThatComesFirst) {
  shares.start({90}, "a", 4, Time{0});
  wait_in("a", 1, cpus(2));
  EXPECT_TRUE(waiting.explain({1}, shares, {}).empty());
  wait_in("b", 2, cpus(2));
  const auto lines = waiting.explain({1}, shares, {});
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_NE(lines[0].find("job 2 is the first"), std::string::npos) << lines[0];
  EXPECT_NE(lines[1].find("group `a` has used more"), std::string::npos) << lines[1];
  EXPECT_NE(lines[2].find("fill a gap"), std::string::npos) << lines[2];
}

TEST_F(Plan, JobWaitsOnce) {
  wait(1, cpus(1));
  EXPECT_DEATH(wait(1, cpus(2)), "a job waits once");
}

}  // namespace
}  // namespace reeve::test
