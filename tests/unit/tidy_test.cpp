// The source text obeys its own rules, and each rule can fail.

#include <gtest/gtest.h>
#include <stdio.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>

#include "support.h"
#include "tidy_rules.h"

namespace reeve::test {
namespace {

namespace fs = std::filesystem;

const std::string root = REEVE_SOURCE_DIR;

// What git knows or would take; everything outside of build folders where there is no git.
std::vector<std::string> list_files() {
  std::vector<std::string> files;
  const std::string command =
      "git -C '" + root + "' ls-files --cached --others --exclude-standard -z 2>/dev/null";
  std::string text;
  if (FILE* pipe = ::popen(command.c_str(), "r"); pipe != nullptr) {
    std::array<char, 4096> buffer{};
    for (std::size_t got = 0; (got = ::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
      text.append(buffer.data(), got);
    ::pclose(pipe);
  }
  for (std::size_t at = 0; at < text.size(); at = text.find('\0', at) + 1)
    files.emplace_back(text.c_str() + at);
  if (!files.empty()) return files;
  for (fs::recursive_directory_iterator item(root), end; item != end; ++item) {
    const std::string name = item->path().filename().string();
    if (item->is_directory() && (name == ".git" || name == "build" || name == "__pycache__"))
      item.disable_recursion_pending();
    else if (item->is_regular_file())
      files.push_back(fs::relative(item->path(), root).string());
  }
  return files;
}

// Text files by path.
const std::map<std::string, std::string>& tree() {
  static const std::map<std::string, std::string> files = [] {
    std::map<std::string, std::string> out;
    for (const std::string& path : list_files()) {
      std::error_code error;
      if (!fs::is_regular_file(root + "/" + path, error)) continue;
      std::string text = read_file(root + "/" + path);
      if (text.find('\0') == std::string::npos) out[path] = std::move(text);
    }
    return out;
  }();
  return files;
}

using Rule = std::function<Complaints(std::string_view, std::string_view)>;

// The files of the rules and of this test name what they forbid.
bool names_what_it_forbids(std::string_view path) {
  return path.starts_with("tests/unit/tidy_");
}

void expect_obeyed(const Rule& rule) {
  for (const auto& [path, text] : tree())
    for (const std::string& complaint : rule(path, text)) ADD_FAILURE() << complaint;
}

std::string lines(std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += "int x;\n";
  return text;
}

TEST(Tidy, TreeIsFound) {
  EXPECT_TRUE(tree().contains("src/core/limits.h"));
  EXPECT_TRUE(tree().contains("src/base/limits.h"));
  EXPECT_TRUE(tree().contains("tests/CMakeLists.txt"));
  EXPECT_GT(std::ranges::count_if(tree(),
                                  [](const auto& file) { return file.first.starts_with("src/"); }),
            100);
}

TEST(Tidy, IncludesFollowTheArrows) {
  expect_obeyed(check_arrows);
}

TEST(Tidy, IncludeAgainstAnArrowIsSeen) {
  const auto count = [](const char* path, const char* include) {
    return check_arrows(path, "#include \"" + std::string(include) + "\"\n").size();
  };
  EXPECT_EQ(count("src/base/time.cpp", "core/job.h"), 1U);
  EXPECT_EQ(count("src/core/plan.cpp", "store/store.h"), 1U);
  EXPECT_EQ(count("src/keeper/launch.cpp", "core/job.h"), 1U);
  EXPECT_EQ(count("src/daemon/daemon.cpp", "cli/app.h"), 1U);
  EXPECT_EQ(count("src/cli/list.cpp", "daemon/daemon.h"), 1U);
  EXPECT_EQ(count("src/cli/daemon_commands.cpp", "daemon/daemon.h"), 0U);
  EXPECT_EQ(count("src/engine/local/journal.cpp", "keeper/record.h"), 0U);
  EXPECT_EQ(count("src/engine/local/journal.cpp", "store/store.h"), 1U);
  EXPECT_EQ(count("src/watch/x.cpp", "contain/memory.h"), 0U);
  EXPECT_EQ(count("src/watch/x.cpp", "store/store.h"), 1U);
  EXPECT_EQ(count("src/novelty/x.cpp", "base/fd.h"), 1U) << "a new folder needs its arrows";
}

TEST(Tidy, FilesAreShortEnough) {
  Complaints complaints;
  const auto exceptions = parse_exceptions(tree().at("tests/tidy_exceptions.txt"), complaints);
  EXPECT_TRUE(complaints.empty()) << complaints.front();
  for (const auto& [path, reason] : exceptions) EXPECT_TRUE(tree().contains(path)) << path;
  expect_obeyed([&](auto path, auto text) { return check_length(path, text, exceptions); });
}

TEST(Tidy, LongFileIsSeen) {
  EXPECT_EQ(check_length("src/base/x.cpp", lines(600), {}).size(), 0U);
  EXPECT_EQ(check_length("src/base/x.cpp", lines(601), {}).size(), 1U);
  EXPECT_EQ(check_length("tests/unit/x.cpp", lines(800), {}).size(), 0U);
  EXPECT_EQ(check_length("tests/unit/x.cpp", lines(801), {}).size(), 1U);
  const std::map<std::string, std::string> exceptions{{"src/base/x.cpp", "a table"}};
  EXPECT_EQ(check_length("src/base/x.cpp", lines(601), exceptions).size(), 0U);
  EXPECT_EQ(check_length("src/base/x.cpp", lines(600), exceptions).size(), 1U);
}

TEST(Tidy, ExceptionNeedsAReason) {
  Complaints complaints;
  const auto exceptions = parse_exceptions("# why\n\na.cpp: a table\nb.cpp\nc.cpp: \n", complaints);
  EXPECT_EQ(exceptions.size(), 1U);
  EXPECT_EQ(complaints.size(), 2U);
}

TEST(Tidy, LinesHaveAtMostAHundredColumns) {
  expect_obeyed(check_columns);
}

TEST(Tidy, LongLineIsSeen) {
  EXPECT_EQ(check_columns("src/base/x.h", std::string(100, 'x') + "\n").size(), 0U);
  EXPECT_EQ(check_columns("src/base/x.h", "\n" + std::string(101, 'x')).size(), 1U);
  std::string wide;
  for (int i = 0; i < 100; ++i) wide += "\xe2\x80\xa6";
  EXPECT_EQ(check_columns("src/base/x.h", wide).size(), 0U) << "columns are not bytes";
}

TEST(Tidy, BannedWordsAreNotUsed) {
  expect_obeyed([](auto path, auto text) {
    const bool counts = path.starts_with("src/") || path.starts_with("tests/");
    return counts && !names_what_it_forbids(path) ? check_words(path, text) : Complaints{};
  });
}

TEST(Tidy, EachBannedWordIsSeen) {
  for (const char* bad :
       {"system(\"ls\");", "int x = ::system(\"ls\");", "std::thread worker;", "std::jthread w;",
        "auto t = std::chrono::steady_clock::now();", "std::this_thread::sleep_for(1s);",
        "usleep(5);", "using namespace std;", "volatile int x;", "worker.detach();",
        "worker->detach();", "// FIXME: later"})
    EXPECT_EQ(check_words("src/core/x.cpp", bad).size(), 1U) << bad;
  for (const char* good : {"is_network_file_system(path);", "void detach() {", "return detach();",
                           "clock.now()", "namespace fs = std::filesystem;", "std::this_thread_x"})
    EXPECT_EQ(check_words("src/core/x.cpp", good).size(), 0U) << good;
}

TEST(Tidy, SomeWordsHaveTheirPlace) {
  EXPECT_EQ(check_words("src/daemon/x.h", "std::thread worker;").size(), 0U);
  EXPECT_EQ(check_words("src/cli/x.cpp", "Clock::now()").size(), 0U);
  EXPECT_EQ(check_words("src/cli/x.cpp", "std::thread worker;").size(), 1U);
  EXPECT_EQ(check_words("src/keeper/launch.cpp", "volatile Launch x;").size(), 0U);
  EXPECT_EQ(check_words("src/keeper/record.cpp", "volatile Launch x;").size(), 1U);
}

TEST(Tidy, EachLimitIsUsed) {
  for (const char* path : {"src/core/limits.h", "src/base/limits.h"})
    for (const std::string& complaint : check_limits(path, tree().at(path), tree()))
      ADD_FAILURE() << complaint;
}

TEST(Tidy, UnusedLimitIsSeen) {
  const std::string limits =
      "inline constexpr int used_max = 1;\ninline constexpr std::size_t idle{2};\n"
      "inline constexpr Duration used{3};\n";
  const std::map<std::string, std::string> sources{
      {"src/core/limits.h", "limits::idle"}, {"src/core/x.cpp", "limits::used_max limits::used,"}};
  const auto complaints = check_limits("src/core/limits.h", limits, sources);
  ASSERT_EQ(complaints.size(), 1U);
  EXPECT_NE(complaints[0].find("limits::idle"), std::string::npos);
}

TEST(Tidy, HeadersAreIncludedOnce) {
  expect_obeyed(check_header);
}

TEST(Tidy, HeaderWithoutPragmaIsSeen) {
  EXPECT_EQ(check_header("src/base/x.h", "// text\nint x;\n").size(), 1U);
  EXPECT_EQ(check_header("src/base/x.cpp", "int x;\n").size(), 0U);
}

TEST(Tidy, LastLinesHaveAnEnd) {
  expect_obeyed(check_last_line);
}

TEST(Tidy, LastLineWithoutAnEndIsSeen) {
  EXPECT_EQ(check_last_line("README.md", "text").size(), 1U);
  EXPECT_EQ(check_last_line("README.md", "").size(), 0U);
}

TEST(Tidy, NothingBelongsToOneMachine) {
  expect_obeyed([](auto path, auto text) {
    return names_what_it_forbids(path) ? Complaints{} : check_places(path, text);
  });
}

TEST(Tidy, PlaceOfOneMachineIsSeen) {
  // Addresses and one of the folders in parts: the rule reads this file, too.
  for (const char* bad : {"cd /home/ann/reeve", "/Users/ann/x",
                          "/ro"
                          "ot/.cache",
                          "https:"
                          "//packages.example/simple",
                          "http:"
                          "//10.0.0.1/x"})
    EXPECT_EQ(check_places("x.md", bad).size(), 1U) << bad;
  EXPECT_EQ(check_places("x.md", "below /home or ~/reeve").size(), 0U);
  EXPECT_EQ(check_places("x.md", "http://localhost:8080/ and http://127.0.0.1/").size(), 0U);
}

}  // namespace
}  // namespace reeve::test
