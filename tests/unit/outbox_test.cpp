// Back-off and digests, under a clock of our own.

#include "core/outbox.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

namespace reeve::test {
namespace {

using Kind = TryOutcome::Kind;

NoticeTargets targets(std::int32_t burst = 5, Duration window = Duration(600'000)) {
  NoticeTargets out;
  for (const char* name : {"ops", "chat"}) {
    out[name].name = name;
    out[name].burst = burst;
    out[name].window = window;
  }
  return out;
}

TryOutcome outcome(Kind kind) {
  return {kind, "", std::nullopt};
}

class OutboxTest : public testing::Test {
 protected:
  void add(std::int64_t id, const char* target = "ops") { outbox.add(target, {id, 0, now, false}); }
  std::vector<std::int64_t> send() { return outbox.choose(now).send; }
  Outbox::Settled settle(std::int64_t id, Kind kind) {
    return outbox.settle(id, outcome(kind), now);
  }
  // Sends one after the other, as long as there is one to be sent alone.
  std::vector<std::int64_t> send_all() {
    std::vector<std::int64_t> sent;
    for (auto ids = send(); !ids.empty(); ids = send())
      for (const std::int64_t id : ids) {
        sent.push_back(id);
        settle(id, Kind::delivered);
      }
    return sent;
  }

  Outbox outbox{targets()};
  Time now{1000};
};

using Ids = std::vector<std::int64_t>;

TEST_F(OutboxTest, WaitsDoubleAndEndAfterADay) {
  Duration all{0};
  for (int tries = 1; tries < limits::delivery_tries_max; ++tries) {
    const auto wait = next_try_in(tries, 1);
    ASSERT_TRUE(wait);
    const Duration least = limits::delivery_wait_first * (1 << (tries - 1));
    EXPECT_GE(*wait, least);
    EXPECT_LE(*wait, least + least / 4);
    all += least;
  }
  EXPECT_FALSE(next_try_in(limits::delivery_tries_max, 1));
  EXPECT_GT(all, std::chrono::hours(22));
  EXPECT_LT(all, std::chrono::hours(24));
}

TEST_F(OutboxTest, OneAtATimeForEachTarget) {
  add(1);
  add(2);
  add(3, "chat");
  EXPECT_EQ(send(), (Ids{3, 1}));
  EXPECT_TRUE(send().empty());
  settle(1, Kind::delivered);
  EXPECT_EQ(send(), (Ids{2}));
}

TEST_F(OutboxTest, FailedOneIsSentAgainWhenItsTimeHasCome) {
  add(1);
  ASSERT_EQ(send(), (Ids{1}));
  const auto settled = settle(1, Kind::temporary);
  EXPECT_EQ(settled.state, DeliveryState::pending);
  EXPECT_EQ(outbox.next_wakeup(), settled.due);
  now = settled.due - Duration(1);
  EXPECT_TRUE(send().empty());
  now = settled.due;
  EXPECT_EQ(send(), (Ids{1}));
  EXPECT_EQ(settle(1, Kind::delivered).state, DeliveryState::delivered);
  EXPECT_FALSE(outbox.next_wakeup());
}

TEST_F(OutboxTest, RefusedOneIsGivenUpAtOnce) {
  add(1);
  ASSERT_EQ(send(), (Ids{1}));
  EXPECT_EQ(settle(1, Kind::permanent).state, DeliveryState::failed);
  EXPECT_EQ(outbox.pending("ops"), 0U);
}

TEST_F(OutboxTest, LastTryIsTheLast) {
  add(1);
  int tries = 0;
  while (true) {
    ASSERT_EQ(send(), (Ids{1}));
    ++tries;
    const auto settled = settle(1, Kind::temporary);
    if (settled.state == DeliveryState::failed) break;
    now = settled.due;
  }
  EXPECT_EQ(tries, limits::delivery_tries_max);
}

TEST_F(OutboxTest, TargetMayAskForMorePatienceWithinABound) {
  add(1);
  ASSERT_EQ(send(), (Ids{1}));
  TryOutcome later = outcome(Kind::temporary);
  later.retry_after = std::chrono::seconds(900);
  EXPECT_EQ(outbox.settle(1, later, now).due, now + std::chrono::seconds(900));
  now = now + std::chrono::seconds(900);
  ASSERT_EQ(send(), (Ids{1}));
  later.retry_after = std::chrono::hours(100);
  EXPECT_EQ(outbox.settle(1, later, now).due, now + limits::retry_after_max);
}

TEST_F(OutboxTest, FailureOfOneKeepsTheOthersOnlyForALittle) {
  add(1);
  ASSERT_EQ(send(), (Ids{1}));
  settle(1, Kind::temporary);
  add(2);
  EXPECT_TRUE(send().empty());
  now = now + limits::target_rest_max;
  EXPECT_EQ(send(), (Ids{1}));
  settle(1, Kind::delivered);
  EXPECT_EQ(send(), (Ids{2}));
}

TEST_F(OutboxTest, FewAreToldOneByOne) {
  for (std::int64_t id = 1; id <= 5; ++id) {
    add(id);
    EXPECT_EQ(send_all(), (Ids{id}));
  }
}

TEST_F(OutboxTest, FloodBecomesADigest) {
  for (std::int64_t id = 1; id <= 500; ++id) add(id);
  const auto work = outbox.choose(now);
  EXPECT_TRUE(work.send.empty());
  ASSERT_EQ(work.folds.size(), 1U);
  EXPECT_EQ(work.folds[0].target, "ops");
  EXPECT_EQ(work.folds[0].ids.size(), 500U);
  outbox.fold(work.folds[0], 501, now);
  EXPECT_EQ(send(), (Ids{501}));
  EXPECT_EQ(outbox.pending("ops"), 1U);
}

TEST_F(OutboxTest, FoldThatWasNotStoredIsProposedAgain) {
  for (std::int64_t id = 1; id <= 9; ++id) add(id);
  EXPECT_EQ(outbox.choose(now).folds.size(), 1U);
  EXPECT_EQ(outbox.choose(now).folds.size(), 1U);
}

TEST_F(OutboxTest, BeyondTheBurstThereIsOneMessageAWindow) {
  std::int64_t id = 0;
  for (; id < 5; ++id) {
    add(id + 1);
    ASSERT_EQ(send_all().size(), 1U);
  }
  for (; id < 20; ++id) add(id + 1);
  EXPECT_TRUE(outbox.choose(now).folds.empty());
  EXPECT_TRUE(send().empty());
  now = *outbox.next_wakeup();
  EXPECT_EQ(now, Time{1000} + Duration(600'000));
  const auto work = outbox.choose(now);
  ASSERT_EQ(work.folds.size(), 1U);
  EXPECT_EQ(work.folds[0].ids.size(), 15U);
}

TEST_F(OutboxTest, TriedOneIsNeverFolded) {
  add(1);
  ASSERT_EQ(send(), (Ids{1}));
  const auto settled = settle(1, Kind::temporary);
  for (std::int64_t id = 2; id <= 30; ++id) add(id);
  now = settled.due;
  EXPECT_EQ(send(), (Ids{1})) << "it may have arrived, so it keeps its id";
  settle(1, Kind::delivered);
  const auto work = outbox.choose(now);
  ASSERT_EQ(work.folds.size(), 1U);
  EXPECT_EQ(work.folds[0].ids.front(), 2);
}

TEST_F(OutboxTest, FoldHasABound) {
  const auto count = static_cast<std::int64_t>(limits::digest_fold_max) + 1;
  for (std::int64_t id = 1; id <= count; ++id) add(id);
  EXPECT_EQ(outbox.choose(now).folds.at(0).ids.size(), limits::digest_fold_max);
}

TEST_F(OutboxTest, UnknownTargetGetsNothing) {
  add(1, "nobody");
  EXPECT_TRUE(send().empty());
  EXPECT_FALSE(outbox.next_wakeup());
}

TEST_F(OutboxTest, OnlySoManyAreUnderWay) {
  NoticeTargets many;
  for (int i = 0; i < 20; ++i) many[std::to_string(i)].name = std::to_string(i);
  outbox = Outbox(many);
  std::int64_t id = 0;
  for (const auto& [name, target] : many) outbox.add(name, {++id, 0, now, false});
  const Ids first = send();
  EXPECT_EQ(first.size(), limits::deliveries_in_flight_max);
  EXPECT_TRUE(send().empty());
  EXPECT_FALSE(outbox.next_wakeup());
  settle(first[0], Kind::delivered);
  EXPECT_EQ(send().size(), 1U);
}

// Notices at random times to a target that fails at random, with a daemon that dies at random.
struct Story {
  explicit Story(std::uint64_t seed) : random(seed) {}

  void run() {
    for (int step = 0; step < 400 && !testing::Test::HasFailure(); ++step) {
      now = now + Duration(static_cast<std::int64_t>(random() % 20'000));
      const auto arrivals = random() % 10 == 0 ? random() % 60 : random() % 2;
      for (std::size_t i = 0; i < arrivals; ++i) make(false);
      if (random() % 40 == 0) crash();
      pump();
    }
    fails = false;
    for (int step = 0; step < 10'000; ++step) {
      const auto next = outbox.next_wakeup();
      if (!next && flying.empty()) break;
      now = std::max(now, next.value_or(now));
      pump();
    }
    for (const auto& [id, delivery] : disk)
      EXPECT_NE(delivery.state, DeliveryState::pending) << id << " was never told";
    for (const std::int64_t id : notices)
      EXPECT_TRUE(told.contains(id) || disk[id].state == DeliveryState::failed) << id;
  }

  std::int64_t make(bool is_digest) {
    Delivery& delivery = disk[++last];
    delivery.id = last;
    delivery.occasion = is_digest ? Occasion::digest : Occasion::failure;
    delivery.due = now;
    if (!is_digest) notices.push_back(last);
    if (!is_digest) outbox.add("ops", {last, 0, now, false});
    return last;
  }

  void pump() {
    for (const std::int64_t id : std::exchange(flying, {})) {
      const bool arrives = !fails || random() % 2 == 0;
      if (arrives) tell(id);
      // An answer may be lost although the message arrived.
      const bool is_lost = fails && random() % 8 == 0;
      const auto settled =
          outbox.settle(id, outcome(arrives && !is_lost ? Kind::delivered : Kind::temporary), now);
      disk[id].state = settled.state;
      disk[id].due = settled.due;
      ++disk[id].tries;
    }
    choose();
    choose();
  }

  void choose() {
    const auto work = outbox.choose(now);
    for (const std::int64_t id : work.send) {
      EXPECT_EQ(disk[id].state, DeliveryState::pending);
      EXPECT_TRUE(flying.empty()) << "two at a time for one target";
      flying.push_back(id);
      sent.push_back(now);
    }
    for (const auto& fold : work.folds) {
      const std::int64_t digest = make(true);
      for (const std::int64_t id : fold.ids) {
        EXPECT_EQ(disk[id].tries, 0);
        disk[id].state = DeliveryState::folded;
        disk[id].digest = digest;
      }
      outbox.fold(fold, digest, now);
    }
  }

  // The process that delivers may have done so before it died.
  void crash() {
    for (const std::int64_t id : std::exchange(flying, {}))
      if (random() % 2 == 0) tell(id);
    outbox = Outbox(targets());
    for (const auto& [id, delivery] : disk)
      if (delivery.state == DeliveryState::pending)
        outbox.add("ops",
                   {id, delivery.tries, delivery.due, delivery.occasion == Occasion::digest});
  }

  void tell(std::int64_t id) {
    told.insert(id);
    for (const auto& [other, delivery] : disk)
      if (delivery.digest == id) told.insert(other);
  }

  std::mt19937_64 random;
  Outbox outbox{targets()};
  Time now{0};
  bool fails = true;
  std::int64_t last = 0;
  std::map<std::int64_t, Delivery> disk;
  std::vector<std::int64_t> notices;
  std::vector<std::int64_t> flying;
  std::vector<Time> sent;
  std::set<std::int64_t> told;
};

TEST(OutboxStories, EachNoticeIsToldWhateverFails) {
  for (std::uint64_t seed = 1; seed <= 200 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Story(seed).run();
  }
}

TEST(OutboxStories, FloodOfAnHourIsFewMessages) {
  Story story(1);
  story.fails = false;
  for (int i = 0; i < 3600; ++i) {
    story.now = story.now + Duration(1000);
    if (i % 7 == 0) story.make(false);
    story.pump();
  }
  // The burst, and one a window.
  EXPECT_LE(story.sent.size(), 5U + 6U);
  EXPECT_GE(story.notices.size(), 500U);
}

}  // namespace
}  // namespace reeve::test
