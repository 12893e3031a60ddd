#pragma once
// What the machine has, what is in use, and whether a demand fits.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/job.h"
#include "core/standing.h"

namespace reeve {

struct Capacity {
  std::int32_t cpus = 1;
  std::int64_t memory = 0;
  std::int32_t gpus = 0;
  std::map<std::string, std::int64_t> counters;
  std::vector<int> cpu_numbers;        // usable CPUs; empty: jobs are not bound to CPUs
  bool has_isolation = true;           // PID namespaces can be made
  std::int32_t jobs_max = 0;           // jobs at a time; 0: no limit of its own
  bool has_strict_containment = true;  // nothing of an ended attempt can survive
};

// Counts what running jobs hold. `available` may be asked with a reservation: what jobs at the head
// of the queue wait for and later ones must leave alone.
class Resources {
 public:
  explicit Resources(Capacity capacity) : capacity_(std::move(capacity)) {}

  [[nodiscard]] const Capacity& capacity() const { return capacity_; }

  // Why `demand` could not be met even by an idle machine; nothing when it could.
  [[nodiscard]] std::optional<std::string> find_impossible(const Demand& demand) const;

  // Which devices and CPUs a job was given. `cpus` is empty where it may run on all of them.
  struct Grant {
    std::vector<int> gpus;
    std::vector<int> cpus;
  };
  // Takes the demand for `job`. It must fit. With `pin_cpus` it gets CPUs that no other pinned job
  // has, as long as there are enough.
  Grant take(JobId job, const Demand& demand, bool pin_cpus);
  // Takes exactly these, for a job that was found running after a restart.
  void adopt(JobId job, const Demand& demand, const Grant& grant);
  // When a job that holds resources ends at the latest, as far as its time limit tells.
  void expect_end(JobId job, std::optional<Time> at);
  // What may be done with it for the sake of others.
  void set_standing(JobId job, const Standing& standing);
  // The job is frozen for others: its CPUs, also their numbers, and its place among the running are
  // free. Everything else stays with it.
  void suspend(JobId job);
  // Takes them again, whether they are free or not, and tells on which CPUs it may run: its own
  // ones, or others where somebody has got those meanwhile.
  std::vector<int> go_on(JobId job);
  // Gives everything back that `job` holds; nothing if it holds nothing.
  void give_back(JobId job);

  // What `demand` lacks at the moment and who has it, a sentence each; empty when it fits.
  [[nodiscard]] std::vector<std::string> shortages(const Demand& demand) const;

  // The job that holds the lock, if one does.
  [[nodiscard]] std::optional<JobId> lock_holder(const std::string& lock) const;
  // Jobs that hold anything, and those of them that are suspended.
  [[nodiscard]] std::size_t jobs_holding() const { return held_.size(); }
  [[nodiscard]] std::size_t jobs_suspended() const { return suspended_; }
  [[nodiscard]] bool is_suspended(JobId job) const;

  struct Holder {
    JobId job;
    const Demand* demand = nullptr;  // as long as nothing is taken or given back
    Standing standing;
    bool is_suspended = false;
  };
  [[nodiscard]] std::vector<Holder> holders() const;

  // What is left for further starts in one round of planning.
  class Room {
   public:
    explicit Room(const Resources& resources) : Room(resources, Of::all) {}
    // What there would be if all had ended but the suspended jobs.
    [[nodiscard]] static Room beside_suspended(const Resources& resources) {
      return {resources, Of::suspended};
    }
    [[nodiscard]] bool fits(const Demand& demand) const;
    // Of something that `demand` lacks here, `other` has some.
    [[nodiscard]] bool lacks_what(const Demand& demand, const Demand& other) const;
    [[nodiscard]] bool is_lock_taken(const std::string& lock) const {
      return locks_.contains(lock);
    }
    // What somebody holds is free again.
    void add(const Demand& demand);
    // Also used to reserve: it may go below zero, and then nothing of that kind fits any more.
    void subtract(const Demand& demand);
    // The same for what a suspended job holds: neither CPUs nor a place among the running.
    void subtract_suspended(const Demand& demand);

   private:
    enum class Of : std::uint8_t { all, suspended };
    Room(const Resources& resources, Of whom);
    std::int64_t cpus_;
    std::int64_t memory_;
    std::int64_t gpus_;
    std::int64_t jobs_;
    std::map<std::string, std::int64_t> counters_;
    std::set<std::string> locks_;
  };

  // What is held until a known time.
  struct Ending {
    Time at;
    const Demand* demand = nullptr;  // as long as nothing is taken or given back
  };
  [[nodiscard]] std::vector<Ending> endings() const;

 private:
  struct Held {
    Demand demand;
    Grant grant;
    std::optional<Time> ends;
    Standing standing;
    bool is_suspended = false;
  };
  [[nodiscard]] std::vector<int> find_free_cpus(std::int32_t count) const;

  Capacity capacity_;
  std::map<JobId, Held> held_;
  std::map<std::string, JobId> locks_;
  std::set<int> gpus_used_;
  std::multiset<int> cpus_used_;  // twice where a suspended job ends on CPUs that others have got
  std::size_t suspended_ = 0;
};

}  // namespace reeve
