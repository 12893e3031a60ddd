#pragma once
// A whole daemon without processes, sockets and clock: real core, real dispatcher, real store on a
// memory database, a fake engine, and crashes wherever the seed wants them.

#include <cstdint>
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
  std::vector<PublishOutcome> collect() override;
  void crash() { outcomes_.clear(); }
  [[nodiscard]] bool has_outcomes() const { return !outcomes_.empty(); }

  std::map<std::string, AttemptKey> published;  // by directory
  std::set<AttemptKey> aside;
  std::set<std::string> taken;  // directories of strangers

 private:
  std::vector<PublishOutcome> outcomes_;
};

class World {
 public:
  explicit World(std::uint64_t seed);

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
  void boot();
  void do_something();
  void submit_some();
  JobSpec draw_spec();
  void wish();
  Fact draw_remark();
  void pass_time(std::int64_t ms);
  void crash(bool power_cut);
  void settle();
  void finish();
  void check_now();
  void check_time_limit(JobId id, Time since);
  void check_rows_against_events();
  void check_deliveries();
  void fail(std::string what);
  void tell(std::string line);

  std::mt19937_64 random_;
  Time time_{1000};
  std::unique_ptr<Store> store_;
  FakeEngine engine_;
  FakeOutput output_;
  std::unique_ptr<Dispatcher> dispatcher_;
  std::map<JobId, Told> acknowledged_;
  std::map<std::string, JobId> keys_;
  std::vector<std::string> story_;
  std::string failure_;
  int power_cuts_ = 0;
  bool is_settling_ = false;  // nothing new comes any more
};

}  // namespace reeve::sim
