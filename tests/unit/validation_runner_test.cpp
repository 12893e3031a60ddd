// Validations as the daemon has them: in processes of their own that hang, crash and lie.

#include "daemon/validation_runner.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <filesystem>

#include "contain/process.h"
#include "support.h"

namespace reeve::test {
namespace {

namespace fs = std::filesystem;

constexpr int patience_ms = 30'000;

Check command(const std::string& script) {
  Check check;
  check.kind = CheckKind::command;
  check.shell = script;
  return check;
}

AttemptKey key(std::int64_t job) {
  return {JobId{job}, 1, 1};
}

bool is_gone(pid_t pid) {
  const auto stat = read_stat(pid);
  return !stat || !is_alive(*stat);
}

class ValidationRunnerTest : public testing::Test {
 protected:
  [[nodiscard]] std::vector<std::string> real_worker() const {
    const fs::path own = fs::read_symlink("/proc/self/exe");
    return {own.parent_path() / "reeve", "validate", "--worker"};
  }
  [[nodiscard]] ValidationRequest request(std::vector<Check> checks) const {
    ValidationRequest made;
    made.directory = folder_.path();
    made.validation.checks = std::move(checks);
    made.environment = {"PATH=/usr/local/bin:/usr/bin:/bin", "ANSWER=42"};
    return made;
  }
  [[nodiscard]] std::string scratch() const { return folder_.file("scratch"); }

  static std::vector<ValidationRunner::Ended> await_some(ValidationRunner& runner) {
    while (true) {
      pollfd wanted{runner.ready_descriptor(), POLLIN, 0};
      if (::poll(&wanted, 1, patience_ms) != 1) return {};
      if (auto ended = runner.collect(); !ended.empty()) return ended;
    }
  }
  static ValidationReport await_one(ValidationRunner& runner) {
    auto ended = await_some(runner);
    EXPECT_EQ(ended.size(), 1U);
    return ended.empty() ? ValidationReport{} : std::move(ended.front().report);
  }
  // The report of a worker that is a script.
  ValidationReport report_of_worker(const std::string& script) {
    ValidationRunner runner({"/bin/sh", "-c", script}, scratch());
    EXPECT_TRUE(runner.start(key(1), request({command("true")})));
    return await_one(runner);
  }
  // Of a check by the real one.
  ValidationReport report_of(ValidationRequest wanted) {
    ValidationRunner runner(real_worker(), scratch());
    EXPECT_TRUE(runner.start(key(1), std::move(wanted)));
    return await_one(runner);
  }
  // The pid that a command wrote into the file; waits until it is there.
  [[nodiscard]] pid_t await_pid(const std::string& fifo) const {
    const Fd file(::open(folder_.file(fifo).c_str(), O_RDONLY | O_CLOEXEC));
    char text[32] = {};
    (void)!::read(file.get(), text, sizeof text - 1);
    return static_cast<pid_t>(std::atoi(text));
  }

