// What older programs have stored is there after it was brought up to date.

#include <SQLiteCpp/SQLiteCpp.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "store/migrations.h"
#include "store/store.h"
#include "support.h"

namespace reeve::test {
namespace {

// Of the first format: job 1 has failed twice, 2 is paused, 3 waits.
constexpr const char* first_rows = R"sql(
INSERT INTO context (id, hash, data) VALUES (7, 1, CAST('A=1' AS BLOB)), (9, 2, x'00FF');
INSERT INTO job VALUES
  (1, 'train', 'failed', 'high', NULL,
   '{"command":["/bin/false"],"retry":{"retries":2,"on_lost":true}}', 7, 'key', 11, NULL, 12, 13,
   'exit_code', 'error of the job', 2, 0),
  (2, 'train', 'paused', 'normal', NULL, '{"command":["/bin/true"],"containment":"strict"}', 7,
   NULL, 21, NULL, 22, 0, '', '', 1, 1),
  (3, 'later', 'queued', 'low', '{"cpus":4,"memory":5,"gpus":6,"counters":{"seat":7},"lock":"x"}',
   '{"command":["two words"],"environment":{"B":"2"},"time_limit":33}', 9, NULL, 31, 34, 32, 0, '',
   '', 0, 0);
INSERT INTO attempt VALUES
  (1, 1, 101, 0, 'failed', 'exit_code', '', 'cgroup', '', '', '', '', 0, '', '/log/1-1', 0, 0, 0,
   0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 14, 15, 16, 17),
  (1, 2, 102, 0, 'failed', 'exit_code', 'error of the attempt', 'cgroup', 'c5', '0,2', '/staging',
   '/target', 3, '/results/1', '/log/1-2', 41, 42, 43, 44, 2, 45, 0, 75, 0, 0, 1, 46, 47, 48, 1,
   49, 50, 51, 1, 1, 52, 53, 54, 55, 56, 57),
  (2, 1, 103, 1, 'paused', '', '', 'cgroup', '', '', '', '', 0, '', '/log/2-1', 0, 0, 0, 0, 0, 0,
   NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 58, 59, 0, 60, 0);
INSERT INTO event VALUES
  (1, 1, 0, 'submitted', NULL, 'queued', '', 'ann', '', 71, 72),
  (2, 2, 1, 'paused', 'running', 'paused', '', 'ben', 'why', 73, 74),
  (3, 1, 2, 'ended', 'running', 'failed', 'exit_code', 'reeve', '', 75, 76);
INSERT INTO meta VALUES ('cursor', '5:6');
)sql";

// What each further format has a place for, from the second one on.
constexpr std::array further_rows{
    R"sql(
UPDATE job SET job_group = 'group', retries_from = 1, grown_memory = 81 WHERE id = 1;
UPDATE job SET spec = '{"command":["two words"],"environment":{"B":"2"},"tags":["tag"],'
  || '"time_limit":33}' WHERE id = 3;
INSERT INTO job_tag VALUES ('tag', 3);
UPDATE attempt SET cpus = '3,0', memory_limit = 82, memory_by = 'samples', pause_wanted = 1,
  paused_since = 83, paused_ms = 84, oom_kills = 85, over_memory = 1, memory_peak = 86,
  machine_oom_kills = 87 WHERE job = 2;
)sql",
    R"sql(
INSERT INTO provenance VALUES (5, 3, CAST('commit' AS BLOB));
UPDATE context SET provenance = 5 WHERE id = 9;
)sql",
    R"sql(
UPDATE job SET preemptions = 88, preempted_at = 89 WHERE id = 2;
UPDATE attempt SET paused_by = 3, went_on = 90, preempted_for = 3 WHERE job = 2;
)sql"};

