#pragma once
// The durable truth: jobs, attempts and events in one SQLite file.
//
// One connection, one thread, `synchronous=FULL`: when `commit` has returned, what was written is
// on disk. Reads see what was written before, committed or not. A failed write or commit rolls the
// whole transaction back; what the caller holds in memory is then ahead of the disk and must be
// loaded again.

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "core/delivery.h"
#include "core/job.h"
#include "core/lifecycle.h"
#include "core/statistics.h"

namespace reeve {

// What the plan needs to know of a job that waits.
struct WaitingRow {
  JobId id;
  JobState state = JobState::queued;
  Demand demand;
  Priority priority = Priority::normal;
  Time queued_at;
  std::optional<Time> release_at;
  std::optional<Duration> time_limit;
  std::string group;
  bool preempt = false;
  Time preempted_at;
};

struct StoredEvent {
  std::int64_t seq = 0;  // 1, 2, 3 … without a hole
  Event event;
  Time clock;
  UtcTime utc;
};

// A page of jobs, newest first.
struct JobQuery {
  std::vector<JobState> states;   // empty: any
  std::string name;               // empty: any; may be a pattern with *, ? and [
  std::string group;              // empty: any
  std::vector<std::string> tags;  // jobs that have all of them
  UtcTime since;                  // submitted then or later
  std::optional<JobId> before;    // only ids below this one
  std::int64_t rows_max = 50;
};

// A page of events, oldest first.
struct EventQuery {
  std::int64_t after = 0;  // only later ones
  std::optional<JobId> job;
  std::int64_t rows_max = 1000;
};

// A page of what jobs used, newest first: those that ended at `since` or later, and those that have
// not ended.
struct RunQuery {
  UtcTime since;
  std::optional<JobId> before;
  std::int64_t rows_max = 0;  // jobs to look at
};
struct RunPage {
  std::vector<RunRow> rows;
  std::int64_t looked_at = 0;
  std::optional<JobId> last;  // that was looked at; the next page comes before it
};

// A page of deliveries, newest first.
struct DeliveryQuery {
  std::string target;  // empty: any
  std::optional<JobId> job;
  std::optional<DeliveryState> state;
  std::int64_t before = 0;  // only ids below this one; 0: any
  std::int64_t rows_max = 50;
};
// How one of its tries ended.
struct StoredTry {
  std::int32_t number = 0;
  UtcTime at;
  std::string error;  // empty: it was delivered
};

// A page of jobs with their files, oldest first.
struct FilesQuery {
  JobId after;                   // only ids above this one
  bool with_bare = false;        // also those of which nothing but the record is left
  bool with_unfinished = false;  // also those that have not ended
  std::int64_t rows_max = 0;
};

class Store {
 public:
  // Opens or makes the file (":memory:" for tests) and migrates it. Holds the file exclusively.
  static Result<std::unique_ptr<Store>> open(const std::string& path);

  // Runs `write` and commits. Any failure inside rolls back and is returned.
  [[nodiscard]] Result<void> transact(const std::function<void()>& write);

  // --- inside transact; these throw, and transact turns that into its result ---
  void insert(const Job& job);
  // Updates what of the job's row changes while it lives; `save_spec` the rest.
  void save(const Job& job);
  void save_spec(const Job& job);
  // Inserts or updates the row of the job's current attempt. The terminal state of an attempt is
  // written by compare-and-set and never changes: a second write to a closed one is a bug.
  void save_attempt(const Job& job);
  // Returns the sequence number.
  std::int64_t append(const Event& event, const Now& now);
  // Keeps a finding; one that is known already changes nothing.
  void append(const AttemptKey& key, const Finding& finding);
  // What is recorded of a submission (see core/launch_context.h), stored once however many jobs
  // share it. It goes with the last job that uses it.
  std::int64_t put_context(std::string_view recorded);
  void set_meta(std::string_view key, std::string_view value);
  // Deletes the job, its attempts and its events, and what was recorded for it alone. What is still
  // to be told of it stays.
  void remove(JobId id);
  // Returns the id that it got.
  std::int64_t put_delivery(const Delivery& delivery);
  // Updates what changes: state, tries, due, error and times.
  void save_delivery(const Delivery& delivery);
  void put_try(std::int64_t delivery, const StoredTry& tried);
  // These are told by `digest` from now on.
  void fold_deliveries(const std::vector<std::int64_t>& ids, std::int64_t digest, UtcTime now);
  // Some of those that were over before then.
  void forget_deliveries(UtcTime before);

