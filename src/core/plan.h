#pragma once
// Which waiting job starts next.
//
// Order: effective priority (the job's own, one higher for each hour of waiting), then the group
// that used least of the machine lately, then the time since when it waits, then id. Jobs that
// differ in nothing else stand in one line and only the first of them is looked at, so that a
// decision costs as much as there are different lines, however many jobs wait.
//
// A job that does not fit reserves what it needs. Where the time limits of what runs tell when the
// first such job can start at the latest, later ones may use the gap: those that are over by then
// by their own time limit, and those that need nothing of what is reserved then. Where they don't
// tell, only the latter. A job that waits for a lock reserves nothing.

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
  auto operator<=>(const LineKey&) const = default;
};
[[nodiscard]] LineKey line_of(const Job& job);

class WaitingJobs {
 public:
  // The job must not be in already.
  void add(JobId id, const LineKey& key, Priority priority, Time queued_at);
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
    std::vector<JobId> start;  // these fit now, in order
    std::vector<JobId> ahead;  // these would come next if something became free
  };
  // At most `start_max` starts and `ahead_max` more. Changes nothing.
  [[nodiscard]] Choice choose(const Resources& resources, const FairShare& shares, Time now,
                              std::size_t start_max, std::size_t ahead_max) const;

 private:
  struct Waiting {
    JobId id;
    Time queued_at;
    bool operator<(const Waiting& other) const {
      return queued_at != other.queued_at ? queued_at < other.queued_at : id < other.id;
    }
  };
  // Jobs of one key and one priority, oldest first.
  using Line = std::set<Waiting>;
  using Lines = std::map<LineKey, std::array<Line, 4>>;
  class Chooser;
  struct Entry {
    Lines::iterator lines;
    Priority priority;
    Time queued_at;
  };

  Lines lines_;
  std::unordered_map<JobId, Entry> entries_;
};

// The priority with which a job that has waited since `queued_at` competes at `now`, 0 to 3.
[[nodiscard]] int effective_priority(Priority priority, Time queued_at, Time now);

}  // namespace reeve