Job failed_job(int version) {
  Job job;
  job.id = {1};
  job.spec.name = "train";
  job.spec.priority = Priority::high;
  job.spec.command = {"/bin/false"};
  job.spec.retry.retries = 2;
  job.spec.retry.on_lost = true;
  job.spec.idempotency_key = "key";
  job.context = 7;
  job.state = JobState::failed;
  job.queued_at = {11};
  job.submitted_at = {12};
  job.ended_at = {13};
  job.reason = Reason::exit_code;
  job.error = "error of the job";
  Attempt& a = job.attempt;
  a.number = 2;
  a.start = 102;
  a.state = JobState::failed;
  a.reason = Reason::exit_code;
  a.error = "error of the attempt";
  a.placement.containment = "cgroup";
  a.placement.cgroup = "c5";
  a.placement.gpus = {0, 2};
  a.staging = "/staging";
  a.publish_target = "/target";
  a.publish_tries = 3;
  a.results_dir = "/results/1";
  a.log = "/log/1-2";
  a.log_summary = {41, 42, 43, 44};
  a.stop = static_cast<StopCause>(2);
  a.stop_grace = Duration(45);
  a.exit = ExitStatus{ExitKind::exited, 75, false, LaunchStep::none, true};
  a.usage = {46, 47, 48, true, 49, 50};
  a.leftovers = 51;
  a.cancel_too_late = true;
  a.kill_stuck = true;
  a.launch_failures = 52;
  a.main_pid = 53;
  a.started = {54};
  a.ended = {55};
  a.started_at = {56};
  a.ended_at = {57};
  if (version < 2) return job;
  job.spec.group = "group";
  job.retries_from = 1;
  job.grown_memory = 81;
  return job;
}

Job paused_job(int version) {
  Job job;
  job.id = {2};
  job.spec.name = "train";
  job.spec.command = {"/bin/true"};
  job.spec.containment = ContainmentWish::strict;
  job.context = 7;
  job.state = JobState::paused;
  job.queued_at = {21};
  job.submitted_at = {22};
  Attempt& a = job.attempt;
  a.number = 1;
  a.intent = true;
  a.start = 103;
  a.open = true;
  a.state = JobState::paused;
  a.placement.containment = "cgroup";
  a.log = "/log/2-1";
  a.main_pid = 58;
  a.started = {59};
  a.started_at = {60};
  if (version < 2) return job;
  a.placement.cpus = {3, 0};
  a.placement.memory_limit = 82;
  a.placement.memory_by = "samples";
  a.paused_by = PausedBy::user;
  a.paused_since = {83};
  a.paused_for = Duration(84);
  a.usage.oom_kills = 85;
  a.usage.over_memory = true;
  a.usage.memory_peak = 86;
  a.usage.machine_oom_kills = 87;
  if (version < 4) return job;
  job.preemptions = 88;
  job.preempted_at = {89};
  a.paused_by = PausedBy::scheduler_and_user;
  a.went_on = {90};
  a.preempted_for = {3};
  return job;
}

Job waiting_job(int version) {
  Job job;
  job.id = {3};
  job.spec.name = "later";
  job.spec.priority = Priority::low;
  job.spec.command = {"two words"};
  job.spec.demand = {4, 5, 6, {{"seat", 7}}, "x"};
  job.spec.environment = {{"B", "2"}};
  job.spec.time_limit = Duration(33);
  if (version >= 2) job.spec.tags = {"tag"};
  job.context = 9;
  job.queued_at = {31};
  job.submitted_at = {32};
  job.release_at = Time{34};
  return job;
}

