// What jobs of the past used, and what is advised from it.

#include "core/statistics.h"

#include <gtest/gtest.h>

namespace reeve::test {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::int64_t mebibyte = 1 << 20;

RunRow run(const std::string& name, std::int64_t wall_s, double cpus, std::int64_t peak) {
  RunRow row;
  row.name = name;
  row.state = "completed";
  row.wall_ms = wall_s * 1000;
  row.cpu_us = static_cast<std::int64_t>(static_cast<double>(wall_s) * cpus * 1e6);
  row.peak_bytes = peak;
  row.cpus = 4;
  return row;
}

RunRow failure(const std::string& name, const std::string& reason, const std::string& exit) {
  RunRow row;
  row.name = name;
  row.state = reason == "wall_limit" ? "timeout" : "failed";
  row.reason = reason;
  row.exit = exit;
  row.wall_ms = 1;
  return row;
}

TEST(Distribution, IsOfValuesThatOccurred) {
  std::vector<std::int64_t> values;
  for (std::int64_t i = 100; i > 0; --i) values.push_back(i);
  EXPECT_EQ(distribution_of(values).median, 50);
  EXPECT_EQ(distribution_of(values).p95, 95);
  EXPECT_EQ(distribution_of(values).max, 100);
  EXPECT_EQ(distribution_of({7}).p95, 7);
  EXPECT_EQ(distribution_of({}).max, 0);
}

TEST(Summary, CountsStatesAndCausesByName) {
  const auto groups = summarise({run("a", 1, 1, 1), failure("a", "exit_code", "exit code 3"),
                                 failure("a", "wall_limit", "SIGTERM"), run("b", 1, 1, 1)},
                                GroupBy::name);
  ASSERT_EQ(groups.size(), 2U);
  EXPECT_EQ(groups[0].key, "a");
  EXPECT_EQ(groups[0].jobs, 3);
  EXPECT_EQ(groups[0].completed, 1);
  EXPECT_EQ(groups[0].states.at("timeout"), 1);
  EXPECT_EQ(groups[0].causes.at("exit_code"), 1);
  EXPECT_EQ(groups[0].causes.size(), 2U);
}

TEST(Summary, CountsOnlyFailuresByReasonAndExit) {
  const std::vector<RunRow> rows{run("a", 1, 1, 1), failure("a", "exit_code", "exit code 3"),
                                 failure("b", "exit_code", "exit code 4"),
                                 failure("b", "launch_error", "")};
  const auto reasons = summarise(rows, GroupBy::reason);
  ASSERT_EQ(reasons.size(), 2U);
  EXPECT_EQ(reasons[0].key, "exit_code");
  EXPECT_EQ(reasons[0].jobs, 2);
  const auto exits = summarise(rows, GroupBy::exit);
  ASSERT_EQ(exits.size(), 3U);
  EXPECT_EQ(exits[2].key, "none");
  EXPECT_EQ(total_of(rows).jobs, 4);
}

TEST(Advice, NeedsThreeCompletedRuns) {
  std::vector<RunRow> rows{run("a", 100, 1.4, 400 * mebibyte), run("a", 100, 1.6, 800 * mebibyte),
                           failure("a", "exit_code", "exit code 1")};
  EXPECT_FALSE(summarise(rows, GroupBy::name)[0].advice);
  rows.push_back(run("a", 120, 1.5, 500 * mebibyte));
  const auto groups = summarise(rows, GroupBy::name);
  ASSERT_TRUE(groups[0].advice);
  EXPECT_EQ(groups[0].advice->cpus, 2);
  EXPECT_EQ(groups[0].advice->memory, 1024 * mebibyte);
  EXPECT_EQ(groups[0].advice->time, seconds(180));
  EXPECT_NEAR(groups[0].cpus_used, 1.5, 0.01);
  EXPECT_EQ(groups[0].cpus_granted, 4);
}

TEST(Advice, IsNeverLessThanACpuAndTellsNoMemoryThatNobodySaw) {
  const std::vector<RunRow> rows(3, run("a", 0, 0, 0));
  const auto advice = summarise(rows, GroupBy::name)[0].advice;
  ASSERT_TRUE(advice);
  EXPECT_EQ(advice->cpus, 1);
  EXPECT_EQ(advice->memory, 0);
  EXPECT_EQ(advice->time, seconds(10));
  const std::vector<RunRow> busy(3, run("a", 100, 1.02, 1));
  EXPECT_EQ(summarise(busy, GroupBy::name)[0].advice->cpus, 1);
}

TEST(Advice, IsRoundedUpToWhatPeopleWrite) {
  EXPECT_EQ(memory_option(nice_memory(1)), "32M");
  EXPECT_EQ(memory_option(nice_memory(500 * mebibyte)), "512M");
  EXPECT_EQ(memory_option(nice_memory(1025 * mebibyte)), "1536M");
  EXPECT_EQ(memory_option(nice_memory(9000 * mebibyte)), "9G");
  EXPECT_EQ(time_option(seconds(20)), "20s");
  EXPECT_EQ(time_option(minutes(75)), "1h15m");
  EXPECT_EQ(time_option(hours(31)), "31h");
  EXPECT_EQ(nice_time(Duration(11'000)), seconds(20));
  EXPECT_EQ(nice_time(seconds(61)), minutes(2));
  EXPECT_EQ(nice_time(minutes(61)), minutes(75));
  EXPECT_EQ(nice_time(hours(30) + seconds(1)), hours(31));
}

}  // namespace
}  // namespace reeve::test
