// The durable truth.

#include "store/store.h"

#include <gtest/gtest.h>

#include <sqlite3.h>
#include <stdexcept>

#include "core/launch_context.h"
#include "store/migrations.h"
#include "support.h"

namespace reeve::test {
namespace {

JobSpec full_spec() {
  JobSpec spec;
  spec.name = "name";
  spec.command = {"/bin/echo", "", "two words", "\xff\xfe raw bytes"};
  spec.directory = "/directory";
  spec.priority = Priority::critical;
  spec.demand = {11, 12, 13, {{"licence", 14}, {"seat", 15}}, "lock"};
  spec.on_busy = OnBusy::reject;
  spec.hold = true;
  spec.time_limit = Duration(16);
  spec.grace = Duration(17);
  spec.retry = {18, true, {"oom", "75"}, Duration(19)};
  spec.group = "group";
  spec.tags = {"one", "two"};
  spec.isolate = true;
  spec.preempt = true;
  spec.when_preempted = WhenPreempted::never;
  spec.pin_cpus = true;
  spec.max_workers = 20;
  spec.checkpoint = true;
  spec.log_max = 65'537;
  spec.results_root = "/results";
  spec.staging = Staging::discard;
  spec.containment = ContainmentWish::strict;
  spec.stdin_file = "/input";
  spec.environment = {{"A", "1"}, {"EMPTY", ""}, {"RAW", "\xc3"}};
  spec.secrets = {"A", "B"};
  spec.idempotency_key = "key";
  return spec;
}

// Each field holds a value that no other field has.
Attempt full_attempt() {
  Attempt a;
  a.number = 21;
  a.start = (1LL << 40) + 22;
  a.open = true;
  a.intent = true;
  a.placement = {"cgroup", "pool/c5", {3, 0, 7}, {2, 5}, 50, "samples", "@notify"};
  a.paused_by = PausedBy::scheduler_and_user;
  a.went_on = Time{53};
  a.preempted_for = {54};
  a.paused_since = {51};
  a.paused_for = Duration(52);
  a.staging = "/staging";
  a.publish_target = "/target";
  a.publish_tries = 23;
  a.log = "/log";
  a.state = JobState::cancelling;
  a.reason = Reason::wall_limit;
  a.stop = StopCause::wall_limit;
  a.stop_grace = Duration(24);
  a.exit = ExitStatus{ExitKind::launch_error, 25, true, LaunchStep::input, true};
  a.usage = {26, 27, 28, true, 29, 30, 53, true, 54, 55};
  a.log_summary = {31, 32, 33, 34};
  a.end_step = EndStep::validate;
  a.unwanted = true;
  a.evidence.errors = 61;
  a.evidence.warnings = 62;
  a.evidence.found_to = 63;
  a.evidence.first_error = Finding{"rule", Severity::error, 64, 65, "message", "place"};
  a.evidence.declared = Declared::success;
  a.evidence.declared_reason = "declared";
  a.evidence.metrics = {{"loss", "0.5"}};
  a.evidence.verdict = ResultsVerdict::inconclusive;
  a.evidence.verdict_words = "words of the verdict";
  a.leftovers = 35;
  a.cancel_too_late = true;
  a.kill_stuck = true;
  a.launch_failures = 36;
  a.main_pid = 37;
  a.started = {38};
  a.ended = {39};
  a.started_at = {40};
  a.ended_at = {41};
  a.results_dir = "/results/dir";
  a.error = "error of the attempt, \xe2\x82\xac";
  return a;
}

Job full_job() {
  Job job;
  job.id = {42};
  job.spec = full_spec();
  job.context = 43;
  job.state = JobState::timing_out;
  job.queued_at = {44};
  job.release_at = Time{45};
  job.submitted_at = {46};
  job.ended_at = {47};
  job.reason = Reason::keeper_died;
  job.error = "error of the job";
  job.preemptions = 48;
  job.preempted_at = {49};
  job.is_kept = true;
  job.removing = {true, false, true};
  job.removed = {false, true, false};
  job.judgement = Judgement{true, "why", "ann", {56}};
  job.attempt = full_attempt();
  return job;
}

Job simple_job(std::int64_t id, JobState state = JobState::queued, std::string name = "train") {
  Job job;
  job.id = {id};
  job.spec = plain_spec();
  job.spec.name = std::move(name);
  job.state = state;
  return job;
}

class StoreTest : public testing::Test {
 protected:
  StoreTest() { open(":memory:"); }

