#include "store/store.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include "base/check.h"
#include "base/checksum.h"
#include "core/launch_context.h"
#include "store/migrations.h"
#include "store/rows.h"

namespace reeve {
namespace {

constexpr const char* save_attempt_sql = R"sql(
INSERT INTO attempt VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16,
  ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34, ?35,
  ?36, ?37, ?38, ?39, ?40, ?41, ?42, ?43, ?44, ?45, ?46, ?47, ?48, ?49, ?50, ?51, ?52, ?53, ?54,
  ?55, ?56, ?57)
ON CONFLICT (job, number) DO UPDATE SET start = ?3, open = ?4, state = ?5, reason = ?6, error = ?7,
  containment = ?8, cgroup = ?9, gpus = ?10, staging = ?11, publish_target = ?12,
  publish_tries = ?13, results_dir = ?14, log = ?15, log_bytes = ?16, log_lost = ?17,
  log_gap_begin = ?18, log_gap_end = ?19, stop = ?20, stop_grace_ms = ?21, exit_kind = ?22,
  exit_code = ?23, exit_core = ?24, exit_step = ?25, exit_stopped = ?26, user_us = ?27,
  system_us = ?28, max_rss_bytes = ?29, max_rss_sampled = ?30, read_bytes = ?31, write_bytes = ?32,
  leftovers = ?33, cancel_too_late = ?34, kill_stuck = ?35, launch_failures = ?36, main_pid = ?37,
  started = ?38, ended = ?39, started_utc = ?40, ended_utc = ?41, cpus = ?42, memory_limit = ?43,
  memory_by = ?44, paused_by = ?45, paused_since = ?46, paused_ms = ?47, oom_kills = ?48,
  over_memory = ?49, memory_peak = ?50, machine_oom_kills = ?51, went_on = ?52,
  preempted_for = ?53, end_step = ?54, unwanted = ?55, evidence = ?56, notify = ?57
WHERE attempt.open = 1)sql";

}  // namespace

Error Store::to_error(const std::exception& cause, const std::string& action) {
  const auto* of_sqlite = dynamic_cast<const SQLite::Exception*>(&cause);
  const int code = of_sqlite != nullptr ? of_sqlite->getErrorCode() & 0xFF : SQLITE_ERROR;
  ErrorCode kind = ErrorCode::io;
  if (dynamic_cast<const rows::DamagedRow*>(&cause) != nullptr) kind = ErrorCode::corrupt;
  if (code == SQLITE_FULL) kind = ErrorCode::full;
  if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB) kind = ErrorCode::corrupt;
  if (code == SQLITE_READONLY || code == SQLITE_CANTOPEN || code == SQLITE_PERM)
    kind = ErrorCode::forbidden;
  if (code == SQLITE_BUSY || code == SQLITE_LOCKED) kind = ErrorCode::busy;
  return {kind, action + ": " + cause.what()};
}

Store::Store(const std::string& path)
    : db_(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, 5000) {}

Result<std::unique_ptr<Store>> Store::open(const std::string& path) {
  try {
    std::unique_ptr<Store> store(new Store(path));
    // Debian's 3.40.1 can corrupt a write-ahead log that two connections use: there is one.
    store->db_.exec("PRAGMA locking_mode = EXCLUSIVE");
    store->db_.exec("PRAGMA journal_mode = WAL");
    store->db_.exec("PRAGMA synchronous = FULL");
    store->db_.exec("PRAGMA foreign_keys = OFF");
    store->db_.exec("PRAGMA cache_size = -8192");
    store->db_.exec("PRAGMA journal_size_limit = 67108864");
    if (auto migrated = migrate(store->db_); !migrated) return std::unexpected(migrated.error());
    return store;
  } catch (const SQLite::Exception& error) {
    return std::unexpected(to_error(error, "open the database " + path));
  }
}

Store::Prepared Store::prepared(const char* sql) {
  auto& statement = statements_[sql];
  if (!statement) statement = std::make_unique<SQLite::Statement>(db_, sql);
  return Prepared(*statement);
}

Result<void> Store::transact(const std::function<void()>& write) {
  try {
    prepared("BEGIN IMMEDIATE")->exec();
    contexts_left_.clear();
    write();
    forget_unused_contexts();
    prepared("COMMIT")->exec();
    return {};
  } catch (const std::exception& error) {
    if (sqlite3_get_autocommit(db_.getHandle()) == 0) db_.tryExec("ROLLBACK");
    return std::unexpected(to_error(error, "write to the database"));
  }
}

