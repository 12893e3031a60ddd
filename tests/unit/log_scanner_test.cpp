// Findings in a log that comes in pieces.

#include "watch/log_scanner.h"

#include <gtest/gtest.h>

#include <random>

#include "core/limits.h"

namespace reeve::test {
namespace {

using Findings = std::vector<Finding>;

Findings scan(std::string_view log, std::size_t piece = 1 << 20) {
  LogScanner scanner(*RuleSet::compile({}));
  Findings found;
  for (std::size_t at = 0; at < log.size(); at += piece) scanner.feed(log.substr(at, piece), found);
  scanner.finish(found);
  return found;
}

Finding only(const Findings& found) {
  EXPECT_EQ(found.size(), 1U);
  return found.empty() ? Finding{} : found[0];
}

constexpr std::string_view traceback =
    "Traceback (most recent call last):\n"
    "  File \"run.py\", line 9, in <module>\n"
    "    main()\n"
    "  File \"run.py\", line 5, in main\n"
    "    return row['lat']\n"
    "           ~~~^^^^^^^\n"
    "KeyError: 'lat'\n";

std::string with_prefix(std::string_view text, std::string_view prefix) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    out += prefix;
    out += text.substr(0, end + 1);
    text.remove_prefix(end + 1);
  }
  return out;
}

TEST(LogScanner, TracebackIsOneFinding) {
  EXPECT_EQ(
      only(scan("start\n" + std::string(traceback) + "end\n")),
      (Finding{"python_traceback", Severity::error, 6, 2, "KeyError: 'lat'", "run.py:5 in main"}));
}

TEST(LogScanner, ChainedTracebacksAreOneFinding) {
  for (const char* link :
       {"\nDuring handling of the above exception, another exception occurred:\n\n",
        "\nThe above exception was the direct cause of the following exception:\n\n"}) {
    const std::string log = std::string(traceback) + link +
                            "Traceback (most recent call last):\n"
                            "  File \"run.py\", line 12, in <module>\n    f()\n"
                            "RuntimeError: bad table\n";
    const Finding found = only(scan(log));
    EXPECT_EQ(found.message, "RuntimeError: bad table");
    EXPECT_EQ(found.place, "run.py:12 in <module>");
    EXPECT_EQ(found.offset, 0);
  }
}

TEST(LogScanner, TwoTracebacksAreTwoFindings) {
  EXPECT_EQ(scan(std::string(traceback) + std::string(traceback)).size(), 2U);
  EXPECT_EQ(scan(std::string(traceback) + "\nnext try\n" + std::string(traceback)).size(), 2U);
}

TEST(LogScanner, TracebackOfAWorkerComesBeforeItsCause) {
  const std::string log =
      "multiprocessing.pool.RemoteTraceback: \n\"\"\"\n" + std::string(traceback) +
      "\"\"\"\n\nThe above exception was the direct cause of the following exception:\n\n"
      "Traceback (most recent call last):\n  File \"run.py\", line 20, in <module>\n"
      "KeyError: 'lat'\n";
  EXPECT_EQ(only(scan(log)).place, "run.py:20 in <module>");
}

TEST(LogScanner, TracebacksHavePrefixes) {
  for (const char* prefix : {"[rank0]: ", "3: ", "(train pid=12) ", "web-1  | ", "    ",
                             "2026-01-01 12:00:00,123 ", "[1,0]<stderr>:"}) {
    const Finding found = only(scan(with_prefix(traceback, prefix)));
    EXPECT_EQ(found.message, "KeyError: 'lat'") << prefix;
    EXPECT_EQ(found.place, "run.py:5 in main") << prefix;
  }
}

TEST(LogScanner, OtherRanksDoNotDisturbATraceback) {
  std::string log;
  for (const std::string_view line :
       {"Traceback (most recent call last):\n", "  File \"run.py\", line 5, in main\n",
        "KeyError: 'lat'\n"}) {
    log += "[rank0]: " + std::string(line);
    log += "[rank1]: " + std::string(line);
  }
  const Findings found = scan(log);
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found[0].message, "KeyError: 'lat'");
  EXPECT_EQ(found[0].place, "run.py:5 in main");
}

TEST(LogScanner, TracebackMayEndWithANestedName) {
  EXPECT_EQ(only(scan("Traceback (most recent call last):\n  File \"a.py\", line 1, in f\n"
                      "ray.exceptions.RayTaskError(ValueError): ray::f() (pid=1)\n"))
                .message,
            "ray.exceptions.RayTaskError(ValueError): ray::f() (pid=1)");
}

TEST(LogScanner, SyntaxErrorHasItsPlace) {
  EXPECT_EQ(only(scan("  File \"run.py\", line 3\n    print(\n         ^\n"
                      "SyntaxError: '(' was never closed\n")),
            (Finding{"python_traceback", Severity::error, 0, 1, "SyntaxError: '(' was never closed",
                     "run.py:3"}));
}

