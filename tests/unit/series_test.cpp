// What a job used over time: of constant size, and stored without harm.

#include "core/series.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "core/limits.h"

namespace reeve::test {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

Reading reading(float cpu, float memory = 1e9F) {
  return {cpu, memory, 1000, 2000, 3, 12};
}

void expect_near(const Reading& a, const Reading& b) {
  for (std::size_t i = 0; i < metrics_count; ++i) EXPECT_NEAR(a[i], b[i], b[i] * 0.002 + 0.001);
}

TEST(Series, ShortRunHasAPointForEachTwoSeconds) {
  Series series;
  for (int i = 0; i < 30; ++i)
    series.add(seconds(2 * i), seconds(2 * i + 2), reading(static_cast<float>(i)));
  ASSERT_EQ(series.points().size(), 30U);
  EXPECT_EQ(series.period(), seconds(2));
  EXPECT_FLOAT_EQ(series.points()[7].mean[0], 7);
}

TEST(Series, SeldomSampleFillsWhatItCovers) {
  Series series;
  series.add(seconds(0), seconds(10), reading(50));
  ASSERT_EQ(series.points().size(), 5U);
  for (const SeriesPoint& point : series.points()) {
    EXPECT_FLOAT_EQ(point.mean[0], 50);
    EXPECT_EQ(point.covered, seconds(2));
  }
}

TEST(Series, NeverHasMorePointsThanItsBoundAndKeepsPeaks) {
  Series series;
  const auto steps = static_cast<int>(limits::series_points_max) * 10;
  for (int i = 0; i < steps; ++i)
    series.add(seconds(2 * i), seconds(2 * i + 2), reading(i == 1234 ? 800.F : 10.F));
  EXPECT_LE(series.points().size(), limits::series_points_max);
  EXPECT_GT(series.points().size(), limits::series_points_max / 2);
  EXPECT_EQ(series.period(), seconds(32));
  const SeriesPoint& peak = series.points()[1234 / 16];
  EXPECT_FLOAT_EQ(peak.max[0], 800);
  EXPECT_FLOAT_EQ(peak.min[0], 10);
  EXPECT_NEAR(peak.mean[0], (15 * 10 + 800) / 16.0, 0.1);
}

TEST(Series, BoundIsReachedExactlyWithoutMerging) {
  Series series;
  const auto end = limits::series_period_first * static_cast<int>(limits::series_points_max);
  series.add(seconds(0), end, reading(1));
  EXPECT_EQ(series.points().size(), limits::series_points_max);
  series.add(end, end + Duration(1), reading(1));
  EXPECT_EQ(series.points().size(), limits::series_points_max / 2 + 1);
  EXPECT_EQ(series.period(), limits::series_period_first * 2);
}

TEST(Series, WhatNobodySawIsAGap) {
  Series series;
  series.add(seconds(0), seconds(4), reading(1));
  series.add(seconds(100), seconds(104), reading(1));
  EXPECT_EQ(series.points()[20].covered, seconds(0));
  EXPECT_EQ(series.points()[50].covered, seconds(2));
}

TEST(Series, TimeThatRunsBackwardsChangesNothing) {
  Series series;
  series.add(seconds(0), seconds(10), reading(5));
  series.add(seconds(4), seconds(6), reading(500));
  series.add(seconds(8), seconds(8), reading(500));
  EXPECT_FLOAT_EQ(series.points()[2].max[0], 5);
  EXPECT_EQ(series.points().size(), 5U);
}

TEST(Series, AYearOrALeapOfTheClockIsStillBounded) {
  Series series;
  series.add(seconds(0), seconds(2), reading(1));
  series.add(seconds(2), hours(24 * 365), reading(1));
  EXPECT_LE(series.points().size(), limits::series_points_max);
  series.add(hours(24 * 365), Duration::max(), reading(1));
  EXPECT_LE(series.points().size(), limits::series_points_max);
}

Series noisy(int steps) {
  Series series;
  std::mt19937 random(7);
  std::uniform_real_distribution<float> any(0, 1);
  for (int i = 0; i < steps; ++i)
    series.add(seconds(2 * i), seconds(2 * i + 2),
               {any(random) * 400, any(random) * 4e9F, any(random) * 1e9F, any(random) * 1e9F,
                any(random) * 100, any(random) * 1000});
  return series;
}

TEST(Series, IsReadAsItWasWritten) {
  Series series = noisy(5000);
  series.add(hours(4), hours(4) + seconds(1), reading(0, 0));
  const std::string bytes = series.encode();
  EXPECT_LT(bytes.size(), 100'000U);
  const auto read = Series::decode(bytes);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->period(), series.period());
  ASSERT_EQ(read->points().size(), series.points().size());
  for (std::size_t i = 0; i < series.points().size(); ++i) {
    EXPECT_EQ(read->points()[i].covered, series.points()[i].covered);
    expect_near(read->points()[i].mean, series.points()[i].mean);
    expect_near(read->points()[i].min, series.points()[i].min);
    expect_near(read->points()[i].max, series.points()[i].max);
  }
  EXPECT_EQ(read->encode().size(), bytes.size()) << "nothing is lost by a second time";
}

TEST(Series, OfASteadyJobIsSmall) {
  Series series;
  for (int i = 0; i < 20'000; ++i) series.add(seconds(2 * i), seconds(2 * i + 2), reading(99.9F));
  EXPECT_LT(series.encode().size(), 40'000U);
  EXPECT_LT(Series().encode().size(), 20U);
  EXPECT_TRUE(Series::decode(Series().encode()));
}

TEST(Series, StrangeValuesAreKeptInBounds) {
  Series series;
  series.add(seconds(0), seconds(2),
             {-5, 1e30F, INFINITY, NAN, 0, std::numeric_limits<float>::max()});
  const auto read = Series::decode(series.encode());
  ASSERT_TRUE(read);
  EXPECT_FLOAT_EQ(read->points()[0].mean[0], 0);
  EXPECT_GT(read->points()[0].mean[1], 1e18F);
  EXPECT_TRUE(std::isfinite(read->points()[0].mean[2]));
  EXPECT_TRUE(std::isfinite(read->points()[0].mean[3]));
}

TEST(Series, DamageIsFound) {
  const std::string bytes = noisy(100).encode();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
    EXPECT_FALSE(Series::decode(damaged)) << i;
    EXPECT_FALSE(Series::decode(bytes.substr(0, i))) << i;
  }
  EXPECT_FALSE(Series::decode(bytes + "x"));
  EXPECT_EQ(Series::decode("").error().code, ErrorCode::corrupt);
}

}  // namespace
}  // namespace reeve::test
