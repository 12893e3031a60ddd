// The queue with jobs that push others aside, and with those that were.

#include <gtest/gtest.h>

#include "core/plan.h"
#include "situations.h"

namespace reeve::test {
namespace {

using Ids = std::vector<std::int64_t>;
using Kind = Standing::Kind;

Ids numbers(const std::vector<JobId>& ids) {
  Ids out;
  for (const JobId id : ids) out.push_back(id.value);
  return out;
}

Demand cpus(std::int32_t count, std::int64_t memory = 0) {
  Demand demand;
  demand.cpus = count;
  demand.memory = memory;
  return demand;
}

Demand locked(std::int32_t count) {
  Demand demand = cpus(count);
  demand.lock = "a";
  return demand;
}

class PlanWithPreemption : public testing::Test {
 protected:
  PlanWithPreemption() {
    Capacity capacity;
    capacity.cpus = 4;
    capacity.memory = 1000;
    resources = Resources(capacity);
  }
  void run(std::int64_t id, const Demand& demand, Priority priority, Kind kind = Kind::may_pause) {
    (void)resources.take({id}, demand, false);
    resources.set_standing({id}, {kind, priority, Time{id}, {}});
  }
  void wait(std::int64_t id, const Demand& demand, Priority priority, bool preempts = false,
            std::optional<Duration> limit = {}) {
    waiting.add({id}, {demand, limit, "", preempts}, priority, Time{id});
  }
  // It ran, and was paused for another.
  void suspend(std::int64_t id, const Demand& demand, Priority priority) {
    run(id, demand, priority, Kind::steady);
    resources.suspend({id});
    waiting.add({id}, {freed_by_pause(demand), {}, ""}, priority, Time{id}, Time{1000});
  }
  [[nodiscard]] WaitingJobs::Choice choose(Time now = Time{2000}) const {
    return waiting.choose(resources, shares, now, 100, 100);
  }