TEST(LogScanner, GroupOfExceptionsTellsItsFirst) {
  const Finding found =
      only(scan("  + Exception Group Traceback (most recent call last):\n"
                "  |   File \"run.py\", line 3, in <module>\n"
                "  |     raise ExceptionGroup('eg', [ValueError(1), TypeError('t')])\n"
                "  | ExceptionGroup: eg (2 sub-exceptions)\n"
                "  +-+---------------- 1 ----------------\n"
                "    | ValueError: 1\n"
                "    +---------------- 2 ----------------\n"
                "    | TypeError: t\n"
                "    +------------------------------------\n"));
  EXPECT_EQ(found.message, "ExceptionGroup: eg (2 sub-exceptions): ValueError: 1");
  EXPECT_EQ(found.place, "run.py:3 in <module>");
}

TEST(LogScanner, TracebackBelongsToTheErrorBeforeIt) {
  const Finding found =
      only(scan("x\n2026-01-01 12:00:00 ERROR app: row 12\n" + std::string(traceback) + "done\n"));
  EXPECT_EQ(found.rule, "python_traceback");
  EXPECT_EQ(found.line, 2);
  EXPECT_EQ(found.message, "KeyError: 'lat' (app: row 12)");
}

TEST(LogScanner, TracebackLoggedAsAWarningIsOne) {
  for (const char* before : {"WARNING:root:attempt failed\n", "2026-01-01 12:00:00 INFO handled\n",
                             "Exception ignored in: <function f>\n", "--- Logging error ---\n",
                             "call failed, retrying in 3 s\n"})
    EXPECT_EQ(only(scan(before + std::string(traceback))).severity, Severity::warning) << before;
  EXPECT_EQ(only(scan("WARNING:root:" + std::string(traceback))).severity, Severity::warning);
}

TEST(LogScanner, TracebackThatIsCutOffIsTold) {
  EXPECT_EQ(only(scan(traceback.substr(0, 80))).message, "a traceback without its last line");
}

TEST(LogScanner, ErrorThatIsTriedAgainIsAWarning) {
  EXPECT_EQ(only(scan("curl: (7) Failed to connect\nWarning: Will retry in 1 seconds. 3 retries "
                      "left.\nok\n"))
                .severity,
            Severity::warning);
  EXPECT_EQ(only(scan("ERROR attempt 3/3 failed\n")).severity, Severity::error);
  EXPECT_EQ(only(scan("ERROR giving up after 3 retries\n")).severity, Severity::error);
}

TEST(LogScanner, EmptyMessageStandsInTheNextLine) {
  const Finding found = only(scan("Error:\n\n  no rows in the table\nbye\n"));
  EXPECT_EQ(found.message, "Error: no rows in the table");
  EXPECT_EQ(found.line, 1);
}

TEST(LogScanner, SessionOfTestsThatPassesHasNoErrors) {
  const Findings found =
      scan("===== test session starts =====\nERROR on purpose\n.\n" + std::string(traceback) +
           "===== 3 passed, 1 xfailed in 0.12s =====\nERROR after it\n");
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].severity, Severity::warning);
  EXPECT_EQ(found[1].severity, Severity::warning);
  EXPECT_EQ(found[2].severity, Severity::error);
}

TEST(LogScanner, SessionOfTestsThatFailsTellsTheTests) {
  const Findings found = scan(
      "===== test session starts =====\nERROR on purpose\n"
      "FAILED test_a.py::test_b - assert 1 == 2\n===== 1 failed in 0.12s =====\n");
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].severity, Severity::warning);
  EXPECT_EQ(found[1].severity, Severity::error);
  EXPECT_EQ(found[1].message, "test_a.py::test_b - assert 1 == 2");
}

TEST(LogScanner, SessionOfTestsThatNeverEndsTellsAll) {
  EXPECT_EQ(only(scan("=== RUN TestA\nERROR x\n")).severity, Severity::error);
}

TEST(LogScanner, OpenFindingIsToldWhenNothingComes) {
  LogScanner scanner(*RuleSet::compile({}));
  Findings found;
  scanner.feed(traceback, found);
  EXPECT_TRUE(found.empty()) << "another exception may follow";
  EXPECT_TRUE(scanner.is_open());
  scanner.settle(found);
  EXPECT_EQ(only(found).message, "KeyError: 'lat'");
  EXPECT_FALSE(scanner.is_open());
  scanner.finish(found);
  EXPECT_EQ(found.size(), 1U);
}

TEST(LogScanner, FindingIsToldOnceTheNextLineIsThere) {
  LogScanner scanner(*RuleSet::compile({}));
  Findings found;
  scanner.feed("ERROR x\nnext", found);
  EXPECT_TRUE(found.empty());
  scanner.feed(" line\n", found);
  EXPECT_EQ(found.size(), 1U);
}

