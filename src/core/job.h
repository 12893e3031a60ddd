#pragma once
// A job, its attempt, and everything that is known of them.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "core/limits.h"
#include "core/state.h"

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

struct RetryPolicy {
  std::int32_t retries = 0;  // attempts after the first
  bool on_lost = false;      // the job says that it may run twice
};

// What a user asked for. It never changes after submission.
struct JobSpec {
  std::string name;
  std::vector<std::string> command;
  std::string directory;
  Priority priority = Priority::normal;
  Demand demand;
  OnBusy on_busy = OnBusy::wait;
  bool hold = false;
  std::optional<Duration> time_limit;
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
};

enum class StopCause : std::uint8_t {
  none,
  cancel,
  wall_limit,
  wall_limit_and_cancel,  // over its limit, and then nobody wanted it any more
};

struct Attempt {
  std::int32_t number = 0;  // 0 before the first
  std::int64_t start = 0;   // internal; see AttemptKey
  bool open = false;        // it has no terminal state yet
  bool intent = false;      // its start is committed: a keeper may exist
  Placement placement;
  std::string staging;         // directory that the job writes into
  std::string publish_target;  // where the results go; decided before they are moved
  std::int32_t publish_tries = 0;
  std::string log;  // path of the log file
  JobState state = JobState::queued;
  Reason reason = Reason::none;
  StopCause stop = StopCause::none;
  Duration stop_grace{0};
  std::optional<ExitStatus> exit;
  Usage usage;
  LogSummary log_summary;
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

struct Job {
  JobId id;
  JobSpec spec;
  std::int64_t context = 0;  // row of the submitter's environment and limits
  JobState state = JobState::queued;
  Time queued_at;                  // ageing counts from here
  std::optional<Time> release_at;  // held until then (retry); without: until a user releases it
  UtcTime submitted_at;
  UtcTime ended_at;  // of the job: also set when it was cancelled before any attempt
  Reason reason = Reason::none;
  std::string error;
  Attempt attempt;  // the current or the last one

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
// A name made from the command when the user gave none.
[[nodiscard]] std::string default_name(const std::vector<std::string>& command);

}  // namespace reeve
