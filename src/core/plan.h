#pragma once
// Which waiting job starts next.
//
// Order: effective priority (the job's own, one higher for each hour of waiting), then the group
// that used least of the machine lately, then the time when it was queued, then id. Jobs that
// differ in nothing else stand in one line and only the first of them is looked at, so that a
// decision costs as much as there are different lines, however many jobs wait.
//
// A job that does not fit reserves what it needs. Where the time limits of what runs tell when the
// first such job can start at the latest, later ones may use the gap: those that are over by then
// by their own time limit, and those that need nothing of what is reserved then. Where they don't
// tell, only the latter. A job that waits for a lock reserves nothing.
//
// Suspended jobs wait with the others, for CPUs. One that holds what a job before it needs takes
// that job's turn, since nothing else can help that one; so two never wait for each other. The
// first job that does not fit may push others aside, if it asks for that (core/preempt.h).

#include <array>
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "base/time.h"
#include "core/fair_share.h"
#include "core/job.h"
#include "core/resources.h"

namespace reeve {

// What the jobs of a line have in common.
struct LineKey {
  Demand demand;
  std::optional<Duration> time_limit;
  std::string group;
  bool preempt = false;
  bool returns = false;  // pushed aside since it was queued: it ages from then
  auto operator<=>(const LineKey&) const = default;
};
// Of a job that waits for its turn, to start or to go on.
[[nodiscard]] LineKey line_of(const Job& job);

class WaitingJobs {
 public:
  // The job must not be in already. `preempted_at` counts when it is later than `queued_at`.
  void add(JobId id, LineKey key, Priority priority, Time queued_at, Time preempted_at = {});
  // Nothing happens when it is not in.
  void remove(JobId id);
  [[nodiscard]] bool contains(JobId id) const { return entries_.contains(id); }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  // The first waiting job that wants this lock.
  [[nodiscard]] std::optional<JobId> first_with_lock(const std::string& lock) const;

  // What stands between the job and its turn, a sentence each: those before it in its line, and
  // who is first of all.
  [[nodiscard]] std::vector<std::string> explain(JobId id, const FairShare& shares, Time now) const;

  struct Choice {
    std::vector<JobId> start;    // these fit now, in order; suspended ones are to go on
    std::vector<JobId> ahead;    // these would come next if something became free
    std::vector<JobId> preempt;  // these are to be pushed aside
    JobId preempt_for;
    bool wants_victims = false;      // somebody would push others aside, and found none
    std::optional<Time> look_again;  // when time alone may lead to another choice
  };
  // At most `start_max` starts and `ahead_max` more. Changes nothing.
  [[nodiscard]] Choice choose(const Resources& resources, const FairShare& shares, Time now,
                              std::size_t start_max, std::size_t ahead_max) const;

 private:
  struct Waiting {
    Time ages_from;
    Time queued_at;
    JobId id;
    auto operator<=>(const Waiting&) const = default;
  };
  // Jobs of one key and one priority, oldest first.
  using Line = std::set<Waiting>;
  using Lines = std::map<LineKey, std::array<Line, 4>>;
  struct Bounds {
    std::size_t start_max = 0;
    std::size_t ahead_max = 0;
  };
  class Chooser;
  struct Entry {
    Lines::iterator lines;
    Priority priority;
    Waiting waiting;
  };

  Lines lines_;
  std::unordered_map<JobId, Entry> entries_;
};

// The priority with which a job that has waited since then competes at `now`, 0 to 3.
[[nodiscard]] int effective_priority(Priority priority, Time since, Time now);
// When that rises next; nothing when it can't.
[[nodiscard]] std::optional<Time> next_ageing(Priority priority, Time since, Time now);

}  // namespace reeve