TEST(LogScanner, FindingsOfARuleAreBounded) {
  std::string log;
  const auto most = static_cast<std::size_t>(limits::findings_kept_max);
  for (std::size_t i = 0; i < most + 50; ++i) log += "ERROR x\nValueError: y\n";
  LogScanner scanner(*RuleSet::compile({}));
  Findings found;
  scanner.feed(log, found);
  scanner.finish(found);
  EXPECT_EQ(found.size(), 2 * most);
  EXPECT_EQ(scanner.errors(), static_cast<std::int64_t>(2 * most + 100));
  EXPECT_EQ(found[2 * most - 3].message, "ValueError: y");
  EXPECT_EQ(found.back().message, "ValueError: y (further ones of this rule are only counted)");
}

TEST(LogScanner, MessagesArePrintableAndShort) {
  const Finding found =
      only(scan("ERROR a\x01 b\xff \x00 \xe2\x80\xae" + std::string(1000, 'x') + "\n"));
  EXPECT_TRUE(found.message.starts_with("a\\x01 b\xef\xbf\xbd")) << found.message;
  EXPECT_LE(found.message.size(), limits::finding_message_bytes_max);
  EXPECT_TRUE(found.message.ends_with("\u2026"));
}

TEST(LogScanner, LineNumbersGoOnAfterAHole) {
  LogScanner scanner(*RuleSet::compile({}));
  Findings found;
  scanner.feed("one\nERR", found);
  scanner.skip(1000);
  scanner.feed("ERROR x\n", found);
  scanner.finish(found);
  EXPECT_EQ(only(found).offset, 1007);
  EXPECT_EQ(only(found).line, 2);
}

// Words that begin, go on with and end what the scanner knows, and bytes that mean nothing.
std::string random_log(std::mt19937& random, std::size_t bytes) {
  static const std::string words[] = {
      "Traceback (most recent call last):\n",
      "  File \"a.py\", line 3, in f\n",
      "KeyError: 'x'\n",
      "  File \"a.py\", line 3\n",
      "SyntaxError: x\n",
      "\n",
      "\n",
      "\r",
      "\r\n",
      "\x1b[31m",
      "\x1b[0m",
      "\x1b[",
      "\x1b]0;",
      "\x1b[2K\x1b[G",
      "ERROR ",
      "ERROR: x\n",
      "[rank0]: ",
      "\nDuring handling of the above exception, another exception occurred:\n\n",
      "  + Exception Group Traceback (most recent call last):\n",
      "  | ExceptionGroup: x\n",
      "    | ValueError: 1\n",
      "===== test session starts =====\n",
      "===== 1 passed in 0.1s =====\n",
      "===== 1 failed in 0.1s =====\n",
      "retrying in 3 s\n",
      "{\"level\":\"error\",\"msg\":\"",
      "\"}\n",
      "Error in f(x) : \n",
      "  why\n",
      "terminate called after throwing an instance of 'E'\n",
      "  what():  x\n",
      "curl: (7) x\n",
      "Exception in thread \"main\" x.E: y\n",
      "\tat A.b(A.java:1)\n",
      "Caused by: z\n",
      "Error:\n",
      "WARNING x\n",
      "plain words\n",
      "step 1 loss=0.1\n",
      "panic: x\n",
      "\"\"\"\n"};
  std::string log;
  while (log.size() < bytes) {
    const unsigned choice = random() % 100;
    if (choice < 90) {
      log += words[random() % std::size(words)];
    } else if (choice < 99) {
      for (unsigned i = random() % 40; i > 0; --i) log += static_cast<char>(random());
    } else {
      log += std::string(random() % 70'000, static_cast<char>('a' + random() % 26));
    }
  }
  return log;
}

TEST(LogScanner, PiecesDoNotMatter) {
  std::mt19937 random(4711);
  std::size_t told = 0;
  for (int round = 0; round < 40; ++round) {
    const std::string log = random_log(random, 100'000);
    LogScanner whole(*RuleSet::compile({}));
    LogScanner pieces(*RuleSet::compile({}));
    Findings expected;
    Findings found;
    whole.feed(log, expected);
    whole.finish(expected);
    const unsigned most = round % 2 == 0 ? 20 : 20'000;
    for (std::size_t at = 0; at < log.size();) {
      const std::size_t piece = 1 + random() % most;
      pieces.feed(std::string_view(log).substr(at, piece), found);
      at += piece;
    }
    pieces.finish(found);
    ASSERT_EQ(found, expected) << "round " << round;
    ASSERT_EQ(pieces.errors(), whole.errors());
    ASSERT_EQ(pieces.warnings(), whole.warnings());
    told += found.size();
    for (std::size_t i = 0; i < found.size(); ++i) {
      ASSERT_GE(found[i].offset, 0);
      ASSERT_LT(found[i].offset, static_cast<std::int64_t>(log.size()));
      if (i > 0) ASSERT_GT(found[i].offset, found[i - 1].offset);
    }
  }
  EXPECT_GT(told, 1000U);
}

}  // namespace
}  // namespace reeve::test
