#pragma once
// The one owner of all jobs' states: takes wishes and facts, lets `core` decide, commits, and only
// then acts and answers.
//
// Called from one thread. Between two commits it collects; `commit` writes everything of the batch
// in one transaction. When a commit fails, memory is thrown away and built again from the disk, as
// after a crash; whoever waited for the batch gets the error.

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "core/lifecycle.h"
#include "core/plan.h"
#include "core/resources.h"
#include "engine/engine.h"
#include "output/output.h"
#include "store/store.h"
#include "watch/watch.h"

namespace reeve {

struct Submission {
  std::string context;  // environment and limits of the submitter, see core/launch_context.h
  std::vector<JobSpec> jobs;
};

class Dispatcher {
 public:
  // The world that it acts on; all of it lives longer.
  struct World {
    Store& store;
    Engine& engine;
    Output& output;
    Watch& watch;
  };
  // Call `recover` before anything else.
  explicit Dispatcher(World world, Capacity capacity, Shares shares = {});

  // Loads the state and finds out what became of everything that was active.
  [[nodiscard]] Result<void> recover(const Now& now);

  // --- wishes of users; durable and answerable after the next commit ---
  // All or none. A known idempotency key gives the job that has it.
  [[nodiscard]] Result<std::vector<JobId>> submit(Submission submission, const Now& now);
  [[nodiscard]] Result<void> change(JobId id, const Fact& wish, const Now& now);
  // Another specification for a job that has not ended.
  [[nodiscard]] Result<void> edit(JobId id, JobSpec spec, const Now& now);
  // Another attempt of a job that has ended, in its recorded environment or in this one.
  [[nodiscard]] Result<void> retry(JobId id, std::optional<std::string> context, const Now& now);
  [[nodiscard]] Result<void> signal(JobId id, int number);
  // Forgets an ended job and deletes its log. Its results stay.
  [[nodiscard]] Result<void> remove(JobId id);
  // Runs `then` after the batch is on disk, or with the error that kept it from getting there.
  void when_committed(std::function<void(const Result<void>&)> then);

  // --- the loop ---
  // Takes what engine and output have observed and starts what can be started.
  void advance(const Now& now);
  // When the batch should be committed: at once when somebody waits for it or a free slot does,
  // else a little later, so that ends find company. Nothing when there is nothing to commit.
  [[nodiscard]] std::optional<Time> commit_due() const;
  void commit(const Now& now);
  // When `advance` must be called again at the latest, even if nothing is observed.
  [[nodiscard]] std::optional<Time> next_wakeup() const;
  // Nothing starts any more; what runs goes on.
  void stop_starting() { starting_ = false; }
  // Takes back committed starts that were not used (a clean stop).
  void withdraw_intents(const Now& now);

  // --- questions ---
  // As the last commit left it, plus what is known since.
  [[nodiscard]] Result<std::optional<Job>> find(JobId id) const;
  // Why the job is in its state and what would change that, a sentence each.
  [[nodiscard]] std::vector<std::string> explain(const Job& job, const Now& now) const;
  // A line about each process of a running job; empty for others.
  [[nodiscard]] std::string processes(const Job& job) { return engine_.processes(job.key()); }
  [[nodiscard]] std::size_t jobs_waiting() const { return waiting_.size(); }
  [[nodiscard]] std::vector<JobId> active() const;
  [[nodiscard]] const Resources& resources() const { return resources_; }
  // What the last commit failed of; nothing while all is well.
  [[nodiscard]] const std::optional<Error>& degraded() const { return degraded_; }
  // Why nothing may start on this machine now, as `find_pressure` told within the last second.
  [[nodiscard]] const std::optional<std::string>& pressure(const Now& now);

  // Asks the machine whether it is under pressure; without it, it never is.
  std::function<std::optional<std::string>()> find_pressure;

  // What is stored as the clock's stamp with each commit; without it none is.
  std::function<std::string(Time)> stamp;
  // What is to be told of an event that has just become true of a job. It is stored with the event,
  // so that it is told even if the daemon dies next; without it nothing is.
  std::function<std::vector<Delivery>(const Event&, const Job&, const Now&)> find_deliveries;
  // Called after each commit with the deliveries that it stored.
  std::function<void(const std::vector<Delivery>&)> on_deliveries;
  // Called after each commit with the jobs that it changed.
  std::function<void(const std::vector<Job>&)> on_changed;

 private:
  struct Entry {
    Job job;
    bool is_new = false;
    bool job_dirty = false;
    bool attempt_dirty = false;
    bool spec_dirty = false;
    bool intent_durable = false;
  };