class OldDatabase : public testing::TestWithParam<int> {
 protected:
  OldDatabase() {
    SQLite::Database db(path_, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    for (int version = 1; version <= GetParam(); ++version) {
      EXPECT_TRUE(migrate(db, version));
      const auto further = static_cast<std::size_t>(version - 2);
      if (version == 1)
        db.exec(first_rows);
      else if (further < further_rows.size())
        db.exec(further_rows[further]);
    }
    EXPECT_EQ(version_of(path_), GetParam());
  }

  static int version_of(const std::string& path) {
    SQLite::Database db(path, SQLite::OPEN_READONLY);
    return db.execAndGet("PRAGMA user_version").getInt();
  }
  void open() {
    auto opened = Store::open(path_);
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = std::move(*opened);
  }
  std::string loaded(JobId id) {
    const auto job = store_->load(id);
    if (!job) return job.error().message;
    return *job ? dump(**job) : "none";
  }

  TemporaryFolder folder_;
  std::string path_ = folder_.file("reeve.db");
  std::unique_ptr<Store> store_;
};

TEST_P(OldDatabase, BecomesTheNewestAndACopyOfItStays) {
  open();
  EXPECT_EQ(store_->check_integrity().value(), "ok");
  store_.reset();
  EXPECT_EQ(version_of(path_), schema_version());
  const std::string copy = path_ + ".before-v" + std::to_string(schema_version());
  EXPECT_EQ(version_of(copy), GetParam());
  SQLite::Database db(copy, SQLite::OPEN_READONLY);
  EXPECT_EQ(db.execAndGet("SELECT COUNT(*) FROM job").getInt(), 3);
}

TEST_P(OldDatabase, EachFieldOfItsJobsAndTheirAttemptsIsThere) {
  open();
  EXPECT_EQ(loaded({1}), dump(failed_job(GetParam())));
  EXPECT_EQ(loaded({2}), dump(paused_job(GetParam())));
  EXPECT_EQ(loaded({3}), dump(waiting_job(GetParam())));
  EXPECT_EQ(store_->logs({1}).value().size(), 2U) << "the first attempt is there as well";
  EXPECT_EQ(store_->find_by_key("key").value(), JobId{1});
  EXPECT_EQ(store_->last_id().value(), JobId{3});
}

TEST_P(OldDatabase, JobsAreFoundByWhatTheyAre) {
  open();
  JobQuery query;
  query.name = "train";
  EXPECT_EQ(store_->list(query).value().size(), 2U);
  query = {};
  query.tags = {"tag"};
  EXPECT_EQ(store_->list(query).value().size(), GetParam() < 2 ? 0U : 1U);
  std::vector<JobId> waiting;
  ASSERT_TRUE(store_->each_waiting([&](const WaitingRow& row) { waiting.push_back(row.id); }));
  EXPECT_TRUE(std::ranges::count(waiting, JobId{3}) == 1);
  const auto kept = store_->with_possible_keeper().value();
  ASSERT_EQ(kept.size(), 1U);
  EXPECT_EQ(kept[0].id, JobId{2});
}

TEST_P(OldDatabase, EventsContextsAndNotesAreThere) {
  open();
  const auto events = store_->events({}).value();
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[0].event.to, JobState::queued);
  EXPECT_FALSE(events[0].event.from);
  EXPECT_EQ(events[1].event.job, JobId{2});
  EXPECT_EQ(events[1].event.attempt, 1);
  EXPECT_EQ(events[1].event.kind, "paused");
  EXPECT_EQ(events[1].event.from, JobState::running);
  EXPECT_EQ(events[1].event.actor, "ben");
  EXPECT_EQ(events[1].event.detail, "why");
  EXPECT_EQ(events[1].clock, Time{73});
  EXPECT_EQ(events[1].utc, UtcTime{74});
  EXPECT_EQ(events[2].event.reason, Reason::exit_code);
  EXPECT_EQ(store_->context(7).value(), "A=1");
  EXPECT_EQ(store_->context(9).value(), std::string("\0\xff", 2));
  EXPECT_EQ(store_->provenance(9).value(), GetParam() < 3 ? "" : "commit");
  EXPECT_EQ(store_->meta("cursor").value(), "5:6");
}

TEST_P(OldDatabase, WorkGoesOnInIt) {
  open();
  Job paused = paused_job(GetParam());
  paused.state = paused.attempt.state = JobState::completed;
  paused.attempt.open = paused.attempt.intent = false;
  paused.attempt.evidence.errors = 91;
  Job next = waiting_job(GetParam());
  next.id = {4};
  const auto written = store_->transact([&] {
    store_->save(paused);
    store_->save_attempt(paused);
    next.context = store_->put_context("C=3");
    store_->insert(next);
    EXPECT_EQ(store_->append({{4}, 0, "submitted", {}, {}, Reason::none, "ann", ""}, at(1)), 4);
    EXPECT_GT(next.context, 9) << "no id means another row";
  });
  ASSERT_TRUE(written) << written.error().message;
  EXPECT_EQ(loaded({2}), dump(paused));
  EXPECT_EQ(loaded({4}), dump(next));
}

INSTANTIATE_TEST_SUITE_P(Format, OldDatabase, testing::Range(1, schema_version()));

}  // namespace
}  // namespace reeve::test
