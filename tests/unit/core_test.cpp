// The small parts of the core: retries, names, faults, resources, words.

#include <gtest/gtest.h>

#include <csignal>
#include <set>

#include "base/text.h"
#include "core/resources.h"
#include "core/retry.h"
#include "core/run_directory.h"
#include "support.h"

namespace reeve::test {
namespace {

Job ended_job(JobState state, std::int32_t number, std::int32_t retries) {
  Job job;
  job.id = {7};
  job.spec = plain_spec();
  job.spec.retry.retries = retries;
  job.attempt.number = number;
  job.attempt.state = state;
  return job;
}

TEST(Retry, WaitDoublesFromFiveSecondsToTenMinutesWithAQuarterOfJitter) {
  std::int64_t base = 5000;
  for (std::int32_t number = 1; number <= 60; ++number) {
    const auto wait = next_attempt_in(ended_job(JobState::failed, number, 100));
    ASSERT_TRUE(wait) << number;
    EXPECT_GE(wait->count(), base) << number;
    EXPECT_LE(wait->count(), base + base / 4) << number;
    base = std::min<std::int64_t>(base * 2, 600'000);
  }
}

TEST(Retry, WaitIsTheSameInEachReplayAndDiffersBetweenJobs) {
  std::set<std::int64_t> waits;
  for (std::int64_t id = 1; id <= 100; ++id) {
    Job job = ended_job(JobState::failed, 1, 1);
    job.id = {id};
    const auto wait = next_attempt_in(job);
    ASSERT_TRUE(wait);
    EXPECT_EQ(wait, next_attempt_in(job));
    waits.insert(wait->count());
  }
  EXPECT_GT(waits.size(), 50U);
}

TEST(Retry, EndsAfterAsManyAsWereAskedFor) {
  EXPECT_TRUE(next_attempt_in(ended_job(JobState::failed, 2, 2)));
  EXPECT_FALSE(next_attempt_in(ended_job(JobState::failed, 3, 2)));
  EXPECT_FALSE(next_attempt_in(ended_job(JobState::failed, 1, 0)));
}

TEST(Retry, OnlyFailuresTimeoutsAndAllowedLossesAreWorthIt) {
  EXPECT_TRUE(next_attempt_in(ended_job(JobState::timeout, 1, 1)));
  for (const JobState state :
       {JobState::completed, JobState::cancelled, JobState::lost, JobState::skipped})
    EXPECT_FALSE(next_attempt_in(ended_job(state, 1, 5))) << to_word(state);
  Job lost = ended_job(JobState::lost, 1, 0);
  lost.spec.retry.on_lost = true;
  EXPECT_TRUE(next_attempt_in(lost)) << "one at least";
  lost.attempt.number = 2;
  EXPECT_FALSE(next_attempt_in(lost));
  lost.spec.retry.retries = 2;
  EXPECT_TRUE(next_attempt_in(lost));
}

TEST(RunDirectory, FirstTryHasThePlainName) {
  EXPECT_EQ(run_directory("/r", "train", {0}, 1), "/r/1970-01-01_00-00-00/train");
  EXPECT_EQ(run_directory("/r", "train", {0}, 2), "/r/1970-01-01_00-00-00/train_2");
  EXPECT_EQ(staging_directory("/r", {{12}, 3, 9}), "/r/.staging/12.3");
}

// --- specifications -----------------------------------------------------------------------------

std::string fault_of(const std::function<void(JobSpec&)>& change) {
  JobSpec spec = plain_spec();
  change(spec);
  return find_fault(spec).value_or("");
}

TEST(Specification, PlainOneHasNoFault) {
  EXPECT_EQ(fault_of([](JobSpec&) {}), "");
}

TEST(Specification, EachFaultIsFound) {
  using Change = std::function<void(JobSpec&)>;
  const std::vector<std::pair<Change, const char*>> faults{
      {[](JobSpec& s) { s.command.clear(); }, "no command"},
      {[](JobSpec& s) { s.command = {""}; }, "no command"},
      {[](JobSpec& s) { s.command.emplace_back("a\0b", 3); }, "NUL"},
      {[](JobSpec& s) { s.command.emplace_back(limits::spec_bytes_max, 'x'); }, "bytes"},
      {[](JobSpec& s) { s.directory = "relative"; }, "directory"},
      {[](JobSpec& s) { s.directory.clear(); }, "directory"},
      {[](JobSpec& s) { s.name.clear(); }, "name is empty"},
      {[](JobSpec& s) { s.name = "a/b"; }, "`/`"},
      {[](JobSpec& s) { s.name = ".."; }, "dot"},
      {[](JobSpec& s) { s.name = "a\nb"; }, "control character"},
      {[](JobSpec& s) { s.name = std::string("a\0b", 3); }, "control character"},
      {[](JobSpec& s) { s.name = "a\xff"; }, "UTF-8"},
      {[](JobSpec& s) { s.name = std::string(limits::name_bytes_max + 1, 'x'); }, "bytes"},
      {[](JobSpec& s) { s.demand.cpus = -1; }, "negative"},
      {[](JobSpec& s) { s.demand.gpus = -1; }, "negative"},
      {[](JobSpec& s) { s.demand.memory = -1; }, "negative"},
      {[](JobSpec& s) { s.demand.counters["x"] = 0; }, "counter `x`"},
      {[](JobSpec& s) { s.demand.counters[""] = 1; }, "counter"},
      {[](JobSpec& s) { s.demand.lock = std::string(limits::lock_bytes_max + 1, 'x'); }, "lock"},
      {[](JobSpec& s) { s.demand.lock = "a\x1b"; }, "lock"},
      {[](JobSpec& s) { s.idempotency_key.assign(limits::key_bytes_max + 1, 'x'); }, "key"},
      {[](JobSpec& s) { s.retry.retries = -1; }, "retry"},
      {[](JobSpec& s) { s.retry.retries = limits::retries_max + 1; }, "retry"},
      {[](JobSpec& s) { s.grace = Duration(-1); }, "grace"},
      {[](JobSpec& s) { s.grace = std::chrono::hours(24) + Duration(1); }, "grace"},
      {[](JobSpec& s) { s.time_limit = Duration(0); }, "time limit"},
      {[](JobSpec& s) { s.log_max = limits::log_bytes_min - 1; }, "log"},
      {[](JobSpec& s) { s.results_root = "results"; }, "results root"},
      {[](JobSpec& s) { s.on_busy = OnBusy::reject; }, "lock"},
  };
  for (std::size_t i = 0; i < faults.size(); ++i) {
    const std::string fault = fault_of(faults[i].first);
    EXPECT_NE(fault.find(faults[i].second), std::string::npos) << i << ": " << fault;
    EXPECT_FALSE(fault.empty()) << i;
  }
}

TEST(Specification, BoundsThemselvesAreAllowed) {
  EXPECT_EQ(fault_of([](JobSpec& s) {
              s.name = std::string(limits::name_bytes_max, 'x');
              s.demand.lock = std::string(limits::lock_bytes_max, 'x');
              s.demand.cpus = 0;
              s.idempotency_key.assign(limits::key_bytes_max, 'x');
              s.retry.retries = limits::retries_max;
              s.grace = std::chrono::hours(24);
              s.time_limit = Duration(1);
              s.log_max = limits::log_bytes_min;
              s.on_busy = OnBusy::reject;
            }),
            "");
}

// What is cut at a NUL byte on its way to the kernel would mean something else there.
TEST(Specification, NulByteIsFoundWhereverItWouldCutAWord) {
  const std::string cut("/tmp\0/x", 7);
  EXPECT_NE(fault_of([&](JobSpec& s) { s.directory = cut; }), "");
  EXPECT_NE(fault_of([&](JobSpec& s) { s.stdin_file = cut; }), "");
  EXPECT_NE(fault_of([&](JobSpec& s) { s.environment["A"] = cut; }), "");
  EXPECT_NE(fault_of([&](JobSpec& s) { s.results_root = cut; }), "");
}

TEST(DefaultName, IsTheProgramsAndAlwaysAllowed) {
  EXPECT_EQ(default_name({"/usr/bin/python3", "x"}), "python3");
  EXPECT_EQ(default_name({"./run.sh"}), "run.sh");
  for (const std::string& odd :
       {std::string(), std::string("/"), std::string("a/"), std::string(".."),
        std::string(".hidden"), std::string("a\nb"), std::string("\xff\xfe"), std::string(500, 'x'),
        std::string(500, '.'), std::string(300, '\xff'), "\x01" + std::string(400, '\n'),
        std::string("a\0b", 3)}) {
    JobSpec spec = plain_spec();
    spec.name = default_name({odd});
    EXPECT_EQ(find_fault(spec), std::nullopt) << printable(odd) << " -> " << printable(spec.name);
  }
  EXPECT_EQ(default_name({}), "job");
}

TEST(DefaultName, IsNotCutThroughACharacter) {
  std::string wide;
  for (int i = 0; i < 200; ++i) wide += "\xe2\x82\xac";
  const std::string name = default_name({"x" + wide});
  EXPECT_EQ(valid_utf8(name), name);
  EXPECT_LE(name.size(), limits::name_bytes_max);
}

TEST(Signals, HaveNamesAndNumbers) {
  EXPECT_EQ(signal_name(SIGSEGV), "SIGSEGV");
  EXPECT_EQ(signal_name(SIGRTMIN), "SIGRTMIN+0");
  EXPECT_EQ(signal_name(4711), "signal 4711");
  for (const char* name : {"SIGTERM", "TERM", "15"}) EXPECT_EQ(signal_number(name), SIGTERM);
  for (const char* name : {"", "0", "-1", "65", "SIGNOVELTY", "SIG", "term", "15x", "SIGSIGTERM"})
    EXPECT_EQ(signal_number(name), std::nullopt) << name;
}

TEST(Description, SaysHowItEnded) {
  const JobSpec spec = plain_spec();
  const auto text = [&](const ExitStatus& exit) { return describe(exit, spec); };
  EXPECT_EQ(text({ExitKind::exited, 3, false, LaunchStep::none, false}), "exit code 3");
  EXPECT_EQ(text({ExitKind::signalled, 9, false, LaunchStep::none, false}), "killed by SIGKILL");
  EXPECT_EQ(text({ExitKind::signalled, 11, true, LaunchStep::none, false}),
            "killed by SIGSEGV (core dumped)");
}

TEST(Description, LaunchErrorsNameWhatIsMissing) {
  JobSpec spec = plain_spec();
  spec.command = {
      "/x/\x1b"
      "evil"};
  const auto text = [&](LaunchStep step, int code) {
    return describe({ExitKind::launch_error, code, false, step, false}, spec);
  };
  const auto has = [](const std::string& all, const char* part) {
    return all.find(part) != std::string::npos;
  };
  EXPECT_TRUE(has(text(LaunchStep::exec, ENOENT), "/x/\\x1bevil: no such program"));
  EXPECT_TRUE(has(text(LaunchStep::exec, EACCES), "permission denied"));
  EXPECT_TRUE(has(text(LaunchStep::exec, ENOEXEC), "#!"));
  EXPECT_TRUE(has(text(LaunchStep::exec, E2BIG), "too long"));
  EXPECT_TRUE(has(text(LaunchStep::exec, EIO), "EIO"));
  EXPECT_TRUE(has(text(LaunchStep::directory, ENOENT), ": /home: No such file"));
  EXPECT_TRUE(has(text(LaunchStep::input, ENOENT), "/dev/null"));
  EXPECT_TRUE(has(text(LaunchStep::staging, ENOSPC), "/results"));
  EXPECT_TRUE(has(text(LaunchStep::birth, EAGAIN), "ulimit -u"));
}

TEST(Words, EachStateReasonAndPriorityHasItsOwn) {
  std::set<std::string_view> seen;
  for (int i = 0; i <= static_cast<int>(JobState::skipped); ++i) {
    const auto state = static_cast<JobState>(i);
    EXPECT_EQ(state_from_word(to_word(state)), state);
    EXPECT_EQ(is_waiting(state) + is_active(state) + is_terminal(state), 1);
    seen.insert(to_word(state));
  }
  EXPECT_EQ(seen.size(), 14U);
  for (int i = 0; i <= static_cast<int>(Reason::reboot); ++i)
    EXPECT_EQ(reason_from_word(to_word(static_cast<Reason>(i))), static_cast<Reason>(i));
  EXPECT_EQ(priority_from_word("CriTical"), Priority::critical);
  EXPECT_EQ(priority_from_word("urgent"), std::nullopt);
  EXPECT_EQ(state_from_word("Running"), std::nullopt);
}

// --- resources ----------------------------------------------------------------------------------

Capacity machine() {
  Capacity capacity;
  capacity.cpus = 4;
  capacity.memory = 1000;
  capacity.gpus = 3;
  capacity.counters["licence"] = 2;
  return capacity;
}

Demand gpus(std::int32_t count) {
  Demand demand;
  demand.gpus = count;
  return demand;
}

TEST(Resources, FreeGpusAreGivenLowestFirstAndComeBack) {
  Resources resources(machine());
  EXPECT_EQ(resources.take({1}, gpus(2), false).gpus, (std::vector<int>{0, 1}));
  EXPECT_EQ(resources.take({2}, gpus(1), false).gpus, (std::vector<int>{2}));
  resources.give_back({1});
  EXPECT_EQ(resources.take({3}, gpus(1), false).gpus, (std::vector<int>{0}));
}

TEST(Resources, AdoptedJobKeepsItsGpus) {
  Resources resources(machine());
  resources.adopt({1}, gpus(1), {{1}, {}});
  EXPECT_EQ(resources.take({2}, gpus(2), false).gpus, (std::vector<int>{0, 2}));
  EXPECT_DEATH((void)resources.take({3}, gpus(1), false), "a demand that is taken fits");
}

TEST(Resources, CountersAndMemoryAreTakenAndGivenBack) {
  Resources resources(machine());
  Demand demand;
  demand.memory = 600;
  demand.counters["licence"] = 2;
  EXPECT_TRUE(Resources::Room(resources).fits(demand));
  (void)resources.take({1}, demand, false);
  Demand licence;
  licence.counters["licence"] = 1;
  Demand memory;
  memory.memory = 401;
  EXPECT_FALSE(Resources::Room(resources).fits(licence));
  EXPECT_FALSE(Resources::Room(resources).fits(memory));
  memory.memory = 400;
  EXPECT_TRUE(Resources::Room(resources).fits(memory));
  EXPECT_TRUE(Resources::Room(resources).fits(Demand{}));
  resources.give_back({1});
  resources.give_back({1});
  EXPECT_TRUE(Resources::Room(resources).fits(demand));
}

TEST(Resources, LockHasOneHolder) {
  Resources resources(machine());
  Demand demand;
  demand.lock = "a";
  (void)resources.take({1}, demand, false);
  EXPECT_EQ(resources.lock_holder("a"), JobId{1});
  EXPECT_EQ(resources.lock_holder("b"), std::nullopt);
  EXPECT_DEATH((void)resources.take({2}, demand, false), "a lock admits one job at a time");
  resources.give_back({1});
  EXPECT_EQ(resources.lock_holder("a"), std::nullopt);
}

TEST(Resources, ImpossibleDemandIsExplained) {
  const Resources resources(machine());
  Demand demand;
  EXPECT_EQ(resources.find_impossible(demand), std::nullopt);
  demand.cpus = 5;
  EXPECT_EQ(resources.find_impossible(demand), "it asks for 5 CPUs, and this machine offers 4");
  demand = gpus(4);
  EXPECT_TRUE(resources.find_impossible(demand));
  demand = {};
  demand.memory = 1001;
  EXPECT_TRUE(resources.find_impossible(demand));
  demand = {};
  demand.counters["seat"] = 1;
  EXPECT_NE(resources.find_impossible(demand)->find("not configured"), std::string::npos);
  demand.counters = {{"licence", 3}};
  EXPECT_TRUE(resources.find_impossible(demand));
  demand.counters = {{"licence", 2}};
  EXPECT_FALSE(resources.find_impossible(demand));
}

}  // namespace
}  // namespace reeve::test
