// Whom to push aside.

#include "core/preempt.h"

#include <gtest/gtest.h>

namespace reeve::test {
namespace {

using Ids = std::vector<std::int64_t>;
using Kind = Standing::Kind;

Demand cpus(std::int32_t count, std::int64_t memory = 0) {
  Demand demand;
  demand.cpus = count;
  demand.memory = memory;
  return demand;
}

class Preempt : public testing::Test {
 protected:
  Preempt() {
    Capacity capacity;
    capacity.cpus = 4;
    capacity.memory = 1000;
    resources = Resources(capacity);
  }
  void run(std::int64_t id, const Demand& demand, Priority priority, Kind kind = Kind::may_pause,
           Time undisturbed_until = {}) {
    (void)resources.take({id}, demand, false);
    resources.set_standing({id}, {kind, priority, Time{id}, undisturbed_until});
  }
  [[nodiscard]] Victims find(const Demand& demand, Priority priority = Priority::high,
                             Time now = {}) const {
    return find_victims({demand, priority}, Resources::Room(resources), resources.holders(), now);
  }
  [[nodiscard]] Ids victims(const Demand& demand, Priority priority = Priority::high) const {
    Ids ids;
    for (const Resources::Holder& holder : find(demand, priority).chosen)
      ids.push_back(holder.job.value);
    return ids;
  }

