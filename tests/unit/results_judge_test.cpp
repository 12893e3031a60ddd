// What becomes of checks when reeve-data crashes, hangs or lies: scripts stand in its place.

#include "cli/results_judge.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support.h"

namespace reeve::test {
namespace {

class ResultsJudge : public testing::Test {
 protected:
  // Each of three checks of files, by a program that is this script.
  ValidationReport report_by(const std::string& script) {
    write_file(folder_.file("data"), "#!/bin/sh\ncat >/dev/null\n" + script + "\n");
    ::chmod(folder_.file("data").c_str(), 0700);
    for (const char* path : {"a", "b", "c"}) {
      Check check;
      check.path = path;
      request_.validation.checks.push_back(check);
    }
    request_.directory = folder_.path();
    return cli::judge_results(request_, {folder_.file("data"), stop_});
  }
  static std::vector<CheckVerdict> verdicts(const ValidationReport& report) {
    std::vector<CheckVerdict> all;
    for (const CheckOutcome& outcome : report.checks) all.push_back(outcome.verdict);
    return all;
  }

  static constexpr const char* passed =
      R"(echo '{"check": 0, "outcome": {"verdict": "passed", "severity": "warning"}}')";
  TemporaryFolder folder_;
  ValidationRequest request_;
  int stop_ = -1;
};

TEST_F(ResultsJudge, AfterACrashTheOtherChecksAreCarriedOut) {
  const auto report = report_by(std::string(passed) + "; kill -SEGV $$");
  const std::vector wanted{CheckVerdict::passed, CheckVerdict::unknown, CheckVerdict::passed};
  EXPECT_EQ(verdicts(report), wanted);
  EXPECT_EQ(report.status, ResultsVerdict::inconclusive);
  EXPECT_EQ(report.checks[1].message, "it could not be checked: its checker was killed by SIGSEGV");
}

TEST_F(ResultsJudge, WhatWasAskedIsNotTakenFromTheAnswer) {
  const auto report = report_by(std::string(passed) + "; exit 1");
  EXPECT_EQ(report.checks[0].severity, Severity::error);
  EXPECT_EQ(report.checks[0].name, "files a");
}

TEST_F(ResultsJudge, WhatMakesNoSenseIsNoAnswer) {
  for (const char* script :
       {"echo x", "echo '{}'", "echo '{\"check\": 1, \"outcome\": {\"verdict\": \"passed\"}}'",
        "printf '{\"check\": 0, \"outcome\": {\"verdict\": \"passed\"}}'", "exit 0",
        "head -c 50000000 /dev/zero"}) {
    request_.validation.checks.clear();
    EXPECT_EQ(verdicts(report_by(script)), std::vector(3, CheckVerdict::unknown)) << script;
  }
}

TEST_F(ResultsJudge, WhatHangsIsEndedAtTheTimeLimit) {
  request_.validation.time_limit = Duration(300);
  const auto report = report_by(std::string(passed) + "; sleep 100");
  const std::vector wanted{CheckVerdict::passed, CheckVerdict::unknown, CheckVerdict::unknown};
  EXPECT_EQ(verdicts(report), wanted);
  EXPECT_NE(report.checks[1].message.find("took longer than the time limit"), std::string::npos);
  EXPECT_NE(report.checks[2].message.find("before it began"), std::string::npos);
}

TEST_F(ResultsJudge, WhatIsStoppedKnowsNothing) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, 0), 0);
  stop_ = ends[0];
  ::close(ends[1]);
  const auto report = report_by("sleep 100");
  ::close(ends[0]);
  EXPECT_EQ(verdicts(report), std::vector(3, CheckVerdict::unknown));
  EXPECT_NE(report.checks[0].message.find("was stopped"), std::string::npos);
}

}  // namespace
}  // namespace reeve::test