  TemporaryFolder folder_;
};

TEST_F(ValidationRunnerTest, GoodResultsAreValid) {
  write_file(folder_.file("a.csv"), "id\n1\n");
  Check table;
  table.kind = CheckKind::table;
  table.path = "a.csv";
  table.rows_min = 1;
  Check log;
  log.kind = CheckKind::log_clean;
  auto wanted = request({table, log, command("test -e a.csv && test \"$ANSWER\" = 42 && pwd")});
  wanted.head.name = "train";
  wanted.head.job = 7;
  const auto report = report_of(wanted);
  EXPECT_EQ(report.status, ResultsVerdict::valid) << reason_of(report);
  EXPECT_EQ(report.name, "train");
  EXPECT_EQ(report.job, 7);
  ASSERT_EQ(report.checks.size(), 3U);
  EXPECT_EQ(report.checks[2].message, fs::canonical(folder_.path()).string());
}

TEST_F(ValidationRunnerTest, CommandThatFailsIsInvalid) {
  const auto report = report_of(request({command("echo 'two rows' >&2; exit 3")}));
  EXPECT_EQ(report.status, ResultsVerdict::invalid);
  EXPECT_EQ(report.checks.front().message, "exit code 3: two rows");
}

TEST_F(ValidationRunnerTest, CommandThatCrashesOrIsNotThereIsInconclusive) {
  Check absent;
  absent.kind = CheckKind::command;
  absent.command = {"/no/such/program"};
  const auto report =
      report_of(request({command("kill -SEGV $$"), command("no-such-program"), absent}));
  EXPECT_EQ(report.status, ResultsVerdict::inconclusive);
  ASSERT_EQ(report.checks.size(), 3U);
  EXPECT_NE(report.checks[0].message.find("SIGSEGV"), std::string::npos);
  EXPECT_NE(report.checks[1].message.find("127"), std::string::npos);
  EXPECT_NE(report.checks[2].message.find("ENOENT"), std::string::npos);
}

TEST_F(ValidationRunnerTest, WhatHangsIsEndedWithAllThatItStarted) {
  ASSERT_EQ(::mkfifo(folder_.file("pid").c_str(), 0600), 0);
  auto wanted = request({command("setsid sh -c 'echo $$ >pid; trap \"\" TERM; sleep 100' & "
                                 "sleep 100"),
                         command("true")});
  wanted.validation.time_limit = Duration(1500);
  ValidationRunner runner(real_worker(), scratch());
  ASSERT_TRUE(runner.start(key(1), wanted));
  const pid_t left = await_pid("pid");
  const auto report = await_one(runner);
  EXPECT_EQ(report.status, ResultsVerdict::inconclusive);
  EXPECT_NE(report.checks[0].message.find("took longer than the time limit"), std::string::npos);
  EXPECT_NE(report.checks[1].message.find("before it began"), std::string::npos);
  EXPECT_TRUE(left > 0 && is_gone(left));
}

TEST_F(ValidationRunnerTest, WhatEatsMemoryIsEnded) {
  auto wanted = request({command("x=$(head -c 300000000 /dev/zero | tr '\\0' x); sleep 100")});
  wanted.memory = limits::validation_memory_min;
  const auto report = report_of(wanted);
  EXPECT_EQ(report.status, ResultsVerdict::inconclusive);
  EXPECT_NE(report.checks[0].message.find("128.0 MiB of memory"), std::string::npos)
      << report.checks[0].message;
}

TEST_F(ValidationRunnerTest, OnlyTheLastWordsOfMuchOutputAreKept) {
  const auto report =
      report_of(request({command("head -c 100000000 /dev/zero | tr '\\0' x; echo; echo last")}));
  EXPECT_EQ(report.status, ResultsVerdict::valid) << reason_of(report);
  EXPECT_EQ(report.checks[0].message, "last");
}

TEST_F(ValidationRunnerTest, WorkerThatSaysNonsenseIsInconclusive) {
  for (const char* script :
       {"exit 0", "exit 3", "kill -9 $$", "echo '{'", "echo '{\"status\": \"VALID\"}'", "echo '[]'",
        "head -c 100000000 /dev/zero",
        // Of another number of checks.
        "echo '{\"status\": \"VALID\", \"checks\": []}'"}) {
    const auto report = report_of_worker(script);
    EXPECT_EQ(report.status, ResultsVerdict::inconclusive) << script;
    EXPECT_EQ(report.checks.size(), 1U) << script;
    EXPECT_FALSE(reason_of(report).empty());
  }
}

TEST_F(ValidationRunnerTest, VerdictIsNotTakenFromTheWorker) {
  const auto report = report_of_worker(
      R"(echo '{"status": "VALID", "checks": [{"verdict": "failed", "message": "no"}]}')");
  EXPECT_EQ(report.status, ResultsVerdict::invalid);
}

TEST_F(ValidationRunnerTest, WorkerThatCanNotBeStartedIsInconclusive) {
  ValidationRunner runner({"/no/such/worker"}, scratch());
  ASSERT_TRUE(runner.start(key(1), request({command("true")})));
  EXPECT_EQ(await_one(runner).status, ResultsVerdict::inconclusive);
}

TEST_F(ValidationRunnerTest, WithoutReevesDataFilesAreInconclusive) {
  const fs::path own = fs::read_symlink("/proc/self/exe");
  fs::create_directories(folder_.file("bin"));
  fs::copy_file(own.parent_path() / "reeve", folder_.file("bin/reeve"));
  Check files;
  files.path = "x";
  ValidationRunner runner({folder_.file("bin/reeve"), "validate", "--worker"}, scratch());
  ASSERT_TRUE(runner.start(key(1), request({files, command("true")})));
  const auto report = await_one(runner);
  EXPECT_EQ(report.status, ResultsVerdict::inconclusive);
  EXPECT_NE(report.checks[0].message.find("could not be started (ENOENT)"), std::string::npos);
  EXPECT_EQ(report.checks[1].verdict, CheckVerdict::passed);
}

TEST_F(ValidationRunnerTest, ManyAreDoneAFewAtATime) {
  ValidationRunner runner({"/bin/sh", "-c", "read line <" + folder_.file("gate")}, scratch());
  ASSERT_EQ(::mkfifo(folder_.file("gate").c_str(), 0600), 0);
  for (int i = 1; i <= 5; ++i) ASSERT_TRUE(runner.start(key(i), request({command("true")})));
  std::size_t running = 0;
  for (const auto& entry : fs::directory_iterator(scratch())) running += entry.is_directory();
  EXPECT_EQ(running, limits::validations_at_once_max);
  EXPECT_FALSE(runner.start(key(3), request({command("true")})));
  std::size_t ended = 0;
  while (ended < 5) {
    const Fd gate(::open(folder_.file("gate").c_str(), O_RDWR | O_CLOEXEC));
    (void)!::write(gate.get(), "\n\n", 2);
    const auto some = await_some(runner);
    ASSERT_FALSE(some.empty());
    ended += some.size();
  }
  EXPECT_FALSE(runner.has(key(5)));
  EXPECT_TRUE(fs::is_empty(scratch()));
}

TEST_F(ValidationRunnerTest, TooManyThatWaitAreRefused) {
  ValidationRunner runner({"/bin/sh", "-c", "read line"}, scratch());
  std::int64_t job = 0;
  Result<void> started;
  while ((started = runner.start(key(++job), request({command("true")})))) {
  }
  EXPECT_EQ(started.error().code, ErrorCode::busy);
}

TEST_F(ValidationRunnerTest, StoppedOneGivesNoReportAndLeavesNothing) {
  ASSERT_EQ(::mkfifo(folder_.file("pid").c_str(), 0600), 0);
  ValidationRunner runner(real_worker(), scratch());
  ASSERT_TRUE(runner.start(key(1), request({command("echo $$ >pid; exec sleep 100")})));
  const pid_t pid = await_pid("pid");
  runner.stop(key(1));
  while (runner.has(key(1))) {
    pollfd wanted{runner.ready_descriptor(), POLLIN, 0};
    ASSERT_EQ(::poll(&wanted, 1, patience_ms), 1);
    EXPECT_TRUE(runner.collect().empty());
  }
  EXPECT_TRUE(is_gone(pid));
}

TEST_F(ValidationRunnerTest, DaemonThatDiesTakesItsValidationsWithIt) {
  ASSERT_EQ(::mkfifo(folder_.file("pid").c_str(), 0600), 0);
  const int status = status_of_child([&] {
    static ValidationRunner runner(real_worker(), scratch());
    if (!runner.start(key(1), request({command("echo $$ >pid; exec sleep 100")}))) return 1;
    const pid_t pid = await_pid("pid");
    write_file(folder_.file("known"), std::to_string(pid));
    ::_exit(0);  // no destructor runs
  });
  ASSERT_EQ(status, 0);
  const pid_t pid = std::atoi(read_file(folder_.file("known")).c_str());
  const Fd handle(open_pidfd(pid));
  if (!handle) return;  // it is gone already
  pollfd wanted{handle.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&wanted, 1, patience_ms), 1);
}

}  // namespace
}  // namespace reeve::test
