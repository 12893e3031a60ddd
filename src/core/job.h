#pragma once
// A job, its attempt, and everything that is known of them.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "core/finding.h"
#include "core/limits.h"
#include "core/retention.h"
#include "core/state.h"
#include "core/validation.h"

namespace reeve {

// What a job needs before it may start. Jobs with equal demands are interchangeable for the plan.
struct Demand {
  std::int32_t cpus = 1;
  std::int64_t memory = 0;  // bytes; 0 asks for none in particular
  std::int32_t gpus = 0;
  std::map<std::string, std::int64_t> counters;  // user-defined, such as licences
  std::string lock;                              // empty: none
  auto operator<=>(const Demand&) const = default;
};

enum class OnBusy : std::uint8_t { wait, reject };
enum class Staging : std::uint8_t { keep, discard };
enum class ContainmentWish : std::uint8_t { any, strict };
// What follows when a job shows no life.
enum class OnStall : std::uint8_t { kill, warn, retry };
// What may be done to a job so that one of a higher priority can start.
enum class WhenPreempted : std::uint8_t { pause, requeue, never };

struct RetryPolicy {
  std::int32_t retries = 0;  // attempts after the first
  bool on_lost = false;      // the job says that it may run twice
  // What is worth a retry, see core/retry.h; empty: any failure and a time limit.
  std::vector<std::string> on;
  Duration delay = limits::retry_delay_default;  // before the first; doubled for each further one
  bool operator==(const RetryPolicy&) const = default;
};

// What a user asked for. Only an edit changes it.
struct JobSpec {
  std::string name;
  std::vector<std::string> command;
  std::string directory;
  Priority priority = Priority::normal;
  Demand demand;
  OnBusy on_busy = OnBusy::wait;
  bool hold = false;
  std::optional<Duration> time_limit;
  bool time_limit_is_default = false;  // nobody asked for it: it is what pipelines get
  Duration grace = limits::grace_default;
  RetryPolicy retry;
  std::int64_t log_max = limits::log_bytes_default;
  std::string results_root;
  Staging staging = Staging::keep;
  ContainmentWish containment = ContainmentWish::any;
  std::string stdin_file;                          // empty: /dev/null
  std::map<std::string, std::string> environment;  // added to the submitter's
  std::vector<std::string> secrets;  // names of variables whose values are never shown
  std::string idempotency_key;       // empty: none
  std::string group;                 // empty: none; groups share the machine fairly
  std::vector<std::string> tags;
  bool isolate = false;          // run in a PID namespace of its own
  bool pin_cpus = false;         // CPUs were asked for by number: it runs on as many, and no more
  std::int32_t max_workers = 0;  // told to libraries that start workers; 0: the default
  bool checkpoint = false;       // give it a directory that outlives the attempt
  LogPolicy log;
  // Ended when it shows no life for so long; zero: never.
  Duration stall = limits::stall_default;
  OnStall on_stall = OnStall::kill;
  Validation validation;
  std::string pipeline;                       // that it was made from; empty: none
  std::map<std::string, std::string> params;  // of the pipeline, as texts
  std::vector<std::string> notify;            // names of the targets that are told of its end
  bool preempt = false;                       // it may push jobs of lower priorities aside
  WhenPreempted when_preempted = WhenPreempted::pause;
  bool operator==(const JobSpec&) const = default;
};

enum class ExitKind : std::uint8_t { exited, signalled, launch_error };

// The step of a launch that failed, for the words of the error.
enum class LaunchStep : std::uint8_t {
  none,
  staging,  // steps of the daemon
  keeper,
  pipe,  // steps of the keeper
  birth,
  directory,  // steps of the new process
  input,
  exec,
  isolation,
  memory,  // entering the cgroup that limits it
};

struct ExitStatus {
  ExitKind kind = ExitKind::exited;
  std::int32_t code = 0;  // exit code, signal number, or errno
  bool core_dumped = false;
  LaunchStep step = LaunchStep::none;  // for launch errors
  bool stopped = false;                // a stop of ours was sent before it ended
};

// Resource use of the whole tree.
struct Usage {
  std::int64_t user_us = 0;
  std::int64_t system_us = 0;
  std::int64_t max_rss_bytes = 0;
  bool max_rss_sampled = false;  // a sum over the tree, seen in samples; else the largest process
  std::int64_t read_bytes = 0;
  std::int64_t write_bytes = 0;
  std::int64_t oom_kills = 0;          // processes that the kernel killed at the memory limit
  bool over_memory = false;            // seen over its limit in a sample, and ended for it
  std::int64_t memory_peak = 0;        // by the kernel's count for its cgroup; 0: not counted
  std::int64_t machine_oom_kills = 0;  // on the whole machine while it ran, when it was killed
};

struct LogSummary {
  std::int64_t bytes = 0;      // length of the file, the gap included
  std::int64_t lost = 0;       // bytes that could not be written
  std::int64_t gap_begin = 0;  // what the cap dropped: [gap_begin, gap_end)
  std::int64_t gap_end = 0;
};

// Where an attempt was put, as the engine told it when it was launched.
struct Placement {
  std::string containment;  // "cgroup" or "subreaper"
  std::string cgroup;       // "INODE:DIRECTORY"; empty without one
  std::vector<int> gpus;    // indices of the devices
  std::vector<int> cpus;    // that it may run on; empty: all
  std::int64_t memory_limit = 0;
  std::string memory_by;  // what enforces the limit: "cgroup" or "samples"; empty without one
  std::string notify;     // address of its notify socket; empty: none
};

enum class StopCause : std::uint8_t {
  none,
  cancel,
  wall_limit,
  hung,
  preempt,  // it is queued again
};

// What is still to be done for an attempt of which nothing lives any more, in this order. Each can
// be repeated after a crash.
enum class EndStep : std::uint8_t {
  none,
  examine,   // its log is read to the end, and what it said of itself
  validate,  // its results are checked
  publish,   // they are put into place
};

// What a job said of its own outcome.
enum class Declared : std::uint8_t { nothing, success, failure };

// What was found out about an attempt beside its exit.
struct Evidence {
  std::int32_t errors = 0;  // findings in its log
  std::int32_t warnings = 0;
  std::int64_t found_to = -1;  // offset of the furthest finding; those up to it are known
  std::optional<Finding> first_error;
  Declared declared = Declared::nothing;
  std::string declared_reason;
  std::map<std::string, std::string> metrics;  // that it told
  bool needs_beats = false;                    // it has sent one: only beats are signs of life
  bool has_results = false;  // it had written some when nothing of it lived any more
  // What its log holds from this offset on was written by what it had left behind, after that was
  // asked to end; -1: nothing was. No error there is its own.
  std::int64_t disturbed_from = -1;
  ResultsVerdict verdict = ResultsVerdict::unchecked;
  std::string verdict_words;  // one line: what is wrong with the results, or could not be known
  bool operator==(const Evidence&) const = default;
};

// Who wants its processes frozen. What the scheduler has paused it lets go on; a user's pause only
// a user ends.
enum class PausedBy : std::uint8_t { nobody, user, scheduler, scheduler_and_user };

struct Attempt {
  std::int32_t number = 0;  // 0 before the first
  std::int64_t start = 0;   // internal; see AttemptKey
  bool open = false;        // it has no terminal state yet
  bool intent = false;      // its start is committed: a keeper may exist
  Placement placement;
  std::string staging;  // directory that the job writes into
  EndStep end_step = EndStep::none;
  std::string publish_target;  // where the results go; decided before they are moved
  std::int32_t publish_tries = 0;
  std::string log;  // path of the log file
  JobState state = JobState::queued;
  Reason reason = Reason::none;
  StopCause stop = StopCause::none;
  bool unwanted = false;  // a user cancelled it, before or after another cause stopped it
  Duration stop_grace{0};
  PausedBy paused_by = PausedBy::nobody;  // `paused` only when all processes are frozen
  Time paused_since;
  Duration paused_for{0};  // without the present pause
  Time went_on;            // when it was last let go on; 0: never
  JobId preempted_for;     // who it was last pushed aside for; 0: nobody
  std::optional<ExitStatus> exit;
  Usage usage;
  LogSummary log_summary;
  Evidence evidence;
  std::int32_t leftovers = 0;
  bool cancel_too_late = false;
  bool kill_stuck = false;
  std::int32_t launch_failures = 0;
  std::int64_t main_pid = 0;
  Time started;
  Time ended;
  UtcTime started_at;
  UtcTime ended_at;
  std::string results_dir;
  std::string error;
};

// What a person says of an ended job; it stands beside the state and never changes it.
struct Judgement {
  bool is_valid = false;
  std::string why;
  std::string who;
  UtcTime at;
  bool operator==(const Judgement&) const = default;
};

struct Job {
  JobId id;
  JobSpec spec;
  std::int64_t context = 0;  // row of the submitter's environment and limits
  JobState state = JobState::queued;
  Time queued_at;                  // its place among those of one priority
  std::optional<Time> release_at;  // held until then (retry); without: until a user releases it
  UtcTime submitted_at;
  UtcTime ended_at;  // of the job: also set when it was cancelled before any attempt
  Reason reason = Reason::none;
  std::string error;
  std::int32_t retries_from = 0;  // attempts that the retry policy does not count
  std::int64_t grown_memory = 0;  // what a retry asks for after it ran out of memory; 0: as before
  std::int32_t preemptions = 0;   // how often it was pushed aside
  Time preempted_at;              // the last time
  std::optional<Judgement> judgement;
  bool is_kept = false;  // nothing of it is removed to save space
  JobParts removing;     // decided, and perhaps not done yet
  JobParts removed;
  Attempt attempt;  // the current or the last one

