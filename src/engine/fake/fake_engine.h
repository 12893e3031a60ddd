#pragma once
// An engine without processes, under a virtual clock, steered by the job's command:
//
//   fake run=500 exit=3 signal=9 ignore_term leftovers=2 spawn=40 spawn_error=2 launch_error
//        keeper_dies=100 results
//
// Times are milliseconds. It behaves as the local engine promises: a permit for each start, a
// journal that outlives the daemon, keepers that go on while nobody listens.

#include <map>
#include <set>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace reeve {

class FakeEngine : public Engine {
 public:
  // Moves the virtual clock: what was to happen until then happens, in order of time.
  void run_until(Time now);
  // When the next thing happens by itself.
  [[nodiscard]] std::optional<Time> next_event() const;
  // Something has happened that was not observed yet: the daemon would be woken.
  [[nodiscard]] bool has_news() const { return read_ < journal_.size() || !gone_.empty(); }
  // All keepers and jobs are gone, as after a power cut; of the journal only what was read stays.
  void reboot();

  // How often each start's command was started, and each attempt's: for the checkers.
  [[nodiscard]] const std::map<AttemptKey, int>& commands_started() const { return started_; }
  [[nodiscard]] std::int64_t starts_failed() const { return starts_failed_; }
  [[nodiscard]] std::size_t commands_alive(JobId job) const;
  [[nodiscard]] std::size_t commands_alive() const;
  // Its command lives, and neither is it frozen nor was it when it was asked to end.
  [[nodiscard]] bool is_using_cpus(JobId job) const;
  // The CPUs that it is bound to; empty: to none in particular.
  [[nodiscard]] std::vector<int> cpus_of(JobId job) const;

  std::expected<fact::Launched, OsError> start(const StartOrder& order) override;
  void stop(const AttemptKey& key, Duration grace) override;
  Result<void> signal(const AttemptKey& key, int signal) override;
  std::string processes(const AttemptKey&) override { return ""; }
  std::vector<Observed> observe() override;
  std::string cursor() const override;
  Result<void> restore(const std::string& cursor) override;
  fact::Launched describe(const Job& job) override;
  void freeze(const AttemptKey& key, bool wanted) override;
  void bind(const AttemptKey& key, const std::vector<int>& cpus) override;
  Time boot_time() const override { return booted_; }
  Recovery recover(const Job& job) override;
  void finish_recovery() override {}
  void forget(const AttemptKey& key) override;

 private:
  enum class Permit { free, taken, voided };
  struct Script {
    std::int64_t run = 10;
    std::int64_t spawn = 0;
    std::int64_t keeper_dies = -1;
    std::int64_t leftovers = 0;
    int exit = 0;
    int signal = 0;
    bool ignore_term = false;
    bool launch_error = false;
    bool results = false;
  };
  // A keeper and its job.
  struct Run {
    Script script;
    Time permit_at;
    std::optional<Time> ends_at;
    std::optional<Time> dies_at;
    std::optional<Time> killed_at;
    bool keeper_alive = true;
    bool job_alive = false;
    bool stopped = false;
    bool exited = false;
    std::optional<Duration> frozen;  // what is left to run
    bool woken_to_end = false;
    std::vector<int> cpus;
  };
  static Script parse(const std::vector<std::string>& command);
  std::optional<Time> next_of(const Run& run) const;
  void happen(const AttemptKey& key, Run& run);
  void begin(const AttemptKey& key, Run& run);
  void end(const AttemptKey& key, Run& run, ExitStatus exit);
  void record(const AttemptKey& key, Fact fact);

  Time now_;
  std::map<AttemptKey, Run> runs_;
  std::map<AttemptKey, Permit> permits_;
  std::map<AttemptKey, int> started_;
  std::map<AttemptKey, int> spawn_errors_;
  std::int64_t starts_failed_ = 0;
  std::vector<Observed> journal_;
  std::size_t read_ = 0;
  // Keepers that died under a living daemon, which sweeps and tells at once.
  std::vector<Observed> gone_;
  int boot_ = 0;
  Time booted_{-1};
  std::map<AttemptKey, int> boot_of_;
};

}  // namespace reeve