  Result<Entry*> check_out(JobId id);
  Result<void> step(Entry& entry, const Fact& fact, const Now& now, bool act = true);
  void follow(const Job& before, Entry& entry, const Fact& fact, const Now& now);
  // Takes for a job what was found to be its already.
  void adopt(const Job& job, Time since, const Now& now);
  // When something happens to the job by itself.
  static std::optional<Time> due_time(const Job& job);
  static std::optional<Time> latest_end(const Job& job, const Now& now);
  void follow_queue(const Job& before, const Job& job, bool is_edited);
  void follow_resources(const Job& before, const Job& job, const Now& now);
  void wait_in_queue(JobId id, LineKey key, Priority priority, Time queued_at, Time preempted_at);
  void schedule(JobId id, std::optional<Time> at);
  void observe(const Observed& observed, const Now& now);
  void count_end(const Now& now);
  void fire_timers(const Now& now);
  void plan(const Now& now);
  void launch(Entry& entry, const Now& now);
  void go_on(Entry& entry, const Now& now);
  void preempt(const WaitingJobs::Choice& choice, const Now& now);
  // What is being done, or could be, to let it start before others.
  void explain_making_room(const Job& job, Time now, std::vector<std::string>& reasons) const;
  std::size_t starts_ahead(const Now& now) const;
  void act(JobId id, const Effect& effect, const Now& now);
  void start(Entry& entry, const Now& now);
  // What may be wrong with a specification on this machine, whenever it is to start.
  Result<void> check_place(const JobSpec& spec) const;
  Result<void> check_spec(const JobSpec& spec) const;
  Result<std::optional<JobId>> find_by_key(const std::string& key);
  Result<void> load(const Now& now);
  Result<void> load_all(const Now& now);
  void recover_attempt(JobId id, const Now& now);
  void recover_end(Entry& entry, const Now& now);
  void adopt_launch(Entry& entry, const Now& now);
  void repeat_pause(const Job& job);
  [[nodiscard]] bool has_uncommitted() const;
  [[nodiscard]] Duration commit_hold() const;
  void drop_batch();
  void note_event(Event event, const Job& job, const Now& now);
  void write_events();
  void write_batch(const Now& now);
  void finish_batch(const Now& now);
  void refuse_batch();
  void abandon_batch(const Error& error, const Now& now);

  Store& store_;
  Engine& engine_;
  Output& output_;
  Watch& watch_;
  Resources resources_;
  FairShare shares_;
  bool shares_dirty_ = false;
  WaitingJobs waiting_;
  JobId last_id_;
  std::int64_t last_start_ = 0;

  // Jobs that are active, have an intent, or were changed since the last commit.
  std::unordered_map<JobId, Entry> jobs_;
  std::set<std::pair<Time, JobId>> timers_;
  std::unordered_map<JobId, Time> timer_of_;
  std::deque<Time> recent_ends_;
  std::pair<std::int64_t, std::string> context_;  // the last one that was needed, and its row
  bool plan_needed_ = true;
  bool wants_victims_ = false;      // a job that can be pushed aside by now calls for a plan
  std::optional<Time> look_again_;  // plan then, even if nothing has happened
  bool is_held_back_ = false;       // by pressure
  std::optional<std::string> pressure_;
  std::optional<Time> pressure_seen_;
  bool starting_ = true;

  // The batch.
  std::vector<JobId> changed_;  // in order of their first change
  std::vector<std::pair<Event, Now>> events_;
  struct ToTell {
    std::size_t event = 0;  // its place in `events_`
    Delivery delivery;
  };
  std::vector<ToTell> to_tell_;
  std::vector<std::pair<JobId, Effect>> effects_;
  std::vector<std::function<void(const Result<void>&)>> callbacks_;
  std::vector<std::pair<std::string, std::vector<JobId>>> contexts_;
  std::unordered_map<std::string, JobId> new_keys_;
  struct Removed {
    JobId id;
    std::vector<std::string> logs;
  };
  std::vector<Removed> removed_;
  std::vector<Job> ended_;  // as they were when their attempt ended
  std::vector<std::pair<AttemptKey, Finding>> findings_;
  std::string cursor_;
  bool cursor_dirty_ = false;
  std::optional<Time> dirty_since_;
  int ahead_left_ = 0;  // committed starts that are not used yet

  std::optional<Error> degraded_;
  Time retry_at_;
  bool is_loaded_ = false;    // memory is what the disk says, and what was decided since
  bool is_retrying_ = false;  // loaded again, and to be committed
};

}  // namespace reeve
