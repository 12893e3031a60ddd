#pragma once
// Attempts on this machine: one keeper process each.
//
// The daemon must be a subreaper (PR_SET_CHILD_SUBREAPER), so that what a killed keeper leaves
// becomes its child, and must keep descriptors 3 to 9 occupied: keepers get their own there.

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "core/launch_context.h"
#include "engine/engine.h"
#include "engine/local/cgroup_place.h"
#include "engine/local/cgroup_pool.h"
#include "engine/local/idle_keepers.h"
#include "engine/local/journal.h"
#include "engine/local/memory_cgroups.h"
#include "keeper/permit.h"

namespace reeve {

struct LocalEngineSettings {
  std::string state_directory;
  std::string keeper_program;
  Duration boottime_to_queue{0};  // Time = boottime + this
  bool rebooted = false;          // the stored state is of an earlier boot
  bool use_cgroups = true;
  bool is_delegated = false;  // the cgroup that we are started in is ours alone
};

class LocalEngine : public Engine {
 public:
  static Result<std::unique_ptr<LocalEngine>> open(LocalEngineSettings settings);
  ~LocalEngine() override;

  std::expected<fact::Launched, OsError> start(const StartOrder& order) override;
  void stop(const AttemptKey& key, Duration grace) override;
  void freeze(const AttemptKey& key, bool wanted) override;
  void bind(const AttemptKey& key, const std::vector<int>& cpus) override;
  Result<void> signal(const AttemptKey& key, int signal) override;
  std::string processes(const AttemptKey& key) override;
  std::vector<Observed> observe() override;
  std::string cursor() const override { return journal_.cursor(); }
  Result<void> restore(const std::string& cursor) override;
  fact::Launched describe(const Job& job) override;
  Time boot_time() const override { return boot_time_; }
  Recovery recover(const Job& job) override;
  void finish_recovery() override { may_sweep_unclaimed_ = true; }
  void forget(const AttemptKey& key) override;

  // The read end of the FIFO with which keepers wake the daemon.
  [[nodiscard]] int wake_descriptor() const { return wake_read_.get(); }
  // Call after SIGCHLD: reaps keepers, and what killed keepers left. True when `observe` should be
  // called: a keeper is gone whose END has not been seen.
  bool reap();
  // A child of the daemon that is no keeper's: it is reaped here, and never ended as a leftover.
  void spare_child(pid_t pid) { spared_.insert(pid); }
  // Something is being swept, or keepers wait in vain: call `observe` again after this time.
  [[nodiscard]] std::optional<Duration> poll_again_in() const;
  // Called with a pidfd for each adopted keeper, which is not our child: call `observe` when it is
  // readable. The descriptor is not owned by the callee.
  // False when it can't be watched.
  std::function<bool(int pidfd)> watch_exit;

  // "cgroup" or "subreaper": what new attempts get; and why it is not better.
  // Why jobs can't be isolated here; empty when they can.
  [[nodiscard]] const std::string& isolation_note() const { return why_no_isolation_; }
  // Who enforces memory limits: "cgroup" or "samples".
  [[nodiscard]] std::string memory_by() const { return memory_.works() ? "cgroup" : "samples"; }
  [[nodiscard]] std::string containment() const { return pool_ ? "cgroup" : "subreaper"; }
  [[nodiscard]] const std::string& containment_note() const { return why_no_cgroup_; }
  [[nodiscard]] std::size_t keepers() const { return runs_.size(); }
  [[nodiscard]] std::int64_t damaged_records() const { return journal_.damaged(); }

 private:
  struct Run {
    pid_t keeper = 0;
    bool is_child = true;
    Fd orders;        // our end of its channel; none of adopted ones
    Fd keeper_pidfd;  // for adopted ones
    Fd main_pidfd;    // tells the exit status where the kernel can
    pid_t main = 0;
    std::int64_t generation = 0;    // of the journal that it writes
    std::int64_t logs_bucket = -1;  // of the directory in which it makes logs
    std::string cgroup;             // its name in the pool; empty: none
    bool keeper_gone = false;
    bool exit_seen = false;
    bool end_seen = false;
    bool has_memory_cgroup = false;
    bool keeper_idle = false;  // after its END it waits for another order
    bool spent = false;
    bool stop_asked = false;
    std::optional<int> reaped_status;  // of the main process, after its keeper died
    Time sweeping_since{-1};
    std::vector<Fact> unjournaled;  // what was told of it that stands in no journal
  };

  // A start that was heard of.
  struct Fresh {
    AttemptKey key;
    std::int64_t since_ms;  // since the machine's boot
  };

  LocalEngine(LocalEngineSettings settings, Journal journal);
  Result<void> prepare();
  [[nodiscard]] std::string log_name(const AttemptKey& key) const;
  OsResult<int> logs_directory(JobId job);
  OsResult<void> hand_over(const std::string& order, const AttemptKey& key, std::int64_t limit,
                           Run& run);
  fact::Launched describe(const AttemptKey& key, bool is_isolated, std::int64_t memory_limit);
  void wake(const Run& run) const;
  void send(const AttemptKey& key, const Run& run, int signal, int value);
  void take(const Journal::Read& read, std::vector<Observed>& out);
  void hold_mains();
  void hold_main(Run& run);
  void tell(const AttemptKey& key, Run& run, Fact fact, std::vector<Observed>& out);
  void note_own_ends(std::vector<Observed>& out);
  [[nodiscard]] bool is_keeper_gone(const AttemptKey& key, const Run& run) const;
  void look_after_dead_keepers(std::vector<Observed>& out);
  bool sweep(const AttemptKey& key, Run& run);
  bool kill_strays();
  Result<void> open_permits();
  std::optional<Verdict> close_start(const AttemptKey& key);
  bool adopt(const Job& job, Run& run);
  void find_cgroup(Run& run);
  void sweep_unclaimed();
  [[nodiscard]] std::string mark_of(const AttemptKey& key) const;
  [[nodiscard]] Time queue_time(std::int64_t boottime) const;
  [[nodiscard]] bool is_tracked_child(pid_t pid) const {
    return child_keepers_.contains(pid) || spared_.contains(pid);
  }

  LocalEngineSettings settings_;
  Journal journal_;
  std::optional<CgroupPlace> place_;
  std::optional<CgroupPool> pool_;
  MemoryCgroups memory_;
  std::string why_no_isolation_;
  std::string why_no_cgroup_;
  Fd wake_read_;
  Fd wake_write_;
  Fd permits_;
  Fd logs_;
  std::int64_t logs_bucket_ = -1;
  std::string tag_;
  std::map<AttemptKey, Run> runs_;
  std::unordered_map<pid_t, AttemptKey> child_keepers_;
  std::set<pid_t> spared_;
  IdleKeepers keepers_;
  Time boot_time_{INT64_MIN};
  bool has_unwatched_ = false;
  std::vector<Observed> told_again_;  // facts that stand in no journal, after a restore
  bool may_sweep_unclaimed_ = false;
  std::deque<Fresh> fresh_;    // those whose main process is not held yet
  std::set<AttemptKey> gone_;  // keepers that have exited, to be looked after
  std::string context_text_;   // the last context, and what it says
  LaunchContext context_;
};

}  // namespace reeve
