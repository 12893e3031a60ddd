// Logs that real programs wrote (bench/findings.py collects them): what is found in them.

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <sstream>

#include "support.h"
#include "watch/log_scanner.h"

namespace reeve::test {
namespace {

namespace fs = std::filesystem;

const std::string folder = std::string(REEVE_SOURCE_DIR) + "/tests/golden/logs";

// "error 2 python_traceback: KeyError: 'x' (a.py:1 in f)", a line for each finding.
std::string findings_text(std::string_view log) {
  LogScanner scanner(*RuleSet::compile({}));
  std::vector<Finding> found;
  scanner.feed(log, found);
  scanner.finish(found);
  std::ostringstream out;
  for (const Finding& finding : found) {
    out << (finding.severity == Severity::error ? "error " : "warning ") << finding.line << " "
        << finding.rule << ": " << finding.message;
    if (!finding.place.empty()) out << " (" << finding.place << ")";
    out << "\n";
  }
  return out.str();
}

// Of findings.txt: after each name in brackets, what is found in that log.
std::map<std::string, std::string> read_expectations() {
  std::map<std::string, std::string> expected;
  std::istringstream text(read_file(folder + "/findings.txt"));
  std::string name;
  for (std::string line; std::getline(text, line);) {
    if (line.starts_with('#')) continue;
    if (line.starts_with('['))
      expected[name = line.substr(1, line.size() - 2)];
    else
      expected[name] += line + "\n";
  }
  return expected;
}

TEST(RealLogs, AreReadAsExpected) {
  const auto expected = read_expectations();
  std::size_t logs = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".log") continue;
    ++logs;
    const std::string name = entry.path().stem();
    const auto section = expected.find(name);
    ASSERT_NE(section, expected.end()) << name;
    EXPECT_EQ(findings_text(read_file(entry.path())), section->second) << name;
  }
  EXPECT_EQ(logs, expected.size()) << "each has its log";
  EXPECT_GE(logs, 60U);
}

}  // namespace
}  // namespace reeve::test