void Store::insert(const Job& job) {
  auto statement = prepared(
      "INSERT INTO job (id, name, state, priority, demand, spec, context, idempotency_key, "
      "queued_at, release_at, submitted_utc, job_group) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, "
      "?9, ?10, ?11, ?12)");
  rows::bind_job(*statement, job);
  statement->exec();
  for (const std::string& tag : job.spec.tags) put_tag(job.id, tag);
}

void Store::put_tag(JobId id, const std::string& tag) {
  auto statement = prepared("INSERT OR IGNORE INTO job_tag (tag, job) VALUES (?1, ?2)");
  statement->bind(1, tag);
  statement->bind(2, id.value);
  statement->exec();
}

void Store::save_spec(const Job& job) {
  if (const std::int64_t before = context_of(job.id); before != job.context)
    contexts_left_.push_back(before);
  auto statement = prepared(
      "UPDATE job SET name = ?2, priority = ?3, demand = ?4, spec = ?5, context = ?6, "
      "job_group = ?7 WHERE id = ?1");
  rows::bind_spec(*statement, job);
  check(statement->exec() == 1, "a job that is saved exists");
  auto forget = prepared("DELETE FROM job_tag WHERE job = ?1");
  forget->bind(1, job.id.value);
  forget->exec();
  for (const std::string& tag : job.spec.tags) put_tag(job.id, tag);
}

void Store::save(const Job& job) {
  auto statement = prepared(
      "UPDATE job SET state = ?2, queued_at = ?3, release_at = ?4, ended_utc = ?5, reason = ?6, "
      "error = ?7, attempt = ?8, intent = ?9, retries_from = ?10, grown_memory = ?11, "
      "preemptions = ?12, preempted_at = ?13, kept = ?14, removing = ?15, removed = ?16, "
      "judgement = ?17, judged_why = ?18, judged_by = ?19, judged_utc = ?20 WHERE id = ?1");
  statement->bind(1, job.id.value);
  statement->bind(2, std::string(to_word(job.state)));
  statement->bind(3, job.queued_at.ms);
  if (job.release_at) statement->bind(4, job.release_at->ms);
  statement->bind(5, job.ended_at.ms);
  statement->bind(6, std::string(to_word(job.reason)));
  statement->bind(7, job.error);
  statement->bind(8, job.attempt.number);
  statement->bind(9, job.attempt.intent ? 1 : 0);
  statement->bind(10, job.retries_from);
  statement->bind(11, job.grown_memory);
  statement->bind(12, job.preemptions);
  statement->bind(13, job.preempted_at.ms);
  rows::bind_remarks(*statement, 14, job);
  check(statement->exec() == 1, "a job that is saved exists");
}

void Store::save_attempt(const Job& job) {
  if (job.attempt.number == 0) return;
  auto statement = prepared(save_attempt_sql);
  rows::bind_attempt(*statement, job);
  check(statement->exec() == 1, "the terminal state of an attempt never changes");
}

std::int64_t Store::append(const Event& event, const Now& now) {
  auto statement = prepared(
      "INSERT INTO event (job, attempt, kind, from_state, to_state, reason, actor, detail, clock, "
      "utc) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)");
  statement->bind(1, event.job.value);
  statement->bind(2, event.attempt);
  statement->bind(3, event.kind);
  if (event.from) statement->bind(4, std::string(to_word(*event.from)));
  if (event.to) statement->bind(5, std::string(to_word(*event.to)));
  statement->bind(6, std::string(to_word(event.reason)));
  statement->bind(7, event.actor);
  statement->bind(8, event.detail);
  statement->bind(9, now.time.ms);
  statement->bind(10, now.utc.ms);
  statement->exec();
  return db_.getLastInsertRowid();
}

std::int64_t Store::put_context(std::string_view recorded) {
  const auto [data, provenance] = split_recorded(recorded);
  const std::int64_t origin = provenance.empty() ? 0 : put_provenance(provenance);
  const auto hash = static_cast<std::int64_t>(fnv1a(data));
  auto known = prepared(
      "SELECT id FROM context WHERE hash = ?1 AND data = ?2 AND COALESCE(provenance, 0) = ?3");
  known->bind(1, hash);
  known->bindNoCopy(2, data.data(), static_cast<int>(data.size()));
  known->bind(3, origin);
  if (known->executeStep()) return known->getColumn(0).getInt64();
  auto statement = prepared("INSERT INTO context (hash, data, provenance) VALUES (?1, ?2, ?3)");
  statement->bind(1, hash);
  statement->bindNoCopy(2, data.data(), static_cast<int>(data.size()));
  if (origin != 0) statement->bind(3, origin);
  statement->exec();
  return db_.getLastInsertRowid();
}