  void open(const std::string& path) {
    store.reset();
    auto opened = Store::open(path);
    ASSERT_TRUE(opened) << opened.error().message;
    store = std::move(*opened);
  }
  void write(const std::function<void()>& body) {
    const auto result = store->transact(body);
    ASSERT_TRUE(result) << result.error().message;
  }
  void put(const Job& job) {
    write([&] {
      store->insert(job);
      store->save(job);
      store->save_attempt(job);
    });
  }
  std::string loaded(JobId id) {
    const auto job = store->load(id);
    if (!job) return job.error().message;
    return *job ? dump(**job) : "none";
  }
  std::vector<std::int64_t> listed(const JobQuery& query) {
    std::vector<std::int64_t> ids;
    for (const Job& job : store->list(query).value()) ids.push_back(job.id.value);
    return ids;
  }

  std::unique_ptr<Store> store;
};

using Ids = std::vector<std::int64_t>;

TEST_F(StoreTest, EachFieldOfAJobAndItsAttemptComesBack) {
  put(full_job());
  EXPECT_EQ(loaded({42}), dump(full_job()));
}

TEST_F(StoreTest, JobWithOnlyDefaultsComesBack) {
  Job job;
  job.id = {1};
  write([&] { store->insert(job); });
  EXPECT_EQ(loaded({1}), dump(job));
}

TEST_F(StoreTest, AbsentValuesComeBackAbsent) {
  Job job = full_job();
  job.release_at.reset();
  job.attempt.exit.reset();
  job.attempt.placement.gpus.clear();
  job.spec.time_limit.reset();
  job.spec.idempotency_key.clear();
  put(job);
  EXPECT_EQ(loaded({42}), dump(job));
}

TEST_F(StoreTest, EachStateReasonAndExitComesBack) {
  std::int64_t id = 0;
  for (int state = 0; state <= static_cast<int>(JobState::skipped); ++state) {
    Job job = simple_job(++id, static_cast<JobState>(state));
    job.reason = static_cast<Reason>(state % 9);
    job.attempt.number = 1;
    job.attempt.open = true;
    job.attempt.exit = ExitStatus{static_cast<ExitKind>(state % 3), -state, false,
                                  static_cast<LaunchStep>(state % 8), false};
    put(job);
    EXPECT_EQ(loaded({id}), dump(job));
  }
}

TEST_F(StoreTest, JobThatDoesNotExistIsNone) {
  EXPECT_EQ(loaded({5}), "none");
}

TEST_F(StoreTest, ListIsNewestFirstAndPaged) {
  for (std::int64_t id = 1; id <= 7; ++id) put(simple_job(id));
  JobQuery query;
  query.rows_max = 3;
  EXPECT_EQ(listed(query), (Ids{7, 6, 5}));
  query.before = JobId{5};
  EXPECT_EQ(listed(query), (Ids{4, 3, 2}));
  query.before = JobId{2};
  EXPECT_EQ(listed(query), (Ids{1}));
  query.before = JobId{1};
  EXPECT_TRUE(listed(query).empty());
}

TEST_F(StoreTest, ListFiltersByStatesAndName) {
  put(simple_job(1, JobState::failed, "a"));
  put(simple_job(2, JobState::lost, "b"));
  put(simple_job(3, JobState::queued, "a"));
  put(simple_job(4, JobState::failed, "b"));
  JobQuery query;
  query.states = {JobState::failed, JobState::lost};
  EXPECT_EQ(listed(query), (Ids{4, 2, 1}));
  query.name = "b";
  EXPECT_EQ(listed(query), (Ids{4, 2}));
  query.states.clear();
  EXPECT_EQ(listed(query), (Ids{4, 2}));
  query.name = "a' OR 1=1 --";
  EXPECT_TRUE(listed(query).empty());
}

TEST_F(StoreTest, CountsTellJobsByState) {
  put(simple_job(1, JobState::failed));
  put(simple_job(2, JobState::queued));
  put(simple_job(3, JobState::failed));
  const auto counts = store->counts().value();
  ASSERT_EQ(counts.size(), 2U);
  for (const auto& [state, count] : counts) EXPECT_EQ(count, state == JobState::failed ? 2 : 1);
}

TEST_F(StoreTest, EventsAreNumberedFromOneWithoutAHole) {
  const Event full{{3},   4,    "cancelled", JobState::running, JobState::cancelled, Reason::reboot,
                   "ann", "why"};
  const Event note{{5}, 0, "note", std::nullopt, std::nullopt, Reason::none, "user", ""};
  write([&] {
    EXPECT_EQ(store->append(full, at(9)), 1);
    EXPECT_EQ(store->append(note, at(10)), 2);
    EXPECT_EQ(store->append(full, at(11)), 3);
  });
  const auto events = store->events({}).value();
  ASSERT_EQ(events.size(), 3U);
  const StoredEvent& first = events[0];
  EXPECT_EQ(first.seq, 1);
  EXPECT_EQ(first.event.job, JobId{3});
  EXPECT_EQ(first.event.attempt, 4);
  EXPECT_EQ(first.event.kind, "cancelled");
  EXPECT_EQ(first.event.from, JobState::running);
  EXPECT_EQ(first.event.to, JobState::cancelled);
  EXPECT_EQ(first.event.reason, Reason::reboot);
  EXPECT_EQ(first.event.actor, "ann");
  EXPECT_EQ(first.event.detail, "why");
  EXPECT_EQ(first.clock, Time{9});
  EXPECT_EQ(first.utc, at(9).utc);
  EXPECT_FALSE(events[1].event.from);
  EXPECT_FALSE(events[1].event.to);
  EXPECT_EQ(store->last_event().value(), 3);
}

TEST_F(StoreTest, EventsArePagedAndFilteredByJob) {
  write([&] {
    for (std::int64_t i = 0; i < 6; ++i)
      store->append({{i % 2}, 0, "note", {}, {}, Reason::none, "user", ""}, at(i));
  });
  const auto seqs = [&](const EventQuery& query) {
    Ids out;
    for (const StoredEvent& event : store->events(query).value()) out.push_back(event.seq);
    return out;
  };
  EXPECT_EQ(seqs({2, std::nullopt, 3}), (Ids{3, 4, 5}));
  EXPECT_EQ(seqs({0, JobId{1}, 2}), (Ids{2, 4}));
  EXPECT_EQ(seqs({4, JobId{1}, 2}), (Ids{6}));
}

TEST_F(StoreTest, EqualContextsAreStoredOnce) {
  const std::string bytes("A=1\0\xff", 5);
  std::int64_t one = 0;
  std::int64_t other = 0;
  write([&] {
    one = store->put_context(bytes);
    other = store->put_context("B=2");
  });
  write([&] { EXPECT_EQ(store->put_context(bytes), one); });
  EXPECT_NE(one, other);
  EXPECT_EQ(store->context(one).value(), bytes);
  EXPECT_EQ(store->context(other).value(), "B=2");
  EXPECT_EQ(store->context(99).value(), "");
}

TEST_F(StoreTest, ProvenanceIsStoredOnceBesideItsContexts) {
  std::int64_t plain = 0;
  std::int64_t one = 0;
  std::int64_t two = 0;
  write([&] {
    plain = store->put_context("A=1");
    one = store->put_context(join_recorded({"A=1", "commit"}));
    two = store->put_context(join_recorded({"B=2", "commit"}));
    EXPECT_EQ(store->put_context(join_recorded({"A=1", "commit"})), one);
    EXPECT_EQ(store->put_context("A=1"), plain);
  });
  EXPECT_NE(plain, one);
  EXPECT_EQ(store->context(one).value(), "A=1");
  EXPECT_EQ(store->context(two).value(), "B=2");
  EXPECT_EQ(store->provenance(one).value(), "commit");
  EXPECT_EQ(store->provenance(two).value(), "commit");
  EXPECT_EQ(store->provenance(plain).value(), "");
}

TEST_F(StoreTest, ContextGoesWithTheLastJobThatUsesIt) {
  Job job = simple_job(1);
  write([&] {
    job.context = store->put_context(join_recorded({"A=1", "commit"}));
    store->insert(job);
    job.id = {2};
    store->insert(job);
  });
  write([&] { store->remove({1}); });
  EXPECT_EQ(store->context(job.context).value(), "A=1");
  EXPECT_EQ(store->provenance(job.context).value(), "commit");
  write([&] { store->remove({2}); });
  EXPECT_EQ(store->context(job.context).value(), "");
  EXPECT_EQ(store->provenance(job.context).value(), "");
  write([&] { EXPECT_GT(store->put_context("B=2"), job.context) << "no id means another row"; });
}

TEST_F(StoreTest, ContextThatOneJobLeavesAndAnotherTakesStays) {
  Job leaves = simple_job(1);
  Job takes = simple_job(2);
  std::int64_t first = 0;
  std::int64_t second = 0;
  write([&] {
    leaves.context = first = store->put_context("A=1");
    takes.context = second = store->put_context("B=2");
    store->insert(leaves);
    store->insert(takes);
  });
  write([&] {
    leaves.context = store->put_context("C=3");
    store->save_spec(leaves);
    takes.context = first;
    store->save_spec(takes);
  });
  EXPECT_EQ(store->context(first).value(), "A=1");
  EXPECT_EQ(store->context(second).value(), "");
}

TEST_F(StoreTest, RunsTellWhatJobsUsedInPages) {
  Job ended = full_job();
  ended.state = JobState::failed;
  ended.ended_at = {1000};
  ended.attempt.exit = ExitStatus{ExitKind::signalled, 9, false, LaunchStep::none, false};
  put(ended);
  put(simple_job(7));
  Job old = simple_job(8, JobState::completed);
  old.ended_at = {999};
  put(old);
  const auto page = store->runs({{1000}, std::nullopt, 2}).value();
  EXPECT_EQ(page.looked_at, 2);
  EXPECT_EQ(page.last, JobId{8});
  ASSERT_EQ(page.rows.size(), 1U) << "job 8 ended earlier";
  const RunRow& row = page.rows[0];
  EXPECT_EQ(row.id, 42);
  EXPECT_EQ(row.name, "name");
  EXPECT_EQ(row.group, "group");
  EXPECT_EQ(row.state, "failed");
  EXPECT_EQ(row.reason, "keeper_died");
  EXPECT_EQ(row.exit, "SIGKILL");
  EXPECT_EQ(row.wall_ms, 1);
  EXPECT_EQ(row.cpu_us, 26 + 27);
  EXPECT_EQ(row.peak_bytes, 28);
  EXPECT_EQ(row.cpus, 11);
  const auto rest = store->runs({{1000}, page.last, 2}).value();
  EXPECT_EQ(rest.looked_at, 1);
  ASSERT_EQ(rest.rows.size(), 1U);
  EXPECT_EQ(rest.rows[0].cpus, 1);
  EXPECT_FALSE(rest.rows[0].wall_ms);
}

TEST_F(StoreTest, IdempotencyKeyBelongsToOneJob) {
  Job job = simple_job(1);
  job.spec.idempotency_key = "once";
  put(job);
  EXPECT_EQ(store->find_by_key("once").value(), JobId{1});
  EXPECT_EQ(store->find_by_key("other").value(), std::nullopt);
  job.id = {2};
  EXPECT_FALSE(store->transact([&] { store->insert(job); }));
  EXPECT_EQ(loaded({2}), "none");
  // Jobs without a key don't get into each other's way.
  put(simple_job(3));
  put(simple_job(4));
}

TEST_F(StoreTest, FailedWriteLeavesNothingOfItsTransaction) {
  put(simple_job(1));
  const auto result = store->transact([&] {
    store->insert(simple_job(2));
    store->append({{2}, 0, "submitted", {}, {}, Reason::none, "user", ""}, at(1));
    store->set_meta("key", "value");
    store->insert(simple_job(1));
  });
  EXPECT_FALSE(result);
  EXPECT_EQ(loaded({2}), "none");
  EXPECT_TRUE(store->events({}).value().empty());
  EXPECT_EQ(store->meta("key").value(), "");
  put(simple_job(2));
  EXPECT_NE(loaded({2}), "none") << "the store goes on";
}

TEST_F(StoreTest, AnyExceptionInsideAWriteRollsBackAndIsReturned) {
  try {
    EXPECT_FALSE(store->transact([&] {
      store->insert(simple_job(1));
      throw std::runtime_error("no memory");
    }));
  } catch (const std::runtime_error&) {
    ADD_FAILURE() << "the exception got out";
  }
  EXPECT_EQ(loaded({1}), "none");
  EXPECT_TRUE(store->transact([&] { store->insert(simple_job(2)); }));
}

TEST_F(StoreTest, MetaIsReplaced) {
  write([&] { store->set_meta("cursor", "1:2"); });
  write([&] { store->set_meta("cursor", "1:3"); });
  EXPECT_EQ(store->meta("cursor").value(), "1:3");
  EXPECT_EQ(store->meta("absent").value(), "");
}

TEST_F(StoreTest, WaitingJobsComeOldestFirstWithWhatThePlanNeeds) {
  Job held = full_job();
  held.id = {3};
  held.state = JobState::held;
  put(held);
  put(simple_job(2));
  put(simple_job(4, JobState::running));
  std::vector<WaitingRow> rows;
  ASSERT_TRUE(store->each_waiting([&](const WaitingRow& row) { rows.push_back(row); }));
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].id, JobId{2});
  EXPECT_EQ(rows[0].demand, Demand{});
  EXPECT_FALSE(rows[0].release_at);
  EXPECT_EQ(rows[1].state, JobState::held);
  EXPECT_EQ(rows[1].demand, full_spec().demand);
  EXPECT_EQ(rows[1].priority, Priority::critical);
  EXPECT_EQ(rows[1].queued_at, Time{44});
  EXPECT_EQ(rows[1].release_at, Time{45});
  EXPECT_FALSE(rows[0].time_limit);
  EXPECT_EQ(rows[0].group, "");
  EXPECT_EQ(rows[1].time_limit, full_spec().time_limit);
  EXPECT_EQ(rows[1].group, full_spec().group);
  EXPECT_FALSE(rows[0].preempt);
  EXPECT_TRUE(rows[1].preempt);
  EXPECT_EQ(rows[1].preempted_at, Time{49});
}