  WaitingJobs waiting;
  Resources resources{Capacity{}};
  FairShare shares{Shares{}};
};

TEST_F(PlanWithPreemption, HeadThatAsksForItPushesALowerOneAside) {
  run(1, cpus(4), Priority::low);
  wait(2, cpus(2), Priority::high, true);
  const auto choice = choose();
  EXPECT_EQ(numbers(choice.preempt), (Ids{1}));
  EXPECT_EQ(choice.preempt_for, JobId{2});
  EXPECT_TRUE(choice.start.empty()) << "first the room, then the start";
}

TEST_F(PlanWithPreemption, HeadThatDoesNotAskWaits) {
  run(1, cpus(4), Priority::low);
  wait(2, cpus(2), Priority::high);
  EXPECT_TRUE(choose().preempt.empty());
}

TEST_F(PlanWithPreemption, OnlyTheFirstOfTheQueuePushesOthersAside) {
  run(1, cpus(4), Priority::low);
  wait(2, cpus(2), Priority::critical);
  wait(3, cpus(2), Priority::high, true);
  EXPECT_TRUE(choose().preempt.empty());
}

TEST_F(PlanWithPreemption, AgedJobPushesNobodyAsideForItsAge) {
  run(1, cpus(4), Priority::low);
  wait(2, cpus(4), Priority::low, true);
  EXPECT_TRUE(choose(Time{0} + 3 * limits::ageing_step).preempt.empty());
}

TEST_F(PlanWithPreemption, NobodyIsPushedAsideForWhatFits) {
  run(1, cpus(2), Priority::low);
  wait(2, cpus(2), Priority::high, true);
  const auto choice = choose();
  EXPECT_EQ(numbers(choice.start), (Ids{2}));
  EXPECT_TRUE(choice.preempt.empty());
}

TEST_F(PlanWithPreemption, NoFurtherVictimWhileOneIsLeaving) {
  run(1, cpus(2), Priority::low, Kind::pausing);
  run(2, cpus(2), Priority::low);
  wait(3, cpus(2), Priority::high, true);
  EXPECT_TRUE(choose().preempt.empty());
}

TEST_F(PlanWithPreemption, WhatIsBecomingFreeIsKeptForTheHead) {
  run(1, cpus(3), Priority::low);
  wait(2, cpus(4), Priority::high, true);
  wait(3, cpus(1), Priority::normal, false, Duration(1));
  const auto choice = choose();
  EXPECT_EQ(numbers(choice.preempt), (Ids{1}));
  EXPECT_TRUE(choice.start.empty()) << "no gap: the head starts in a moment";
  resources.set_standing({1}, {Kind::pausing, Priority::low, {}, {}});
  EXPECT_TRUE(choose().start.empty());
}

TEST_F(PlanWithPreemption, WhatIsLeftBesideTheHeadMayBeUsedMeanwhile) {
  run(1, cpus(3), Priority::low);
  wait(2, cpus(2), Priority::high, true);
  wait(3, cpus(1), Priority::normal);
  const auto choice = choose();
  EXPECT_EQ(numbers(choice.preempt), (Ids{1}));
  EXPECT_EQ(numbers(choice.start), (Ids{3}));
}

TEST_F(PlanWithPreemption, HolderOfALockIsPushedAsideForIt) {
  run(1, locked(1), Priority::low, Kind::may_requeue);
  wait(2, locked(1), Priority::high, true);
  EXPECT_EQ(numbers(choose().preempt), (Ids{1}));
}

TEST_F(PlanWithPreemption, HeadWithoutVictimsSaysSo) {
  run(1, cpus(4), Priority::critical);
  wait(2, cpus(1), Priority::high, true);
  EXPECT_TRUE(choose().wants_victims);
  resources.set_standing({1}, {Kind::may_pause, Priority::low, {}, Time{5000}});
  EXPECT_EQ(choose().look_again, Time{5000});
  EXPECT_EQ(numbers(choose(Time{5000}).preempt), (Ids{1}));
}

TEST_F(PlanWithPreemption, SuspendedJobGoesOnInItsTurn) {
  suspend(1, cpus(2, 900), Priority::normal);
  wait(5, cpus(2), Priority::normal);
  wait(6, cpus(2), Priority::high);
  EXPECT_EQ(numbers(choose().start), (Ids{6, 1})) << "job 5 was queued later";
}

TEST_F(PlanWithPreemption, JobThatReturnsKeepsItsPlaceAndAgesFromItsReturn) {
  const Time later = Time{1000} + limits::ageing_step;
  waiting.add({1}, {cpus(4), {}, ""}, Priority::normal, Time{0}, Time{1000});
  wait(2, cpus(4), Priority::normal);
  wait(3, cpus(4), Priority::high, false);
  EXPECT_EQ(numbers(choose(later - Duration(1)).start), (Ids{3})) << "job 2 has aged, too";
  waiting.remove({3});
  waiting.remove({2});
  waiting.add({2}, {cpus(4), {}, ""}, Priority::normal, Time{2000});
  EXPECT_EQ(numbers(choose(Time{3000}).start), (Ids{1}));
}

TEST_F(PlanWithPreemption, HeadLetsASuspendedJobGoOnThatHoldsItsMemory) {
  suspend(1, cpus(2, 600), Priority::low);
  wait(2, cpus(4, 500), Priority::critical);
  wait(3, cpus(3), Priority::normal);
  EXPECT_EQ(numbers(choose().start), (Ids{1})) << "before job 3, for job 2";
}

TEST_F(PlanWithPreemption, HeadLetsASuspendedJobGoOnThatHoldsItsLock) {
  suspend(1, locked(2), Priority::low);
  wait(2, locked(4), Priority::critical);
  wait(3, cpus(3), Priority::normal);
  EXPECT_EQ(numbers(choose().start), (Ids{1}));
}

TEST_F(PlanWithPreemption, CpusAreKeptForTheSuspendedJobThatAHeadWaitsFor) {
  suspend(1, cpus(3, 600), Priority::low);
  run(2, cpus(2), Priority::normal, Kind::steady);
  wait(3, cpus(4, 500), Priority::critical);
  wait(4, cpus(1), Priority::normal);
  EXPECT_TRUE(choose().start.empty()) << "job 4 would keep job 1, and so job 3, waiting";
  resources.give_back({2});
  EXPECT_EQ(numbers(choose().start), (Ids{1, 4}));
}

TEST_F(PlanWithPreemption, SuspendedJobThatAUserPausedKeepsNobodyFromTheCpus) {
  run(1, cpus(2, 600), Priority::low, Kind::steady);
  resources.suspend({1});
  wait(2, cpus(4, 500), Priority::critical);
  wait(3, cpus(3), Priority::normal);
  EXPECT_EQ(numbers(choose().start), (Ids{3})) << "nobody knows when job 2 can start";
}

TEST_F(PlanWithPreemption, SuspendedJobIsStartedOnceThoughTwoWaitForIt) {
  suspend(1, cpus(1, 600), Priority::high);
  wait(2, cpus(1, 500), Priority::critical);
  wait(3, cpus(1, 450), Priority::normal);
  EXPECT_EQ(numbers(choose().start), (Ids{1}));
}

TEST_F(PlanWithPreemption, SuspendedJobIsNoStartToCommitAhead) {
  suspend(1, cpus(4), Priority::normal);
  run(2, cpus(4), Priority::high, Kind::steady);
  wait(3, cpus(4), Priority::normal);
  EXPECT_EQ(numbers(choose().ahead), (Ids{3}));
}

TEST_F(PlanWithPreemption, NextAgeingOfTheFirstOfALineCallsForAnotherLook) {
  run(1, cpus(4), Priority::critical, Kind::steady);
  EXPECT_FALSE(choose().look_again);
  wait(2, cpus(4), Priority::normal);
  wait(3, cpus(4), Priority::normal);
  EXPECT_EQ(choose().look_again, Time{2} + limits::ageing_step);
  EXPECT_EQ(choose(Time{2} + limits::ageing_step).look_again, Time{2} + 2 * limits::ageing_step);
  EXPECT_FALSE(choose(Time{2} + 2 * limits::ageing_step).look_again) << "higher is none";
}

TEST(PlanLine, SuspendedJobWaitsForCpusWithWhatIsLeftOfItsTime) {
  Job job = running_job();  // started at 900, with a limit of one minute
  job.spec.demand = locked(3);
  job.spec.demand.memory = 100;
  job = after(job, {preempt(), fact::Paused{true, Time{10'900}}});
  EXPECT_EQ(line_of(job).demand, cpus(3));
  EXPECT_EQ(line_of(job).time_limit, Duration(50'000));
}

}  // namespace
}  // namespace reeve::test
