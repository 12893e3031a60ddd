// Deliveries and files of jobs in the store, and in the transaction of their event.

#include <gtest/gtest.h>

#include "core/outbox.h"
#include "store/store.h"
#include "support.h"

namespace reeve::test {
namespace {

Delivery full_delivery() {
  Delivery out;
  out.target = "ops";
  out.occasion = Occasion::hang;
  out.job = {7};
  out.attempt = 2;
  out.event = 33;
  out.subject = "subject \xe2\x82\xac";
  out.payload = "{\"a\": 1}";
  out.due = {44};
  out.created_at = {55};
  return out;
}

class StoreDeliveriesTest : public testing::Test {
 protected:
  StoreDeliveriesTest() : store(std::move(Store::open(":memory:").value())) {}

  void write(const std::function<void()>& body) {
    const auto result = store->transact(body);
    ASSERT_TRUE(result) << result.error().message;
  }
  std::int64_t put(const Delivery& delivery) {
    std::int64_t id = 0;
    write([&] { id = store->put_delivery(delivery); });
    return id;
  }
  Delivery loaded(std::int64_t id) { return store->load_delivery(id).value().value(); }

  std::unique_ptr<Store> store;
};

TEST_F(StoreDeliveriesTest, EachFieldComesBack) {
  const std::int64_t id = put(full_delivery());
  Delivery changed = loaded(id);
  EXPECT_EQ(changed.target, "ops");
  EXPECT_EQ(changed.occasion, Occasion::hang);
  EXPECT_EQ(changed.job, JobId{7});
  EXPECT_EQ(changed.attempt, 2);
  EXPECT_EQ(changed.event, 33);
  EXPECT_EQ(changed.subject, "subject \xe2\x82\xac");
  EXPECT_EQ(changed.payload, "{\"a\": 1}");
  EXPECT_EQ(changed.state, DeliveryState::pending);
  EXPECT_EQ(changed.due, Time{44});
  EXPECT_EQ(changed.created_at, UtcTime{55});
  changed.state = DeliveryState::failed;
  changed.tries = 15;
  changed.due = {66};
  changed.error = "no";
  changed.tried_at = {77};
  changed.ended_at = {88};
  write([&] { store->save_delivery(changed); });
  const Delivery after = loaded(id);
  EXPECT_EQ(after.state, DeliveryState::failed);
  EXPECT_EQ(after.tries, 15);
  EXPECT_EQ(after.due, Time{66});
  EXPECT_EQ(after.error, "no");
  EXPECT_EQ(after.tried_at, UtcTime{77});
  EXPECT_EQ(after.ended_at, UtcTime{88});
}

TEST_F(StoreDeliveriesTest, PendingOnesAreOldestFirst) {
  const std::int64_t one = put(full_delivery());
  const std::int64_t two = put(full_delivery());
  const std::int64_t three = put(full_delivery());
  Delivery done = loaded(two);
  done.state = DeliveryState::delivered;
  write([&] { store->save_delivery(done); });
  const auto pending = store->pending_deliveries().value();
  ASSERT_EQ(pending.size(), 2U);
  EXPECT_EQ(pending[0].id, one);
  EXPECT_EQ(pending[1].id, three);
  EXPECT_EQ(pending[0].occasion, Occasion::hang);
}

TEST_F(StoreDeliveriesTest, FoldedOnesPointAtTheirDigest) {
  const std::int64_t one = put(full_delivery());
  const std::int64_t other = put(full_delivery());
  const std::int64_t two = put(full_delivery());
  const auto entries = store->digest_entries("ops", {one, two}).value();
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[1].job, JobId{7});
  write([&] { store->fold_deliveries({one, two}, 99, {5}); });
  EXPECT_EQ(loaded(one).state, DeliveryState::folded);
  EXPECT_EQ(loaded(two).digest, 99);
  EXPECT_EQ(loaded(other).state, DeliveryState::pending);
}

TEST_F(StoreDeliveriesTest, TriesAreRemembered) {
  const std::int64_t id = put(full_delivery());
  write([&] {
    store->put_try(id, {1, {10}, "refused"});
    store->put_try(id, {2, {20}, ""});
  });
  const auto tries = store->tries(id).value();
  ASSERT_EQ(tries.size(), 2U);
  EXPECT_EQ(tries[0].error, "refused");
  EXPECT_EQ(tries[1].at, UtcTime{20});
}

TEST_F(StoreDeliveriesTest, ListIsNewestFirstFilteredAndPaged) {
  for (int i = 0; i < 6; ++i) {
    Delivery delivery = full_delivery();
    delivery.target = i % 2 == 0 ? "ops" : "chat";
    delivery.job = {i};
    put(delivery);
  }
  const auto ids = [&](const DeliveryQuery& query) {
    std::vector<std::int64_t> out;
    for (const Delivery& delivery : store->deliveries(query).value()) out.push_back(delivery.id);
    return out;
  };
  using Ids = std::vector<std::int64_t>;
  EXPECT_EQ(ids({"ops", std::nullopt, std::nullopt, 0, 2}), (Ids{5, 3}));
  EXPECT_EQ(ids({"ops", std::nullopt, std::nullopt, 3, 2}), (Ids{1}));
  EXPECT_EQ(ids({"", JobId{3}, std::nullopt, 0, 9}), (Ids{4}));
  EXPECT_EQ(ids({"", std::nullopt, DeliveryState::failed, 0, 9}), Ids{});
  EXPECT_EQ(ids({"' OR 1=1 --", std::nullopt, std::nullopt, 0, 9}), Ids{});
}

TEST_F(StoreDeliveriesTest, OldOnesAreForgottenPendingOnesAreNot) {
  const std::int64_t old = put(full_delivery());
  const std::int64_t fresh = put(full_delivery());
  const std::int64_t pending = put(full_delivery());
  write([&] {
    for (const auto& [id, ended] : {std::pair(old, 100), std::pair(fresh, 300)}) {
      Delivery delivery = full_delivery();
      delivery.id = id;
      delivery.state = DeliveryState::delivered;
      delivery.ended_at = {ended};
      store->save_delivery(delivery);
      store->put_try(id, {1, {ended}, ""});
    }
    store->forget_deliveries({200});
  });
  EXPECT_FALSE(store->load_delivery(old).value());
  EXPECT_TRUE(store->tries(old).value().empty());
  EXPECT_TRUE(store->load_delivery(fresh).value());
  EXPECT_TRUE(store->load_delivery(pending).value());
}

TEST_F(StoreDeliveriesTest, IdsAreNeverUsedAgain) {
  Delivery done = full_delivery();
  done.id = put(full_delivery());
  done.state = DeliveryState::delivered;
  done.ended_at = {1};
  write([&] {
    store->save_delivery(done);
    store->forget_deliveries({2});
  });
  EXPECT_GT(put(full_delivery()), done.id);
}

TEST_F(StoreDeliveriesTest, FilesOfJobsAreListedByPages) {
  write([&] {
    for (std::int64_t id = 1; id <= 5; ++id) {
      Job job;
      job.id = {id};
      job.spec = plain_spec();
      job.spec.name = "job" + std::to_string(id);
      job.state = id == 2 ? JobState::running : JobState::completed;
      job.is_kept = id == 3;
      job.removed = {id == 4, id == 4, false};
      job.removing = {id == 5, false, false};
      job.attempt.number = 1;
      job.attempt.open = true;
      job.attempt.results_dir = "/r/x" + std::to_string(id);
      job.attempt.log = "/l/x" + std::to_string(id);
      job.attempt.ended = {id * 10};
      store->insert(job);
      store->save(job);
      store->save_attempt(job);
    }
  });
  const auto ids = [&](const FilesQuery& query) {
    std::vector<std::int64_t> out;
    for (const JobFiles& files : store->job_files(query).value()) out.push_back(files.id.value);
    return out;
  };
  using Ids = std::vector<std::int64_t>;
  EXPECT_EQ(ids({{0}, false, false, 10}), (Ids{1, 3, 5}));
  EXPECT_EQ(ids({{0}, true, false, 10}), (Ids{1, 3, 4, 5}));
  EXPECT_EQ(ids({{0}, true, true, 10}), (Ids{1, 2, 3, 4, 5}));
  EXPECT_EQ(ids({{1}, false, false, 1}), (Ids{3}));
  const JobFiles files = store->files_of({3}).value().value();
  EXPECT_TRUE(files.is_kept);
  EXPECT_TRUE(files.has_ended);
  EXPECT_EQ(files.ended, Time{30});
  EXPECT_EQ(files.directories, std::vector<std::string>{"/r/x3"});
  EXPECT_EQ(files.logs, std::vector<std::string>{"/l/x3"});
  EXPECT_FALSE(store->files_of({9}).value());
  ASSERT_EQ(store->being_removed().value().size(), 1U);
  EXPECT_EQ(store->being_removed().value()[0], JobId{5});
}

}  // namespace
}  // namespace reeve::test
