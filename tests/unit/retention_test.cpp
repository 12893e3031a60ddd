// What goes, and what never does.

#include "core/retention.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

namespace reeve::test {
namespace {

constexpr Duration day = std::chrono::hours(24);

RetentionItem item(std::int64_t id, Duration age, std::int64_t results = 100,
                   std::int64_t log = 10) {
  RetentionItem out;
  out.id = {id};
  out.has_ended = true;
  out.age = age;
  out.ended_at = {1'000'000'000'000 - age.count()};
  out.results_bytes = results;
  out.log_bytes = log;
  out.there = {results > 0, log > 0, true};
  return out;
}

RetentionPolicy by_age(Duration results, Duration logs) {
  RetentionPolicy policy;
  policy.results_age = results;
  policy.logs_age = logs;
  return policy;
}

std::map<std::int64_t, std::string> chosen(std::vector<RetentionItem> items,
                                           const RetentionPolicy& policy) {
  std::map<std::int64_t, std::string> out;
  for (const Removal& removal : choose_removals(std::move(items), policy))
    out[removal.id.value] = to_words(removal.parts);
  return out;
}

using Words = std::map<std::int64_t, std::string>;

TEST(Retention, WithoutAPolicyNothingGoes) {
  EXPECT_FALSE(RetentionPolicy{}.is_set());
  EXPECT_EQ(chosen({item(1, day * 1000)}, {}), Words{});
}

TEST(Retention, EachPartGoesAtItsOwnAge) {
  EXPECT_EQ(chosen({item(1, day * 31), item(2, day * 30), item(3, day * 20), item(4, day * 9)},
                   by_age(day * 30, day * 10)),
            (Words{{1, "results, logs"}, {2, "results, logs"}, {3, "logs"}}));
}

TEST(Retention, WhatIsNotThereDoesNotGo) {
  EXPECT_EQ(chosen({item(1, day * 31, 0, 0), item(2, day * 31, 0)}, by_age(day, day)),
            (Words{{2, "logs"}}));
}

TEST(Retention, SomeAreNeverTouched) {
  std::vector<RetentionItem> items;
  for (std::int64_t id = 1; id <= 4; ++id) items.push_back(item(id, day * 900));
  items[0].has_ended = false;
  items[1].is_kept = true;
  items[2].is_latest = true;
  items[3].is_under_way = true;
  RetentionPolicy policy = by_age(day, day);
  policy.record_age = day;
  policy.bytes_max = 0;
  EXPECT_EQ(chosen(items, policy), Words{});
}

TEST(Retention, RecordGoesOnlyAfterTheRest) {
  RetentionPolicy policy = by_age(day * 30, day * 30);
  policy.record_age = day * 20;
  EXPECT_EQ(chosen({item(1, day * 25), item(2, day * 35), item(3, day * 25, 0, 0)}, policy),
            (Words{{2, "results, logs, record"}, {3, "record"}}));
}

TEST(Retention, SizeTakesTheOldestFirst) {
  RetentionPolicy policy;
  policy.bytes_max = 230;
  EXPECT_EQ(chosen({item(1, day), item(2, day * 3), item(3, day * 2), item(4, day * 4)}, policy),
            (Words{{4, "results, logs"}, {2, "results, logs"}}));
}

TEST(Retention, WhatGoesByAgeCountsForTheSize) {
  RetentionPolicy policy = by_age(day * 10, day * 10);
  policy.bytes_max = 220;
  EXPECT_EQ(chosen({item(1, day * 11), item(2, day * 3), item(3, day)}, policy),
            (Words{{1, "results, logs"}}));
}

TEST(Retention, SizeTakesOnlyWhatItMay) {
  RetentionPolicy policy;
  policy.bytes_max = 0;
  policy.size_takes_results = false;
  EXPECT_EQ(chosen({item(1, day)}, policy), (Words{{1, "logs"}}));
  policy.size_takes_results = true;
  policy.size_takes_logs = false;
  EXPECT_EQ(chosen({item(1, day)}, policy), (Words{{1, "results"}}));
}

TEST(Retention, PromisesHoldForRandomJobsAndPolicies) {
  std::mt19937_64 random(7);
  const auto days = [&](std::uint64_t most) { return day * static_cast<int>(random() % most); };
  for (int round = 0; round < 2000; ++round) {
    std::vector<RetentionItem> items;
    std::map<JobId, RetentionItem> by_id;
    std::int64_t total = 0;
    for (std::int64_t id = 1; id <= 20; ++id) {
      RetentionItem one = item(id, days(60), static_cast<std::int64_t>(random() % 3) * 50,
                               static_cast<std::int64_t>(random() % 2) * 10);
      one.has_ended = random() % 8 != 0;
      one.is_kept = random() % 8 == 0;
      one.is_latest = random() % 8 == 0;
      one.is_under_way = random() % 16 == 0;
      total += one.results_bytes + one.log_bytes;
      by_id[one.id] = one;
      items.push_back(one);
    }
    RetentionPolicy policy;
    if (random() % 2 == 0) policy.results_age = days(60);
    if (random() % 2 == 0) policy.logs_age = days(60);
    if (random() % 2 == 0) policy.record_age = days(60);
    if (random() % 2 == 0) policy.bytes_max = static_cast<std::int64_t>(random() % 1500);
    std::map<JobId, JobParts> gone;
    std::int64_t left = total;
    for (const Removal& removal : choose_removals(items, policy)) {
      const RetentionItem& one = by_id.at(removal.id);
      EXPECT_TRUE(gone.emplace(removal.id, removal.parts).second) << "twice";
      EXPECT_TRUE(one.has_ended && !one.is_kept && !one.is_latest && !one.is_under_way);
      EXPECT_TRUE(removal.parts.any());
      if (removal.parts.record) {
        EXPECT_EQ(removal.parts.results, one.there.results);
        EXPECT_EQ(removal.parts.logs, one.there.logs);
      }
      EXPECT_EQ(removal.bytes, (removal.parts.results ? one.results_bytes : 0) +
                                   (removal.parts.logs ? one.log_bytes : 0));
      left -= removal.bytes;
      if (removal.cause == RemovalCause::size) EXPECT_TRUE(policy.bytes_max);
    }
    // Where it is still too much, nothing is left that might go.
    if (policy.bytes_max && left > *policy.bytes_max)
      for (const auto& [id, one] : by_id) {
        if (!one.has_ended || one.is_kept || one.is_latest || one.is_under_way) continue;
        const JobParts parts = gone.contains(id) ? gone[id] : JobParts{};
        EXPECT_TRUE(parts.results || one.results_bytes == 0);
        EXPECT_TRUE(parts.logs || one.log_bytes == 0);
      }
  }
}

TEST(Retention, OnlyOurOwnPathsHaveAPlace) {
  const auto place = place_in_root("/data/results/2026-11-22_09-30-00/train_2");
  ASSERT_TRUE(place);
  EXPECT_EQ(place->root, "/data/results");
  EXPECT_EQ(place->directory, "2026-11-22_09-30-00");
  EXPECT_EQ(place->leaf, "train_2");
  EXPECT_TRUE(place_in_root("/r/.staging/12.1"));
  for (const char* other :
       {"", "/", "/etc/passwd", "/srv/ann/work", "/r/2026-11-22/train", "/r/latest/train",
        "/r/2026-11-22_09-30-00/", "/r/2026-11-22_09-30-00/..", "/r/2026-11-22_09-30-00/.hidden",
        "/r/2026-11-22_09-30-00/a/b", "r/2026-11-22_09-30-00/train", "/2026-11-22_09-30-00/train",
        "/r/2026-11-22_09-30-0x/train", "/r/.staging/..", "/r/.stagingx/12.1"})
    EXPECT_FALSE(place_in_root(other)) << other;
}

}  // namespace
}  // namespace reeve::test
