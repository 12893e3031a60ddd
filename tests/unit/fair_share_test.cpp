// What groups have used lately.

#include "core/fair_share.h"

#include <gtest/gtest.h>

namespace reeve::test {
namespace {

constexpr std::int64_t hour = 60LL * 60 * 1000;

TEST(FairShare, UseIsCpusTimesTimeAndHalvesInAnHour) {
  FairShare shares{Shares{}};
  shares.start({1}, "a", 2, Time{0});
  shares.end({1}, Time{10'000});
  EXPECT_DOUBLE_EQ(shares.burden("a", Time{10'000}), 20'000);
  EXPECT_DOUBLE_EQ(shares.burden("a", Time{10'000 + hour}), 10'000);
  EXPECT_DOUBLE_EQ(shares.burden("b", Time{10'000}), 0);
}

TEST(FairShare, WhatRunsCountsAndAMinuteMore) {
  FairShare shares{Shares{}};
  shares.start({1}, "", 3, Time{5000});
  EXPECT_DOUBLE_EQ(shares.burden("", Time{5000}), 3 * 60'000.0);
  EXPECT_DOUBLE_EQ(shares.burden("", Time{7000}), 3 * 62'000.0);
  EXPECT_DOUBLE_EQ(shares.burden_of_start("", 3), 3 * 60'000.0);
}

TEST(FairShare, ShareDividesTheBurden) {
  FairShare shares{Shares{{"a", 4}}};
  shares.start({1}, "a", 1, Time{0});
  shares.end({1}, Time{8000});
  EXPECT_DOUBLE_EQ(shares.burden("a", Time{8000}), 2000);
}

TEST(FairShare, EndOfWhatDoesNotRunIsNothing) {
  FairShare shares{Shares{}};
  shares.end({1}, Time{8000});
  EXPECT_DOUBLE_EQ(shares.burden("", Time{8000}), 0);
}

TEST(FairShare, PastSurvivesAsTextAndWhatIsForgottenIsLeftOut) {
  FairShare shares{Shares{}};
  shares.start({1}, "a", 1, Time{0});
  shares.start({2}, "", 1, Time{0});
  shares.start({3}, "idle", 0, Time{0});
  for (const std::int64_t id : {1, 2, 3}) shares.end({id}, Time{8000});
  const std::string text = shares.to_text(Time{8000});
  EXPECT_EQ(text.find("idle"), std::string::npos) << text;
  FairShare again{Shares{}};
  again.restore(text);
  EXPECT_DOUBLE_EQ(again.burden("a", Time{8000}), 8000);
  EXPECT_DOUBLE_EQ(again.burden("", Time{8000 + hour}), 4000);
  EXPECT_EQ(shares.to_text(Time{100 * hour}), "{}");
}

TEST(FairShare, TextThatCantBeReadIsNothing) {
  FairShare shares{Shares{}};
  for (const char* text : {"", "x", "[]", R"({"a": 1})", R"({"a": ["b", 1]})", R"({"a": [1]})"}) {
    shares.restore(text);
    EXPECT_DOUBLE_EQ(shares.burden("a", Time{0}), 0) << text;
  }
}

}  // namespace
}  // namespace reeve::test