  // Whether its attempts share a directory: there may be more than one.
  [[nodiscard]] bool keeps_checkpoints() const {
    return spec.checkpoint || spec.retry.retries > 0 || spec.retry.on_lost ||
           spec.when_preempted == WhenPreempted::requeue || attempt.number > 1;
  }
  // What the next attempt needs.
  [[nodiscard]] Demand demand() const {
    Demand demand = spec.demand;
    if (grown_memory > 0) demand.memory = grown_memory;
    return demand;
  }

  // Frozen by the scheduler: it has given its CPUs away, and keeps everything else.
  [[nodiscard]] bool is_suspended() const {
    return state == JobState::paused && attempt.paused_by >= PausedBy::scheduler;
  }
  // It waits for its turn: to start, or to go on.
  [[nodiscard]] bool is_in_queue() const {
    return state == JobState::queued ||
           (state == JobState::paused && attempt.paused_by == PausedBy::scheduler);
  }

  [[nodiscard]] AttemptKey key() const { return {id, attempt.number, attempt.start}; }
};

// One line that says how it ended, for people: "exit code 3", "killed by SIGSEGV (core dumped)".
[[nodiscard]] std::string describe(const ExitStatus& exit, const JobSpec& spec);
// "SIGSEGV" for 11.
[[nodiscard]] std::string signal_name(int number);
// "SIGTERM", "TERM" and "15" give 15; nothing for what is no signal.
[[nodiscard]] std::optional<int> signal_number(std::string_view name);

// Why a specification can't be accepted, in words; nothing when it can.
[[nodiscard]] std::optional<std::string> find_fault(const JobSpec& spec);
// Whether the two differ only in what may be changed of a job that is active.
[[nodiscard]] bool may_change_while_active(const JobSpec& now, const JobSpec& wanted);
// A name made from the command when the user gave none.
[[nodiscard]] std::string default_name(const std::vector<std::string>& command);

}  // namespace reeve