  Resources resources{Capacity{}};
};

TEST_F(Preempt, LowestPriorityGoesFirst) {
  run(1, cpus(2), Priority::normal);
  run(2, cpus(2), Priority::low);
  EXPECT_EQ(victims(cpus(2)), (Ids{2}));
}

TEST_F(Preempt, YoungestOfAPriorityGoesFirst) {
  run(1, cpus(2), Priority::low);
  run(2, cpus(2), Priority::low);
  EXPECT_EQ(victims(cpus(2)), (Ids{2}));
}

TEST_F(Preempt, EqualAndHigherPrioritiesAreNotTouched) {
  run(1, cpus(2), Priority::high);
  run(2, cpus(2), Priority::critical);
  EXPECT_EQ(victims(cpus(1)), Ids{});
}

TEST_F(Preempt, NobodyIsTouchedWhenItIsNoHelp) {
  run(1, cpus(2), Priority::low);
  run(2, cpus(2), Priority::critical);
  EXPECT_EQ(victims(cpus(3)), Ids{});
}

TEST_F(Preempt, OneVictimIsBetterThanSeveral) {
  run(1, cpus(3), Priority::low);
  run(2, cpus(1), Priority::low);
  EXPECT_EQ(victims(cpus(2)), (Ids{1}));
}

TEST_F(Preempt, HigherPriorityIsTouchedOnlyWhereAllBelowDoNotSuffice) {
  run(1, cpus(1), Priority::low);
  run(2, cpus(1), Priority::low);
  run(3, cpus(2), Priority::normal);
  EXPECT_EQ(victims(cpus(2)), (Ids{2, 1})) << "two low ones rather than the normal one";
  EXPECT_EQ(victims(cpus(4)), (Ids{2, 1, 3}));
}

TEST_F(Preempt, NobodyIsTouchedWhoIsNotNeeded) {
  run(1, cpus(2), Priority::normal);
  run(2, cpus(1), Priority::low);
  run(3, cpus(1), Priority::critical);
  EXPECT_EQ(victims(cpus(2)), (Ids{1})) << "the low one alone is not enough, nor needed then";
  resources.give_back({3});
  EXPECT_EQ(victims(cpus(4)), (Ids{2, 1}));
}

TEST_F(Preempt, PauseFreesNoMemory) {
  run(1, cpus(1, 900), Priority::low);
  EXPECT_EQ(victims(cpus(1, 500)), Ids{});
  resources.set_standing({1}, {Kind::may_requeue, Priority::low, {}, {}});
  EXPECT_EQ(victims(cpus(1, 500)), (Ids{1}));
}

TEST_F(Preempt, WhoHasNothingThatIsWantedIsLeftAlone) {
  run(1, cpus(0, 100), Priority::low, Kind::may_requeue);
  run(2, cpus(4), Priority::normal);
  EXPECT_EQ(victims(cpus(1)), (Ids{2}));
}

TEST_F(Preempt, LockIsGivenUpByRequeueOnly) {
  Demand locked = cpus(1);
  locked.lock = "a";
  run(1, locked, Priority::low);
  EXPECT_EQ(victims(locked), Ids{});
  resources.set_standing({1}, {Kind::may_requeue, Priority::low, {}, {}});
  EXPECT_EQ(victims(locked), (Ids{1}));
}

TEST_F(Preempt, PlaceAmongTheRunningIsFreedByAPause) {
  Capacity capacity = resources.capacity();
  capacity.jobs_max = 1;
  resources = Resources(capacity);
  run(1, cpus(0), Priority::low);
  EXPECT_EQ(victims(cpus(1)), (Ids{1}));
  resources.suspend({1});
  EXPECT_TRUE(Resources::Room(resources).fits(cpus(4)));
}

TEST_F(Preempt, JobThatIsLeftAloneForNowTellsWhenToLookAgain) {
  run(1, cpus(2), Priority::low, Kind::may_pause, Time{500});
  run(2, cpus(2), Priority::low, Kind::may_pause, Time{400});
  const Victims early = find(cpus(2), Priority::high, Time{399});
  EXPECT_TRUE(early.chosen.empty());
  EXPECT_EQ(early.look_again, Time{400});
  const Victims now = find(cpus(2), Priority::high, Time{400});
  ASSERT_EQ(now.chosen.size(), 1U);
  EXPECT_EQ(now.chosen[0].job, JobId{2});
}

TEST_F(Preempt, SteadyJobsStay) {
  for (const Kind kind : {Kind::steady, Kind::pausing, Kind::ending}) {
    resources.give_back({1});
    run(1, cpus(4), Priority::low, kind);
    EXPECT_EQ(victims(cpus(1)), Ids{});
  }
}

TEST_F(Preempt, SuspendedJobKeepsAllButItsCpus) {
  Demand demand = cpus(3, 600);
  demand.lock = "a";
  run(1, demand, Priority::low);
  resources.suspend({1});
  const Resources::Room room(resources);
  EXPECT_TRUE(room.fits(cpus(4, 400)));
  EXPECT_FALSE(room.fits(cpus(4, 401)));
  EXPECT_TRUE(room.is_lock_taken("a"));
  EXPECT_EQ(resources.jobs_suspended(), 1U);
  EXPECT_TRUE(resources.shortages(cpus(4)).empty());
  (void)resources.go_on({1});
  EXPECT_FALSE(Resources::Room(resources).fits(cpus(2)));
  EXPECT_EQ(resources.jobs_suspended(), 0U);
}

TEST_F(Preempt, SuspendedJobThatEndsGivesBackTheRest) {
  run(1, cpus(3, 600), Priority::low);
  resources.suspend({1});
  run(2, cpus(4), Priority::high);
  resources.give_back({1});
  EXPECT_EQ(resources.jobs_suspended(), 0U);
  EXPECT_FALSE(Resources::Room(resources).fits(cpus(1)));
  EXPECT_TRUE(Resources::Room(resources).fits(cpus(0, 1000)));
}

TEST_F(Preempt, NumbersOfCpusAreLentAndOthersTakenWhereTheyAreMissed) {
  Capacity capacity = resources.capacity();
  capacity.cpu_numbers = {4, 5, 6, 7};
  resources = Resources(capacity);
  EXPECT_EQ(resources.take({1}, cpus(2), true).cpus, (std::vector<int>{4, 5}));
  resources.suspend({1});
  EXPECT_EQ(resources.take({2}, cpus(2), true).cpus, (std::vector<int>{4, 5}));
  EXPECT_EQ(resources.go_on({1}), (std::vector<int>{6, 7}));
  resources.suspend({1});
  EXPECT_EQ(resources.go_on({1}), (std::vector<int>{6, 7})) << "its own ones where they are free";
}

TEST_F(Preempt, CpusThatAreUsedTwiceStayInUseUntilBothAreGone) {
  Capacity capacity = resources.capacity();
  capacity.cpu_numbers = {0, 1};
  capacity.cpus = 2;
  resources = Resources(capacity);
  (void)resources.take({1}, cpus(2), true);
  resources.suspend({1});
  (void)resources.take({2}, cpus(2), true);
  EXPECT_EQ(resources.go_on({1}), (std::vector<int>{0, 1})) << "woken to be ended";
  resources.give_back({1});
  EXPECT_TRUE(resources.take({3}, cpus(1), true).cpus.empty());
}

}  // namespace
}  // namespace reeve::test
