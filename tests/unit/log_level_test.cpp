// The level at which a line was logged, in the many ways in which programs write it.

#include "watch/log_level.h"

#include <gtest/gtest.h>

#include "watch/json_line.h"
#include "watch/wording.h"

namespace reeve::test {
namespace {

struct Sample {
  const char* line;
  const char* message;
};

TEST(LogLevel, ErrorsOfManyLoggers) {
  const Sample samples[] = {
      {"ERROR: disk is slow", "disk is slow"},
      {"ERROR disk is slow", "disk is slow"},
      {"ERROR:root:disk is slow", "disk is slow"},
      {"CRITICAL:app.sync:disk: slow", "disk: slow"},
      {"[ERROR] disk is slow", "disk is slow"},
      {"[error] disk is slow", "disk is slow"},
      {"FATAL - disk is slow", "disk is slow"},
      {"*** ERROR: disk is slow", "disk is slow"},
      {"2026-01-01 12:00:00,123 ERROR trainer: disk is slow", "trainer: disk is slow"},
      {"2026-01-01 12:00:00,123 - my.module - ERROR - disk is slow", "disk is slow"},
      {"2026-01-01 12:00:00,123 - root - CRITICAL - disk is slow", "disk is slow"},
      {"[2026-01-01 12:00:00,123][sync][CRITICAL] - disk is slow", "disk is slow"},
      {"[2026-01-01 12:00:00.123] [logger] [error] disk is slow", "disk is slow"},
      {"[2026-01-01T12:00:00Z ERROR app::io] disk is slow", "disk is slow"},
      {"2026-01-01T12:00:00.123Z ERROR app::io: disk is slow", "app::io: disk is slow"},
      {"2026-01-01 12:00:00 [main] ERROR com.x.Main - disk is slow", "com.x.Main - disk is slow"},
      {"12:00:00.123 [pool-1-thread-2] ERROR c.x.Main -- disk is slow", "c.x.Main -- disk is slow"},
      {"2026-01-01 12:00:00,123 main ERROR disk is slow", "disk is slow"},
      {"[2026-01-01 12:00:00,123: ERROR/MainProcess] disk is slow", "disk is slow"},
      {"[2026-01-01 12:00:00,123] {task.py:12} ERROR - disk is slow", "disk is slow"},
      {"2026-01-01 12:00:00.123 | ERROR    | __main__:f:3 - disk is slow",
       "__main__:f:3 - disk is slow"},
      {"2026-01-01 12:00:00 [error    ] disk is slow          shard=7",
       "disk is slow          shard=7"},
      {"2026-01-01T12:00:00.000Z\tERROR\tmain.go:10\tdisk is slow", "main.go:10\tdisk is slow"},
      {"2026/01/01 12:00:00 ERROR disk is slow", "disk is slow"},
      {"26/01/01 12:00:00 ERROR SparkContext: disk is slow", "SparkContext: disk is slow"},
      {"time=2026-01-01T12:00:00Z level=ERROR msg=\"disk is slow\" shard=7", "disk is slow"},
      {"time=\"2026-01-01 12:00:00\" level=fatal msg=\"disk is slow\"", "disk is slow"},
      {"level=error ts=1 caller=a.go:3 err=\"disk is slow\"", "disk is slow"},
      {"E1122 12:00:00.000000   123 file.cc:45] disk is slow", "disk is slow"},
      {"F0101 01:02:03.456789 1 x.cc:1] Check failed: n > 0", "Check failed: n > 0"},
      {"2026-01-01 12:00:00.000000: E tensorflow/core/x.cc:12] disk is slow", "disk is slow"},
      {"[rank0]:[E1122 12:00:00.000 ProcessGroup.cpp:607] disk is slow", "disk is slow"},
      {"[E 2026-01-01 12:00:00.123 ServerApp] disk is slow", "disk is slow"},
      {"Jan  1 12:00:00 host app[12]: error: disk is slow", "disk is slow"},
      {"Jan  1 12:00:00 host app[12]: ERROR disk is slow", "disk is slow"},
      {"[Thu Jan 01 12:00:00.0 2026] [core:error] [pid 1] disk is slow", "[pid 1] disk is slow"},
      {"2026/01/01 12:00:00 [error] 123#0: disk is slow", "123#0: disk is slow"},
      {"2026-01-01 12:00:00 UTC [123] ERROR:  disk is slow", "disk is slow"},
      {"12:00:00 ERR disk is slow", "disk is slow"},
      {"12:00PM FTL disk is slow", "disk is slow"},
      {"SEVERE: disk is slow", "disk is slow"},
      {"error: disk is slow", "disk is slow"},
      {"fatal: not a git repository", "not a git repository"},
      {"app: error: disk is slow", "disk is slow"},
      {"/usr/bin/app: fatal: disk is slow", "disk is slow"},
      {"(worker-3) ERROR: disk is slow", "disk is slow"},
      {"distributed.worker - ERROR - disk is slow", "disk is slow"},
      {"step 3 of 7: ERROR: disk is slow", "disk is slow"},
      {"\xe2\x9d\x8c ERROR: disk is slow", "disk is slow"},
      {"fail: Microsoft.Hosting[0]", "Microsoft.Hosting[0]"},
  };
  for (const Sample& sample : samples) {
    const auto found = read_level(sample.line);
    ASSERT_TRUE(found) << sample.line;
    EXPECT_EQ(found->level, LogLevel::error) << sample.line;
    EXPECT_EQ(found->message, sample.message) << sample.line;
  }
}

TEST(LogLevel, LowerLevelsAreKnown) {
  for (const char* line :
       {"WARNING: an error is near", "INFO:root:ERROR codes are listed",
        "2026-01-01 12:00:00 INFO no ERROR yet", "2026-01-01 12:00:00 [warning  ] last error: none",
        "[2026-01-01 12:00:00] [x] [info] ERROR", "W1122 12:00:00.0 1 x.cc:1] ERROR",
        "level=info msg=\"level=error\"", "12:00:00 DEBUG x - ERROR", "warning: error: x"}) {
    const auto found = read_level(line);
    ASSERT_TRUE(found) << line;
    EXPECT_NE(found->level, LogLevel::error) << line;
  }
}

TEST(LogLevel, WordsElsewhereAreNoLevels) {
  for (const char* line : {"",
                           "0 errors",
                           "error_rate=0.01",
                           "exception_handler.py",
                           "errors=0",
                           "no error",
                           "if an error occurs, stop",
                           "The ERROR is explained below",
                           "ERRORS: 0",
                           "ERROR RATE 0.1",
                           "ERROR SUMMARY: 0 errors",
                           "log level: ERROR",
                           "level: ERROR",
                           "level=error",
                           "--level=ERROR",
                           "  ERROR: in a help text",
                           "\tERROR: indented",
                           "\"ERROR: quoted\"",
                           "on_error: ignore",
                           "error.log",
                           "test_error ... ok",
                           "mean error: 0.1",
                           "0a1b2c3 fatal: handle it",
                           "<error>0</error>",
                           "+ echo ERROR: x",
                           "Fix error: crash",
                           "Levels: ERROR, FATAL"})
    EXPECT_FALSE(read_level(line)) << line;
}

TEST(LogLevel, JsonLines) {
  const auto is_error = [](const char* line) {
    const auto found = read_json_line(line);
    return found && found->level == LogLevel::error;
  };
  EXPECT_TRUE(is_error(R"({"level":"error","msg":"x"})"));
  EXPECT_TRUE(is_error(R"({"msg": "x", "severity": "CRITICAL"})"));
  EXPECT_TRUE(is_error(R"({"levelname":"ERROR","message":"x"})"));
  EXPECT_TRUE(is_error(R"({"level":50,"msg":"x"})"));
  EXPECT_TRUE(is_error(R"({"level":60,"msg":"x"})"));
  EXPECT_TRUE(is_error(R"({"a":{"level":"info"},"b":[1,{"x":"}"}],"lvl":"fatal"})"));
  EXPECT_TRUE(is_error(R"({"level":"error","msg":"cut o)")) << "a line may be cut off";
  EXPECT_FALSE(is_error(R"({"level":"info","msg":"level\":\"error"})"));
  EXPECT_FALSE(is_error(R"({"level":40,"msg":"x"})"));
  EXPECT_FALSE(is_error(R"({"level":3,"msg":"x"})"));
  EXPECT_FALSE(is_error(R"({"status":"error"})"));
  EXPECT_FALSE(is_error(R"({"data":{"level":"error"}})"));
  EXPECT_FALSE(is_error(R"(["level","error"])"));
}

TEST(LogLevel, JsonLinesTellTheirMessage) {
  const auto message = [](const char* line) { return read_json_line(line)->message; };
  EXPECT_EQ(message(R"({"level":"error","msg":"disk \"a\" is\nslow"})"), "disk \"a\" is slow");
  EXPECT_EQ(message(R"({"level":"error","msg":"disk","error":"slow"})"), "disk: slow");
  EXPECT_EQ(message(R"({"level":"error","error":"slow"})"), "slow");
  EXPECT_EQ(message(R"({"level":"error","event":"x","exception":"Traceback (most recent call )"
                    R"(last):\n  File \"a.py\", line 1, in f\nKeyError: 'lat'"})"),
            "KeyError: 'lat'");
}