std::int64_t Store::put_provenance(std::string_view data) {
  const auto hash = static_cast<std::int64_t>(fnv1a(data));
  auto known = prepared("SELECT id FROM provenance WHERE hash = ?1 AND data = ?2");
  known->bind(1, hash);
  known->bindNoCopy(2, data.data(), static_cast<int>(data.size()));
  if (known->executeStep()) return known->getColumn(0).getInt64();
  auto statement = prepared("INSERT INTO provenance (hash, data) VALUES (?1, ?2)");
  statement->bind(1, hash);
  statement->bindNoCopy(2, data.data(), static_cast<int>(data.size()));
  statement->exec();
  return db_.getLastInsertRowid();
}

std::int64_t Store::context_of(JobId id) {
  auto statement = prepared("SELECT context FROM job WHERE id = ?1");
  statement->bind(1, id.value);
  return statement->executeStep() ? statement->getColumn(0).getInt64() : 0;
}

void Store::forget_unused_contexts() {
  if (contexts_left_.empty()) return;
  for (const std::int64_t id : contexts_left_) {
    auto statement = prepared(
        "DELETE FROM context WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM job WHERE context = ?1) "
        "RETURNING provenance");
    statement->bind(1, id);
    if (!statement->executeStep() || statement->isColumnNull(0)) continue;
    auto origin = prepared(
        "DELETE FROM provenance WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM context "
        "WHERE provenance = ?1)");
    origin->bind(1, statement->getColumn(0).getInt64());
    origin->exec();
  }
}

void Store::set_meta(std::string_view key, std::string_view value) {
  auto statement = prepared(
      "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value");
  statement->bind(1, std::string(key));
  statement->bind(2, std::string(value));
  statement->exec();
}