  // --- reads ---
  [[nodiscard]] Result<std::optional<Job>> load(JobId id);
  [[nodiscard]] Result<std::vector<Job>> list(const JobQuery& query);
  [[nodiscard]] Result<std::vector<StoredEvent>> events(const EventQuery& query);
  [[nodiscard]] Result<RunPage> runs(const RunQuery& query);
  // How long the last attempts of jobs with this name took that completed, newest first.
  [[nodiscard]] Result<std::vector<Duration>> durations(const std::string& name);
  // What was found in the log of an attempt, in the order of its lines.
  [[nodiscard]] Result<std::vector<Finding>> findings(JobId id, std::int32_t attempt);
  // Paths of the logs of all attempts of a job.
  [[nodiscard]] Result<std::vector<std::string>> logs(JobId id);
  // Of deliveries to one target that were never tried, in order of their ids.
  [[nodiscard]] Result<std::vector<DigestEntry>> digest_entries(
      const std::string& target, const std::vector<std::int64_t>& ids);
  // Those that wait to be sent, oldest first: id, target, tries, due and occasion.
  [[nodiscard]] Result<std::vector<Delivery>> pending_deliveries();
  [[nodiscard]] Result<std::optional<Delivery>> load_delivery(std::int64_t id);
  [[nodiscard]] Result<std::vector<Delivery>> deliveries(const DeliveryQuery& query);
  [[nodiscard]] Result<std::vector<StoredTry>> tries(std::int64_t delivery);
  [[nodiscard]] Result<std::vector<JobFiles>> job_files(const FilesQuery& query);
  [[nodiscard]] Result<std::optional<JobFiles>> files_of(JobId id);
  // Jobs of which something was to be removed when the daemon went away.
  [[nodiscard]] Result<std::vector<JobId>> being_removed();
  [[nodiscard]] Result<std::optional<JobId>> find_by_key(std::string_view idempotency_key);
  [[nodiscard]] Result<std::string> context(std::int64_t id);
  // Of the submission that this context came with; empty where none was recorded.
  [[nodiscard]] Result<std::string> provenance(std::int64_t context);
  [[nodiscard]] Result<std::string> meta(std::string_view key);
  // All jobs that wait, oldest first.
  [[nodiscard]] Result<void> each_waiting(const std::function<void(const WaitingRow&)>& visit);
  // Jobs of which a keeper may exist: active ones, and queued ones whose start is committed.
  [[nodiscard]] Result<std::vector<Job>> with_possible_keeper();
  // The highest id ever given out, 0 when none was.
  [[nodiscard]] Result<JobId> last_id();
  [[nodiscard]] Result<std::int64_t> last_event();
  // Number of jobs in each state.
  [[nodiscard]] Result<std::vector<std::pair<JobState, std::int64_t>>> counts();
  // "ok", or what SQLite found.
  [[nodiscard]] Result<std::string> check_integrity();

 private:
  // A statement in use. Resets it at the end, since an open one keeps the write-ahead log from
  // being reused.
  class Prepared {
   public:
    explicit Prepared(SQLite::Statement& statement) : statement_(statement) {}
    Prepared(const Prepared&) = delete;
    Prepared& operator=(const Prepared&) = delete;
    ~Prepared() {
      statement_.tryReset();
      statement_.clearBindings();
    }
    SQLite::Statement* operator->() { return &statement_; }
    SQLite::Statement& operator*() { return statement_; }

   private:
    SQLite::Statement& statement_;
  };

  explicit Store(const std::string& path);
  Prepared prepared(const char* sql);
  void put_tag(JobId id, const std::string& tag);
  void add_paths(JobFiles& files);
  std::int64_t put_provenance(std::string_view data);
  std::int64_t context_of(JobId id);
  void forget_unused_contexts();
  [[nodiscard]] static Error to_error(const std::exception& cause, const std::string& action);
  template <typename T>
  Result<T> read(const char* action, const std::function<T()>& query) {
    try {
      return query();
    } catch (const std::exception& error) {
      return std::unexpected(to_error(error, action + (" from " + db_.getFilename())));
    }
  }

  SQLite::Database db_;
  // Contexts that a job has left in this transaction; another may have come to use them.
  std::vector<std::int64_t> contexts_left_;
  // Keyed by the address of the literal: each statement stands in one place.
  std::unordered_map<const char*, std::unique_ptr<SQLite::Statement>> statements_;
};

}  // namespace reeve
