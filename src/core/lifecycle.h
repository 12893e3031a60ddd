#pragma once
// What may happen to a job, as a pure function: (job, fact, time) → job, events, effects.
//
// Every change of a job's state in the whole program goes through `apply`. It has no clock, no
// I/O and no randomness, so that a simulation can run it by the million.

#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "core/job.h"
#include "core/remark.h"

namespace reeve {

// --- Facts: what happened -----------------------------------------------------------------------

namespace fact {

// A user's wishes; `actor` is who (for the audit trail).
struct Hold {
  std::string actor;
};
struct Release {
  std::string actor;
};
struct Cancel {
  std::string actor;
  std::optional<Duration> grace;  // without: the job's own
};
struct Pause {
  std::string actor;
};
struct Resume {
  std::string actor;
};
// A job that has ended is to run again.
struct Retry {
  std::string actor;
};
// Another specification, already checked. A job that is active takes no other demands or command.
struct Edit {
  std::string actor;
  JobSpec spec;
};
// What is said of it beside its life.
struct Remarked {
  std::string actor;
  Remark remark;
};
// The time of a held job has come.
struct Due {};
// The scheduler pushes it aside, in the way that it allows, for a job of higher priority.
struct Preempt {
  JobId for_job;
  Priority for_priority = Priority::normal;
};
// The scheduler lets it go on. Its CPUs are taken.
struct GoOn {
  std::vector<int> cpus;  // those that it may run on from now; empty: all
};
// The scheduler wants its start committed; a keeper may be started afterwards.
struct Intend {
  std::int64_t start = 0;  // never used before
  std::vector<int> gpus;
  std::vector<int> cpus;
};
// The scheduler starts it now. Its resources are taken, its start is committed.
struct Launch {};
// The engine took the start.
struct Launched {
  std::string containment;
  std::string cgroup;
  std::string staging;
  std::string log;
  std::string memory_by;  // what enforces its memory limit; empty without one
  std::string notify;     // address of its notify socket; empty: none
};
// The daemon could not even start a keeper; the command has not run.
struct LaunchFailed {
  LaunchStep step = LaunchStep::keeper;
  int code = 0;  // errno
};
// A clean stop of the daemon takes an unused intent back.
struct Withdraw {};
// The keeper has started the command.
struct Started {
  std::int64_t main_pid = 0;
  Time at;
  UtcTime at_utc;
};
// The main process has ended (or could not be started); others of its tree may live.
struct Exited {
  ExitStatus exit;
  Time at;
  UtcTime at_utc;
};
// Nothing of the attempt lives any more.
struct Ended {
  Usage usage;
  LogSummary log;
  std::int32_t leftovers = 0;
  bool has_results = false;  // the staging directory was not empty
  // The machine went down after this was recorded: what was staged may not have reached the disk.
  bool from_earlier_boot = false;
  bool is_silent = false;            // no log and no status file: there is nothing to examine
  std::int64_t disturbed_from = -1;  // see Evidence
};
// Some process can't be killed (a hung disk, a broken driver); the keeper goes on trying.
struct KillStuck {
  std::int32_t processes = 0;
};
struct TimeLimit {};
// It has shown no life for as long as it may.
struct Stalled {
  std::string words;  // which signs are missing, since when
};
// Its log tells of something. Findings come in the order in which they were found.
struct Found {
  Finding finding;
};
// Something to remember of a running attempt, such as its progress.
struct Noted {
  std::string kind;
  std::string words;
};
// What the job has said of itself, told at once: who watches it may die.
struct Told {
  std::optional<std::string> failure;
  std::map<std::string, std::string> results;
  bool needs_beats = false;
};
// The log was read to its end, and so was what the job said of itself.
struct Examined {
  Declared declared = Declared::nothing;
  std::string reason;
  std::map<std::string, std::string> metrics;
  std::string trouble;  // why something of what it said was not understood
};
// The results were checked.
struct Validated {
  ResultsVerdict verdict = ResultsVerdict::inconclusive;
  std::string words;
  bool has_results = false;
};
// The keeper has frozen all processes, or let them go on.
struct Paused {
  bool is_paused = true;
  Time at;
};
// The results are in place, in this directory.
struct Published {
  std::string directory;
};
// The directory was taken by another job in the same second.
struct PublishClash {};
struct PublishFailed {
  std::string error;
  std::string directory;  // where the results stand, though the disk did not confirm it
};
// The keeper is gone and left no END, its containment was proven empty.
struct KeeperGone {
  enum class Finding : std::uint8_t {
    never_started,  // the permit was not taken, and never can be now
    swept,          // what was left of it was ended
    rebooted,       // another boot: everything of it is gone
  };
  Finding finding = Finding::swept;
  bool has_results = false;  // as for Ended; of what was swept
};

}  // namespace fact

using Fact = std::variant<fact::Hold, fact::Release, fact::Cancel, fact::Pause, fact::Resume,
                          fact::Retry, fact::Edit, fact::Remarked, fact::Paused, fact::Due,
                          fact::Preempt, fact::GoOn, fact::Intend, fact::Launch, fact::Launched,
                          fact::LaunchFailed, fact::Withdraw, fact::Started, fact::Exited,
                          fact::Ended, fact::KillStuck, fact::TimeLimit, fact::Stalled, fact::Found,
                          fact::Noted, fact::Told, fact::Examined, fact::Validated, fact::Published,
                          fact::PublishClash, fact::PublishFailed, fact::KeeperGone>;

// A fact about one start of one job. Facts of an older start change nothing.
struct Observed {
  AttemptKey key;
  Fact fact;
};

// --- Effects: what must be done after the commit ------------------------------------------------

namespace effect {

// Start a keeper for the job's current attempt.
struct Start {};
// Ask the keeper to end the tree: SIGTERM, grace, SIGKILL.
struct Stop {
  Duration grace{0};
};
// Ask the keeper to freeze the tree, or to let it go on.
struct Freeze {
  bool wanted = true;
};
// Read the rest of the log, and what the job said of itself.
struct Examine {};
// Check the staged results.
struct Validate {};
// Bind its processes to the CPUs of its placement: others than those that it started on.
struct Bind {};
// Move the staging directory to `Attempt::publish_target`.
struct Publish {};
// The attempt published nothing: keep or delete what it staged.
struct SetAside {};

}  // namespace effect

using Effect = std::variant<effect::Start, effect::Stop, effect::Freeze, effect::Bind,
                            effect::Examine, effect::Validate, effect::Publish, effect::SetAside>;

// One line of the job's history.
struct Event {
  JobId job;
  std::int32_t attempt = 0;
  std::string kind;  // the new state's word, or what else happened
  std::optional<JobState> from;
  std::optional<JobState> to;
  Reason reason = Reason::none;
  std::string actor;  // "user", "scheduler", "keeper", "timer", "recovery", or a name
  std::string detail;
};

struct Step {
  Job job;
  std::vector<Event> events;
  std::vector<Effect> effects;
  std::optional<Finding> finding;  // to be kept with the attempt
};

struct Now {
  Time time;
  UtcTime utc;
};

// A new job's first state and event. `job` has id, spec and context.
[[nodiscard]] Step submit(Job job, const Now& now);

// The outcome of `fact`, or why it is refused (code `conflict`, with a sentence for the user).
// Facts of the keeper that come late, for an attempt that has ended, are refused, too.
[[nodiscard]] std::expected<Step, Error> apply(Job job, const Fact& fact, const Now& now);
// Its part for remarks.
[[nodiscard]] std::expected<Step, Error> apply_remark(Job job, const std::string& actor,
                                                      const Remark& remark, const Now& now);

}  // namespace reeve