TEST_F(StoreTest, JobsThatMayHaveAKeeperAreActiveOnesAndCommittedStarts) {
  Ids expected;
  for (int state = 0; state <= static_cast<int>(JobState::skipped); ++state) {
    const auto job = simple_job(state + 1, static_cast<JobState>(state));
    put(job);
    if (is_active(job.state)) expected.push_back(job.id.value);
  }
  Job intended = simple_job(50);
  intended.attempt.number = 1;
  intended.attempt.open = intended.attempt.intent = true;
  put(intended);
  expected.push_back(50);
  Ids found;
  for (const Job& job : store->with_possible_keeper().value()) found.push_back(job.id.value);
  EXPECT_EQ(found, expected);
}

TEST_F(StoreTest, TerminalStateOfAnAttemptIsWrittenOnce) {
  Job job = full_job();
  put(job);
  job.attempt.open = job.attempt.intent = false;
  job.attempt.state = JobState::failed;
  write([&] { store->save_attempt(job); });
  job.attempt.state = JobState::completed;
  EXPECT_DEATH((void)store->transact([&] { store->save_attempt(job); }),
               "the terminal state of an attempt never changes");
}

TEST_F(StoreTest, FirstAttemptStaysWhenTheSecondBegins) {
  Job job = full_job();
  job.attempt.number = 1;
  job.attempt.open = job.attempt.intent = false;
  job.attempt.state = JobState::failed;
  put(job);
  job.attempt = Attempt{};
  job.attempt.number = 2;
  job.attempt.open = true;
  write([&] {
    store->save_attempt(job);
    store->save(job);
  });
  EXPECT_EQ(loaded({42}), dump(job));
}