void Store::append(const AttemptKey& key, const Finding& finding) {
  auto statement = prepared(
      "INSERT OR IGNORE INTO finding (job, attempt, offset, rule, severity, line, message, place) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
  statement->bind(1, key.job.value);
  statement->bind(2, key.attempt);
  statement->bind(3, finding.offset);
  statement->bind(4, finding.rule);
  statement->bind(5, finding.severity == Severity::error ? "error" : "warning");
  statement->bind(6, finding.line);
  statement->bind(7, finding.message);
  statement->bind(8, finding.place);
  statement->exec();
}

Result<std::vector<Finding>> Store::findings(JobId id, std::int32_t attempt) {
  return read<std::vector<Finding>>("load findings", [&] {
    auto statement = prepared(
        "SELECT rule, severity, offset, line, message, place FROM finding "
        "WHERE job = ?1 AND attempt = ?2 ORDER BY offset, rule");
    statement->bind(1, id.value);
    statement->bind(2, attempt);
    std::vector<Finding> findings;
    while (statement->executeStep())
      findings.push_back(
          {statement->getColumn(0).getString(),
           statement->getColumn(1).getString() == "error" ? Severity::error : Severity::warning,
           statement->getColumn(2).getInt64(), statement->getColumn(3).getInt64(),
           statement->getColumn(4).getString(), statement->getColumn(5).getString()});
    return findings;
  });
}

void Store::remove(JobId id) {
  contexts_left_.push_back(context_of(id));
  for (const char* sql : {"DELETE FROM event WHERE job = ?1", "DELETE FROM attempt WHERE job = ?1",
                          "DELETE FROM job_tag WHERE job = ?1",
                          "DELETE FROM finding WHERE job = ?1", "DELETE FROM job WHERE id = ?1"}) {
    auto statement = prepared(sql);
    statement->bind(1, id.value);
    statement->exec();
  }
}

Result<std::optional<Job>> Store::load(JobId id) {
  static const std::string sql = std::string("SELECT ") + rows::job_columns + "WHERE job.id = ?1";
  return read<std::optional<Job>>("load a job", [&]() -> std::optional<Job> {
    auto statement = prepared(sql.c_str());
    statement->bind(1, id.value);
    if (!statement->executeStep()) return std::nullopt;
    return rows::read_job(*statement);
  });
}

Result<std::vector<Job>> Store::list(const JobQuery& query) {
  // The shape of the statement depends on which filters are set; values are always bound.
  std::string sql = std::string("SELECT ") + rows::job_columns + "WHERE job.id < ?1";
  if (!query.name.empty())
    sql += query.name.find_first_of("*?[") == std::string::npos ? " AND job.name = ?2"
                                                                : " AND job.name GLOB ?2";
  const auto state_params = static_cast<int>(query.states.size()) + 4;
  if (!query.group.empty()) sql += fmt::format(" AND job.job_group = ?{}", state_params);
  for (std::size_t i = 0; i < query.tags.size(); ++i)
    sql += fmt::format(" AND job.id IN (SELECT job FROM job_tag WHERE tag = ?{})",
                       state_params + 1 + static_cast<int>(i));
  if (query.since.ms > 0) sql += fmt::format(" AND job.submitted_utc >= {}", query.since.ms);
  for (std::size_t i = 0; i < query.states.size(); ++i)
    sql += fmt::format("{}?{}", i == 0 ? " AND job.state IN (" : ", ", i + 4);
  if (!query.states.empty()) sql += ")";
  sql += " ORDER BY job.id DESC LIMIT ?3";
  return read<std::vector<Job>>("list jobs", [&] {
    SQLite::Statement statement(db_, sql);
    statement.bind(1, query.before ? query.before->value : INT64_MAX);
    if (!query.name.empty()) statement.bind(2, query.name);
    statement.bind(3, query.rows_max);
    for (std::size_t i = 0; i < query.states.size(); ++i)
      statement.bind(static_cast<int>(i + 4), std::string(to_word(query.states[i])));
    if (!query.group.empty()) statement.bind(state_params, query.group);
    for (std::size_t i = 0; i < query.tags.size(); ++i)
      statement.bind(state_params + 1 + static_cast<int>(i), query.tags[i]);
    std::vector<Job> jobs;
    while (statement.executeStep()) jobs.push_back(rows::read_job(statement));
    return jobs;
  });
}

Result<std::vector<StoredEvent>> Store::events(const EventQuery& query) {
  const char* all =
      "SELECT seq, job, attempt, kind, from_state, to_state, reason, actor, detail, clock, utc "
      "FROM event WHERE seq > ?1 ORDER BY seq LIMIT ?2";
  const char* of_job =
      "SELECT seq, job, attempt, kind, from_state, to_state, reason, actor, detail, clock, utc "
      "FROM event WHERE seq > ?1 AND job = ?3 ORDER BY seq LIMIT ?2";
  return read<std::vector<StoredEvent>>("list events", [&] {
    auto statement = prepared(query.job ? of_job : all);
    statement->bind(1, query.after);
    statement->bind(2, query.rows_max);
    if (query.job) statement->bind(3, query.job->value);
    std::vector<StoredEvent> events;
    while (statement->executeStep()) {
      StoredEvent stored;
      stored.seq = statement->getColumn(0).getInt64();
      stored.event.job = {statement->getColumn(1).getInt64()};
      stored.event.attempt = statement->getColumn(2).getInt();
      stored.event.kind = statement->getColumn(3).getString();
      stored.event.from = state_from_word(statement->getColumn(4).getString());
      stored.event.to = state_from_word(statement->getColumn(5).getString());
      stored.event.reason =
          reason_from_word(statement->getColumn(6).getString()).value_or(Reason::none);
      stored.event.actor = statement->getColumn(7).getString();
      stored.event.detail = statement->getColumn(8).getString();
      stored.clock = {statement->getColumn(9).getInt64()};
      stored.utc = {statement->getColumn(10).getInt64()};
      events.push_back(std::move(stored));
    }
    return events;
  });
}

Result<std::vector<std::string>> Store::logs(JobId id) {
  return read<std::vector<std::string>>("list the logs of a job", [&] {
    auto statement = prepared("SELECT log FROM attempt WHERE job = ?1 AND log <> ''");
    statement->bind(1, id.value);
    std::vector<std::string> logs;
    while (statement->executeStep()) logs.push_back(statement->getColumn(0).getString());
    return logs;
  });
}

Result<std::optional<JobId>> Store::find_by_key(std::string_view idempotency_key) {
  return read<std::optional<JobId>>("find a job by its key", [&]() -> std::optional<JobId> {
    auto statement = prepared("SELECT id FROM job WHERE idempotency_key = ?1");
    statement->bind(1, std::string(idempotency_key));
    if (!statement->executeStep()) return std::nullopt;
    return JobId{statement->getColumn(0).getInt64()};
  });
}

Result<std::string> Store::context(std::int64_t id) {
  return read<std::string>("load an environment", [&] {
    auto statement = prepared("SELECT data FROM context WHERE id = ?1");
    statement->bind(1, id);
    return statement->executeStep() ? statement->getColumn(0).getString() : std::string();
  });
}

Result<std::string> Store::provenance(std::int64_t context) {
  return read<std::string>("load what was recorded of a submission", [&] {
    auto statement = prepared(
        "SELECT provenance.data FROM context JOIN provenance ON provenance.id = "
        "context.provenance WHERE context.id = ?1");
    statement->bind(1, context);
    return statement->executeStep() ? statement->getColumn(0).getString() : std::string();
  });
}

Result<std::string> Store::meta(std::string_view key) {
  return read<std::string>("load a setting", [&] {
    auto statement = prepared("SELECT value FROM meta WHERE key = ?1");
    statement->bind(1, std::string(key));
    return statement->executeStep() ? statement->getColumn(0).getString() : std::string();
  });
}

Result<void> Store::each_waiting(const std::function<void(const WaitingRow&)>& visit) {
  const auto result = read<bool>("load the queue", [&] {
    auto statement = prepared(
        "SELECT id, state, demand, priority, queued_at, release_at, grown_memory, job_group, "
        "json_extract(spec, '$.time_limit'), json_extract(spec, '$.preempt'), preempted_at FROM "
        "job "
        "WHERE state IN ('queued', 'held') ORDER BY id");
    while (statement->executeStep()) {
      WaitingRow row;
      row.id = {statement->getColumn(0).getInt64()};
      row.state = state_from_word(statement->getColumn(1).getString()).value_or(JobState::queued);
      row.demand = rows::demand_from_text(statement->getColumn(2).getString());
      row.priority =
          priority_from_word(statement->getColumn(3).getString()).value_or(Priority::normal);
      row.queued_at = {statement->getColumn(4).getInt64()};
      if (!statement->isColumnNull(5)) row.release_at = Time{statement->getColumn(5).getInt64()};
      if (const auto grown = statement->getColumn(6).getInt64(); grown > 0)
        row.demand.memory = grown;
      row.group = statement->getColumn(7).getString();
      if (!statement->isColumnNull(8))
        row.time_limit = Duration(statement->getColumn(8).getInt64());
      row.preempt = !statement->isColumnNull(9) && statement->getColumn(9).getInt() != 0;
      row.preempted_at = {statement->getColumn(10).getInt64()};
      visit(row);
    }
    return true;
  });
  if (!result) return std::unexpected(result.error());
  return {};
}

Result<std::vector<Job>> Store::with_possible_keeper() {
  static const std::string sql =
      std::string("SELECT ") + rows::job_columns +
      "WHERE job.id IN (SELECT id FROM job WHERE intent = 1 UNION SELECT id FROM job WHERE state "
      "IN ('starting', 'running', 'paused', 'cancelling', 'timing_out', 'finishing')) "
      "ORDER BY job.id";
  return read<std::vector<Job>>("load the active jobs", [&] {
    auto statement = prepared(sql.c_str());
    std::vector<Job> jobs;
    while (statement->executeStep()) jobs.push_back(rows::read_job(*statement));
    return jobs;
  });
}

Result<JobId> Store::last_id() {
  return read<JobId>("load the last id", [&] {
    auto statement = prepared("SELECT seq FROM sqlite_sequence WHERE name = 'job'");
    return JobId{statement->executeStep() ? statement->getColumn(0).getInt64() : 0};
  });
}

Result<std::int64_t> Store::last_event() {
  return read<std::int64_t>("load the last event", [&] {
    auto statement = prepared("SELECT COALESCE(MAX(seq), 0) FROM event");
    statement->executeStep();
    return statement->getColumn(0).getInt64();
  });
}

Result<std::vector<std::pair<JobState, std::int64_t>>> Store::counts() {
  using Counts = std::vector<std::pair<JobState, std::int64_t>>;
  return read<Counts>("count jobs", [&] {
    auto statement = prepared("SELECT state, COUNT(*) FROM job GROUP BY state");
    Counts counts;
    while (statement->executeStep())
      if (const auto state = state_from_word(statement->getColumn(0).getString()))
        counts.emplace_back(*state, statement->getColumn(1).getInt64());
    return counts;
  });
}

Result<std::string> Store::check_integrity() {
  return read<std::string>("check the database", [&] {
    SQLite::Statement statement(db_, "PRAGMA integrity_check");
    statement.executeStep();
    return statement.getColumn(0).getString();
  });
}

}  // namespace reeve
