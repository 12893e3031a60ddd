#include "store/migrations.h"

#include <fmt/format.h>

#include <array>

namespace reeve {
namespace {

// A released step is never edited: a new one is appended.
constexpr std::array<const char*, 6> steps{R"sql(
CREATE TABLE context (
  id INTEGER PRIMARY KEY,
  hash INTEGER NOT NULL,
  data BLOB NOT NULL
) STRICT;
CREATE INDEX context_hash ON context (hash);

CREATE TABLE job (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  state TEXT NOT NULL,
  priority TEXT NOT NULL,
  demand TEXT,
  spec TEXT NOT NULL,
  context INTEGER NOT NULL REFERENCES context (id),
  idempotency_key TEXT,
  queued_at INTEGER NOT NULL,
  release_at INTEGER,
  submitted_utc INTEGER NOT NULL,
  ended_utc INTEGER NOT NULL DEFAULT 0,
  reason TEXT NOT NULL DEFAULT '',
  error TEXT NOT NULL DEFAULT '',
  attempt INTEGER NOT NULL DEFAULT 0,
  intent INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX job_state ON job (state, id);
CREATE INDEX job_name ON job (name, id);
CREATE UNIQUE INDEX job_idempotency_key ON job (idempotency_key)
  WHERE idempotency_key IS NOT NULL;
CREATE INDEX job_intent ON job (id) WHERE intent = 1;

CREATE TABLE attempt (
  job INTEGER NOT NULL,
  number INTEGER NOT NULL,
  start INTEGER NOT NULL,
  open INTEGER NOT NULL,
  state TEXT NOT NULL,
  reason TEXT NOT NULL,
  error TEXT NOT NULL,
  containment TEXT NOT NULL,
  cgroup TEXT NOT NULL,
  gpus TEXT NOT NULL,
  staging TEXT NOT NULL,
  publish_target TEXT NOT NULL,
  publish_tries INTEGER NOT NULL,
  results_dir TEXT NOT NULL,
  log TEXT NOT NULL,
  log_bytes INTEGER NOT NULL,
  log_lost INTEGER NOT NULL,
  log_gap_begin INTEGER NOT NULL,
  log_gap_end INTEGER NOT NULL,
  stop INTEGER NOT NULL,
  stop_grace_ms INTEGER NOT NULL,
  exit_kind INTEGER,
  exit_code INTEGER NOT NULL,
  exit_core INTEGER NOT NULL,
  exit_step INTEGER NOT NULL,
  exit_stopped INTEGER NOT NULL,
  user_us INTEGER NOT NULL,
  system_us INTEGER NOT NULL,
  max_rss_bytes INTEGER NOT NULL,
  max_rss_sampled INTEGER NOT NULL,
  read_bytes INTEGER NOT NULL,
  write_bytes INTEGER NOT NULL,
  leftovers INTEGER NOT NULL,
  cancel_too_late INTEGER NOT NULL,
  kill_stuck INTEGER NOT NULL,
  launch_failures INTEGER NOT NULL,
  main_pid INTEGER NOT NULL,
  started INTEGER NOT NULL,
  ended INTEGER NOT NULL,
  started_utc INTEGER NOT NULL,
  ended_utc INTEGER NOT NULL,
  PRIMARY KEY (job, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE event (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  job INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  kind TEXT NOT NULL,
  from_state TEXT,
  to_state TEXT,
  reason TEXT NOT NULL,
  actor TEXT NOT NULL,
  detail TEXT NOT NULL,
  clock INTEGER NOT NULL,
  utc INTEGER NOT NULL
) STRICT;
CREATE INDEX event_job ON event (job, seq);

CREATE TABLE meta (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
)sql",
                                           R"sql(
ALTER TABLE job ADD COLUMN job_group TEXT NOT NULL DEFAULT '';
ALTER TABLE job ADD COLUMN retries_from INTEGER NOT NULL DEFAULT 0;
ALTER TABLE job ADD COLUMN grown_memory INTEGER NOT NULL DEFAULT 0;
CREATE INDEX job_group ON job (job_group, id) WHERE job_group <> '';
CREATE TABLE job_tag (
  tag TEXT NOT NULL,
  job INTEGER NOT NULL,
  PRIMARY KEY (tag, job)
) STRICT, WITHOUT ROWID;
CREATE INDEX job_tag_job ON job_tag (job);

ALTER TABLE attempt ADD COLUMN cpus TEXT NOT NULL DEFAULT '';
ALTER TABLE attempt ADD COLUMN memory_limit INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attempt ADD COLUMN memory_by TEXT NOT NULL DEFAULT '';
ALTER TABLE attempt ADD COLUMN pause_wanted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attempt ADD COLUMN paused_since INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attempt ADD COLUMN paused_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attempt ADD COLUMN oom_kills INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attempt ADD COLUMN over_memory INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attempt ADD COLUMN memory_peak INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attempt ADD COLUMN machine_oom_kills INTEGER NOT NULL DEFAULT 0;
)sql",
                                           R"sql(
CREATE TABLE provenance (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  hash INTEGER NOT NULL,
  data BLOB NOT NULL
) STRICT;
CREATE INDEX provenance_hash ON provenance (hash);

-- Rows are deleted from now on, and an id that somebody remembers must not come to mean another.
CREATE TABLE context_kept (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  hash INTEGER NOT NULL,
  data BLOB NOT NULL,
  provenance INTEGER REFERENCES provenance (id)
) STRICT;
CREATE INDEX job_context ON job (context);
INSERT INTO context_kept (id, hash, data)
  SELECT id, hash, data FROM context WHERE id IN (SELECT context FROM job);
DROP TABLE context;
ALTER TABLE context_kept RENAME TO context;
CREATE INDEX context_hash ON context (hash);
CREATE INDEX context_provenance ON context (provenance) WHERE provenance IS NOT NULL;
)sql",
                                           R"sql(
ALTER TABLE job ADD COLUMN preemptions INTEGER NOT NULL DEFAULT 0;
ALTER TABLE job ADD COLUMN preempted_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attempt RENAME COLUMN pause_wanted TO paused_by;
ALTER TABLE attempt ADD COLUMN went_on INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attempt ADD COLUMN preempted_for INTEGER NOT NULL DEFAULT 0;
)sql",
                                           R"sql(
ALTER TABLE attempt ADD COLUMN end_step INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attempt ADD COLUMN unwanted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attempt ADD COLUMN evidence TEXT NOT NULL DEFAULT '';
ALTER TABLE attempt ADD COLUMN notify TEXT NOT NULL DEFAULT '';
CREATE TABLE finding (
  job INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  offset INTEGER NOT NULL,
  rule TEXT NOT NULL,
  severity TEXT NOT NULL,
  line INTEGER NOT NULL,
  message TEXT NOT NULL,
  place TEXT NOT NULL,
  PRIMARY KEY (job, attempt, offset, rule)
) STRICT, WITHOUT ROWID;
)sql",
                                           R"sql(
ALTER TABLE job ADD COLUMN kept INTEGER NOT NULL DEFAULT 0;
ALTER TABLE job ADD COLUMN removing INTEGER NOT NULL DEFAULT 0;
ALTER TABLE job ADD COLUMN removed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE job ADD COLUMN judgement TEXT NOT NULL DEFAULT '';
ALTER TABLE job ADD COLUMN judged_why TEXT NOT NULL DEFAULT '';
ALTER TABLE job ADD COLUMN judged_by TEXT NOT NULL DEFAULT '';
ALTER TABLE job ADD COLUMN judged_utc INTEGER NOT NULL DEFAULT 0;
CREATE INDEX job_removing ON job (id) WHERE removing <> 0;

CREATE TABLE delivery (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  target TEXT NOT NULL,
  occasion TEXT NOT NULL,
  job INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  event INTEGER NOT NULL,
  subject TEXT NOT NULL,
  payload TEXT NOT NULL,
  state TEXT NOT NULL,
  tries INTEGER NOT NULL DEFAULT 0,
  due INTEGER NOT NULL,
  digest INTEGER NOT NULL DEFAULT 0,
  error TEXT NOT NULL DEFAULT '',
  created_utc INTEGER NOT NULL,
  tried_utc INTEGER NOT NULL DEFAULT 0,
  ended_utc INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX delivery_pending ON delivery (id) WHERE state = 'pending';
CREATE INDEX delivery_job ON delivery (job, id);
CREATE INDEX delivery_target ON delivery (target, id);
CREATE INDEX delivery_ended ON delivery (ended_utc) WHERE state <> 'pending';
CREATE TABLE delivery_try (
  delivery INTEGER NOT NULL,
  number INTEGER NOT NULL,
  utc INTEGER NOT NULL,
  error TEXT NOT NULL,
  PRIMARY KEY (delivery, number)
) STRICT, WITHOUT ROWID;
)sql"};

}  // namespace

int schema_version() {
  return static_cast<int>(steps.size());
}

Result<void> migrate(SQLite::Database& db, int version) {
  const int found = db.execAndGet("PRAGMA user_version").getInt();
  if (found > schema_version())
    return failed(ErrorCode::conflict,
                  fmt::format("the database {} was written by a newer Reeve (its format is {}, "
                              "this program knows up to {}); use that version, or another "
                              "REEVE_HOME",
                              db.getFilename(), found, schema_version()));
  if (found > 0 && found < version)
    db.backup((db.getFilename() + ".before-v" + std::to_string(version)).c_str(),
              SQLite::Database::Save);
  for (int done = found; done < version; ++done) {
    db.exec("BEGIN IMMEDIATE");
    db.exec(steps[static_cast<std::size_t>(done)]);
    db.exec(fmt::format("PRAGMA user_version = {}", done + 1));
    db.exec("COMMIT");
  }
  return {};
}

}  // namespace reeve