TEST_F(StoreTest, JobThatIsSavedExists) {
  EXPECT_DEATH((void)store->transact([&] { store->save(simple_job(9)); }),
               "a job that is saved exists");
}

TEST_F(StoreTest, RemoveTakesTheJobItsAttemptAndItsEvents) {
  put(full_job());
  put(simple_job(7));
  write([&] {
    store->append({{42}, 0, "note", {}, {}, Reason::none, "user", ""}, at(1));
    store->append({{7}, 0, "note", {}, {}, Reason::none, "user", ""}, at(1));
  });
  write([&] { store->remove({42}); });
  EXPECT_EQ(loaded({42}), "none");
  EXPECT_NE(loaded({7}), "none");
  EXPECT_EQ(store->events({}).value().size(), 1U);
}

TEST_F(StoreTest, IdIsNeverGivenOutTwice) {
  EXPECT_EQ(store->last_id().value(), JobId{0});
  put(simple_job(1));
  put(simple_job(2));
  write([&] { store->remove({2}); });
  EXPECT_EQ(store->last_id().value(), JobId{2});
}

TEST_F(StoreTest, NewStoreIsWhole) {
  EXPECT_EQ(store->check_integrity().value(), "ok");
}

TEST_F(StoreTest, EverythingIsThereAfterTheFileWasOpenedAgain) {
  const TemporaryFolder folder;
  open(folder.file("reeve.db"));
  put(full_job());
  write([&] {
    store->set_meta("cursor", "5:6");
    store->append({{42}, 0, "note", {}, {}, Reason::none, "user", ""}, at(1));
  });
  open(folder.file("reeve.db"));
  EXPECT_EQ(loaded({42}), dump(full_job()));
  EXPECT_EQ(store->meta("cursor").value(), "5:6");
  EXPECT_EQ(store->last_event().value(), 1);
  EXPECT_EQ(store->last_id().value(), JobId{42});
  EXPECT_EQ(store->check_integrity().value(), "ok");
  store.reset();
}

