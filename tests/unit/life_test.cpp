// What counts as life.

#include "core/life.h"

#include <gtest/gtest.h>

#include "core/limits.h"

namespace reeve::test {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr Duration stall = minutes(10);

// Of a job that does the same in each two seconds.
void run(Life& life, LifeSample& total, const LifeSample& step, Duration from, Duration until) {
  for (Duration now = from; now <= until; now += seconds(2)) {
    total.output_bytes += step.output_bytes;
    total.cpu_us += step.cpu_us;
    total.io_bytes += step.io_bytes;
    life.observe(total, now);
  }
}

TEST(Life, JobThatDoesNothingIsHungAfterTheStall) {
  Life life(stall, seconds(0));
  LifeSample total;
  run(life, total, {}, seconds(0), minutes(9));
  EXPECT_FALSE(life.is_hung(minutes(9)));
  EXPECT_EQ(life.deadline(), stall);
  EXPECT_TRUE(life.is_hung(minutes(10)));
  EXPECT_EQ(life.describe(minutes(10)), "no output, CPU time or I/O for 10m00s");
}

TEST(Life, OutputCpuTimeAndReadingAreLife) {
  for (const LifeSample& step : {LifeSample{1, 0, 0}, LifeSample{0, 100'000, 0},
                                 LifeSample{0, 0, 4096}, LifeSample{0, 22'000, 0}}) {
    Life life(stall, seconds(0));
    LifeSample total;
    run(life, total, step, seconds(0), hours(1));
    EXPECT_FALSE(life.is_hung(hours(1)));
    EXPECT_LE(life.silent_for(hours(1)), limits::life_cpu_window + seconds(2));
  }
}

TEST(Life, ThreadsThatOnlyPollAreNoLife) {
  Life life(stall, seconds(0));
  LifeSample total;
  run(life, total, {0, 18'000, 0}, seconds(0), hours(1));  // 0.9 % of a core
  EXPECT_TRUE(life.is_hung(hours(1)));
}

TEST(Life, WorkInBurstsIsLife) {
  Life life(stall, seconds(0));
  LifeSample total;
  Duration now{0};
  for (int i = 0; i < 20; ++i) {  // a second of work every five minutes
    run(life, total, {}, now, now + minutes(5) - seconds(2));
    now += minutes(5);
    run(life, total, {0, 1'000'000, 0}, now, now);
    now += seconds(2);
  }
  EXPECT_FALSE(life.is_hung(now));
}

TEST(Life, ShareOfCpuTimeCountsWhenSamplesLieFarApart) {
  Life life(stall, seconds(0));
  life.observe({0, 0, 0}, seconds(0));
  life.observe({0, 700'000, 0}, minutes(5));  // 0.2 %
  EXPECT_EQ(life.silent_for(minutes(5)), minutes(5));
  life.observe({0, 700'000 + 3'100'000, 0}, minutes(10));
  EXPECT_EQ(life.silent_for(minutes(10)), seconds(0));
}

TEST(Life, JobThatSentABeatAndThenSpinsIsHung) {
  Life life(stall, seconds(0));
  LifeSample total;
  life.beat(seconds(1));
  run(life, total, {100, 2'000'000, 4096}, seconds(2), minutes(11));
  EXPECT_TRUE(life.is_hung(minutes(11)));
  EXPECT_EQ(life.describe(minutes(11)), "no heartbeat for 10m59s");
}

TEST(Life, ProgressIsLifeButNoWishForBeats) {
  Life life(stall, seconds(0));
  life.tell(minutes(9));
  EXPECT_FALSE(life.needs_beats());
  EXPECT_FALSE(life.is_hung(minutes(18)));
  life.beat(minutes(18));
  life.tell(minutes(27));
  EXPECT_FALSE(life.is_hung(minutes(36)));
  EXPECT_TRUE(life.is_hung(minutes(37)));
}

TEST(Life, WatchdogTimeIsTheJobsOwn) {
  Life life(stall, seconds(0));
  life.set_watchdog(seconds(30), seconds(5));
  EXPECT_EQ(life.deadline(), seconds(35));
  life.beat(seconds(20));
  EXPECT_EQ(life.deadline(), seconds(50));
  life.set_watchdog(Duration(1), seconds(20));
  EXPECT_EQ(life.deadline(), seconds(20) + limits::watchdog_min);
  life.set_watchdog(Duration(0), seconds(20));
  EXPECT_FALSE(life.needs_beats());
  EXPECT_EQ(life.deadline(), seconds(20) + stall);
}

TEST(Life, HeartbeatFileCountsWhenItChanges) {
  Life life(stall, seconds(0));
  life.observe_heartbeat_file(std::nullopt, minutes(1));
  EXPECT_FALSE(life.needs_beats());
  life.observe_heartbeat_file(1000, minutes(2));
  EXPECT_TRUE(life.needs_beats());
  life.observe_heartbeat_file(1000, minutes(5));
  EXPECT_EQ(life.silent_for(minutes(5)), minutes(3));
  life.observe_heartbeat_file(999, minutes(6));  // a clock that was set back
  EXPECT_EQ(life.silent_for(minutes(6)), seconds(0));
}

TEST(Life, JobMaySayThatItHangs) {
  Life life(stall, seconds(0));
  life.beat(seconds(10));
  life.trigger();
  EXPECT_TRUE(life.is_hung(seconds(11)));
  EXPECT_EQ(life.describe(seconds(11)), "the job itself reported that it hangs");
}

TEST(Life, WithoutAStallNothingIsEverHung) {
  Life life(Duration(0), seconds(0));
  life.set_watchdog(seconds(1), seconds(0));
  life.trigger();
  EXPECT_FALSE(life.deadline());
  EXPECT_FALSE(life.is_hung(hours(1000)));
}

TEST(Life, AdoptedJobBeginsAnew) {
  Life life(stall, hours(5));
  life.observe({1000, 5'000'000, 1000}, hours(5));
  EXPECT_EQ(life.deadline(), hours(5) + stall);
}

}  // namespace
}  // namespace reeve::test
