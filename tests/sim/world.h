#pragma once
// A whole daemon without processes, sockets and clock: real core, real dispatcher, real store on a
// memory database, a fake engine, and crashes wherever the seed wants them.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "daemon/dispatcher.h"
#include "engine/fake/fake_engine.h"

namespace reeve::sim {

// Results that are there at once, or after a while, or clash; published ones are counted.
class FakeOutput : public Output {
 public:
  std::expected<std::string, OsError> prepare(const Job& job) override;
  bool has_results(const Job& job) override;
  void publish(const Job& job) override;
  void set_aside(const Job& job) override;
  std::string checkpoint_directory(const Job&) override { return ""; }
  bool is_in_place(const Job& job) override;
  void remove_checkpoints(JobId) override {}
  void validate(const Job& job, const std::string& context) override;
  std::vector<Observed> collect() override;
  void crash() { outcomes_.clear(); }
  // The power went: of what was staged and not published, some is not there any more.
  void lose_unsynced(const std::function<bool()>& is_lost);
  [[nodiscard]] bool has_outcomes() const { return !outcomes_.empty(); }

  std::map<std::string, AttemptKey> published;  // by directory
  std::set<AttemptKey> aside;
  std::set<std::string> taken;  // directories of strangers

 private:
  std::vector<Observed> outcomes_;
  std::set<AttemptKey> staged_;
  std::set<AttemptKey> gone_;
};

// Finds what the job's command says is there: "log", "error" at once or "late_error" at the end,
// "says_failure", "says_success", "stalls".
class FakeWatch : public Watch {
 public:
  Speech prepare(const Job&) override { return {}; }
  void begin(const Job& job, Duration active) override;
  std::optional<Live> live(const Job&) override { return std::nullopt; }
  void follow(const Job& job) override;
  bool is_silent(const Job& job) override;
  void examine(const Job& job) override;
  void forget(const Job& job) override;
  std::vector<Observed> collect() override;
  void crash();
  [[nodiscard]] bool has_outcomes() const { return !outcomes_.empty(); }

 private:
  std::vector<Observed> outcomes_;
  std::set<AttemptKey> watched_;
};

class World {
 public:
  explicit World(std::uint64_t seed);

  // How often the story did what it is there for.
  struct Counts {
    std::int64_t preemptions = 0;
    std::int64_t suspensions = 0;
    std::int64_t heads_checked = 0;
  };
  [[nodiscard]] const Counts& counts() const { return counts_; }

  // Runs the seed's story and then lets it end. Empty when every promise held; else what broke,
  // with the last lines of the story.
  std::string run(int steps);

 private:
  struct Told {
    bool cancelled = false;  // a cancel was acknowledged
    JobState terminal = JobState::queued;
    bool is_terminal = false;
  };

  bool chance(int percent) { return static_cast<int>(random_() % 100) < percent; }
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(high - low + 1));
  }
  Now now() const { return {time_, UtcTime{1'800'000'000'000 + time_.ms}}; }
  // What is known of a job that may be pushed aside.
  struct Pushed {
    std::int32_t attempt = 0;
    Time at;
    Time went_on;
    bool is_aside = false;
    auto operator<=>(const Pushed&) const = default;
  };

  void boot();
  void advance();
  void do_something();
  void submit_some();
  JobSpec draw_spec();
  void pass_quietly();
  void draw_preemption(JobSpec& spec);
  void wish();
  void edit(JobId id);
  Fact draw_remark();
  void pass_time(std::int64_t ms);
  void crash(bool power_cut);
  void settle();
  void finish();
  void check_now();
  void check_cpus();
  void check_preemptions();
  void check_preemption(const Job& victim, const Pushed& before);
  void check_head(const std::map<JobId, bool>& held_before);
  void check_time_limit(JobId id, Time since);
  void check_rows_against_events();
  void check_truth(const Job& job);
  void check_deliveries();
  void fail(std::string what);
  void tell(std::string line);

  std::mt19937_64 random_;
  Time time_{1000};
  std::unique_ptr<Store> store_;
  FakeEngine engine_;
  FakeOutput output_;
  FakeWatch watch_;
  std::unique_ptr<Dispatcher> dispatcher_;
  std::map<JobId, Told> acknowledged_;
  std::map<std::string, JobId> keys_;
  Capacity capacity_;
  bool is_crowded_ = false;    // by long jobs of low priorities
  std::set<JobId> submitted_;  // acknowledged or not
  std::map<JobId, Pushed> pushed_;
  Counts counts_;
  std::vector<std::string> story_;
  std::string failure_;
  int power_cuts_ = 0;
  bool is_settling_ = false;  // nothing new comes any more
};

}  // namespace reeve::sim