TEST_F(StoreTest, DatabaseOfANewerReeveIsRefusedInWordsAndKept) {
  const TemporaryFolder folder;
  const std::string path = folder.file("reeve.db");
  open(path);
  store.reset();
  {
    SQLite::Database db(path, SQLite::OPEN_READWRITE);
    db.exec("PRAGMA user_version = " + std::to_string(schema_version() + 1));
  }
  const auto opened = Store::open(path);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::conflict);
  EXPECT_NE(opened.error().message.find("newer Reeve"), std::string::npos);
  const SQLite::Database db(path, SQLite::OPEN_READONLY);
  EXPECT_EQ(SQLite::Statement(db, "SELECT COUNT(*) FROM job").tryExecuteStep(), SQLITE_ROW);
}

TEST_F(StoreTest, FileThatIsNoDatabaseIsRefusedAndKept) {
  const TemporaryFolder folder;
  const std::string text(5000, 'x');
  write_file(folder.file("reeve.db"), text);
  const auto opened = Store::open(folder.file("reeve.db"));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::corrupt);
  EXPECT_EQ(read_file(folder.file("reeve.db")), text);
}

TEST_F(StoreTest, FolderThatIsMissingIsAnErrorNotAnException) {
  EXPECT_FALSE(Store::open("/nonexistent-folder/reeve.db"));
}

}  // namespace
}  // namespace reeve::test
