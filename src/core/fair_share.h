#pragma once
// How much of the machine each group of jobs has used lately, relative to its share.
//
// Use is counted in seconds of the CPUs that jobs were granted; what is past counts half after each
// hour. A job that has just started counts as if it had run for a minute, so that groups take turns
// also where many start at once.

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>

#include "base/time.h"
#include "core/job.h"

namespace reeve {

// Of two groups that want the machine, one with share 2 gets twice what one with share 1 gets.
using Shares = std::map<std::string, std::int32_t>;

class FairShare {
 public:
  // A group that is not named has a share of 1.
  explicit FairShare(Shares shares) : shares_(std::move(shares)) {}

  // The job must not be running already.
  void start(JobId job, const std::string& group, std::int32_t cpus, Time now);
  // Nothing happens when it is not running.
  void end(JobId job, Time now);

  // What the group has used lately, divided by its share: the group with the least comes first.
  [[nodiscard]] double burden(const std::string& group, Time now) const;
  // By how much the start of one more job raises that.
  [[nodiscard]] double burden_of_start(const std::string& group, std::int32_t cpus) const;

  // The past as text, without what runs; groups that used next to nothing are left out.
  [[nodiscard]] std::string to_text(Time now);
  // Forgets everything and takes the past from a text; nothing from one that it can't read.
  void restore(const std::string& text);

 private:
  struct Use {
    double past = 0;  // CPU-milliseconds, as they counted at `at`
    Time at;
    std::int64_t cpus = 0;        // of jobs that run
    std::int64_t cpus_since = 0;  // the sum of their CPUs times their start
  };
  struct Running {
    std::string group;
    std::int32_t cpus = 0;
    Time since;
  };
  [[nodiscard]] double share(const std::string& group) const;

  Shares shares_;
  std::map<std::string, Use> uses_;
  std::unordered_map<JobId, Running> running_;
};

}  // namespace reeve