TEST(Wording, RetriesAreAnnounced) {
  for (const char* line : {"attempt 1 of 3 failed", "connection lost, retrying in 5 s",
                           "(attempt 2/5)", "Will retry", "will be retried", "3 retries left",
                           "Retrying (Retry(total=2))", "trying again in 1 s", "Retry 1/3"})
    EXPECT_TRUE(announces_retry(line)) << line;
  for (const char* line :
       {"attempt 3 of 3 failed", "giving up after 3 retries", "Max retries exceeded",
        "retries exhausted, retry later", "not retrying", "0 retries left", "no retry", "an error",
        "failed after 5 attempts", "try: except", "part 1 of 3 is broken"})
    EXPECT_FALSE(announces_retry(line)) << line;
}

TEST(Wording, MeasuresAndSettingsAreNoErrors) {
  for (const char* text :
       {"0", "0.12", "1e-9", "3.2%", "0.12 (best 0.11)", "0.1, 0.2", "nan", "None", "false",
        "ignore", "0 errors found", "no errors", "12  34  56", "-", "[]"})
    EXPECT_TRUE(is_plain_value(text)) << text;
  for (const char* text : {"404 not found", "no such table: x", "none of the rows fit",
                           "2 files missing", "ignored 3 rows", "0x12 is no address", "no rows"})
    EXPECT_FALSE(is_plain_value(text)) << text;
}

TEST(Wording, CarriersAreTakenOff) {
  for (const char* line :
       {"x y", "[rank0]: x y", "[1,0]<stderr>:x y", "3: x y", "(train pid=12) x y", "web-1  | x y",
        "2026-01-01 12:00:00 x y", "[12:00:00] x y", "Jan  1 12:00:00 host app[1]: x y",
        "[rank1]: 2026-01-01T12:00:00.5Z x y"})
    EXPECT_EQ(without_carrier(line), "x y") << line;
  EXPECT_EQ(without_carrier("  12: x"), "  12: x");
}

}  // namespace
}  // namespace reeve::test
