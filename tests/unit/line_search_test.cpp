// Finding lines in logs, whatever the pieces in which they come.

#include "cli/line_search.h"

#include <gtest/gtest.h>

#include <vector>

namespace reeve::test {
namespace {

using cli::FoundLine;
using cli::LineSearch;
using cli::Pattern;

Pattern pattern(const std::string& text, Pattern::Options options = {}) {
  auto made = Pattern::make(text, options);
  EXPECT_TRUE(made) << text << ": " << made.error().message;
  return std::move(*made);
}

std::string fault(const std::string& text) {
  const auto made = Pattern::make(text, {});
  return made ? "" : made.error().message;
}

// "3:text" for a match, "2-text" for a line around one, "|" in front where lines were left out.
std::vector<std::string> found(const std::string& text, const Pattern& wanted,
                               LineSearch::Options options = {}, std::size_t piece = 1 << 20) {
  std::vector<std::string> out;
  LineSearch search(wanted, options, [&](const FoundLine& line) {
    out.push_back((line.follows_gap ? "|" : "") + std::to_string(line.number) +
                  (line.is_match ? ":" : "-") + line.text);
  });
  for (std::size_t at = 0; at < text.size(); at += piece)
    search.feed(std::string_view(text).substr(at, piece));
  search.finish();
  return out;
}

using Lines = std::vector<std::string>;

TEST(Pattern, IsAnExtendedExpression) {
  EXPECT_EQ(found("one\ntwo\nthree", pattern("^t(w|h)")), (Lines{"2:two", "3:three"}));
  EXPECT_EQ(found("a.b\naxb", pattern("a\\.b")), (Lines{"1:a.b"}));
  EXPECT_EQ(found("loss: 0.5\nloss: nan", pattern("loss: [0-9.]+$")), (Lines{"1:loss: 0.5"}));
  EXPECT_EQ(found("a\n\nb", pattern("^$")), (Lines{"2:"}));
}

TEST(Pattern, MayBeTheTextItselfInAnyCase) {
  EXPECT_EQ(found("a.b\naxb", pattern("a.b", {false, true})), (Lines{"1:a.b"}));
  EXPECT_EQ(found("ERROR\nerror\nerr", pattern("eRRor", {true, false})),
            (Lines{"1:ERROR", "2:error"}));
  EXPECT_EQ(found("A+B\n", pattern("a+b", {true, true})), (Lines{"1:A+B"}));
  EXPECT_EQ(found("A+B\nAAB", pattern("a+b", {true, false})), (Lines{"2:AAB"}));
}

TEST(Pattern, FaultsAreToldInWords) {
  EXPECT_NE(fault("("), "");
  EXPECT_NE(fault("[a"), "");
  EXPECT_NE(fault("a{2"), "");
  EXPECT_NE(fault("(a)\\1").find("back-reference"), std::string::npos);
}

TEST(Pattern, RepetitionsThatWouldFillTheMemoryAreRefused) {
  for (const char* text : {"(a{255}){255}", "((a{50}){50}){50}", "(([ab]{200})x){200}"})
    EXPECT_NE(fault(text).find("too large"), std::string::npos) << text;
  for (const char* text : {"a{255}b{255}", "[0-9]{4}-[0-9]{2}", "[[:digit:]]{1,3}", "[]{}]{9}"})
    EXPECT_EQ(fault(text), "") << text;
}

TEST(Pattern, NulBytesInALineAreBytes) {
  const std::string text("a\0b needle\n", 11);
  EXPECT_EQ(found(text, pattern("^a[^x]b ne+dle")).size(), 1U);
  EXPECT_EQ(found(text, pattern("needle")).size(), 1U);
}

TEST(Lines, AreFoundWhateverThePieces) {
  const std::string text = "zero\none match\ntwo\nmatch three\r\n\nlast match";
  for (const std::size_t piece : {1U, 2U, 3U, 7U, 100U})
    EXPECT_EQ(found(text, pattern("match"), {}, piece),
              (Lines{"2:one match", "|4:match three", "|6:last match"}))
        << piece;
  EXPECT_TRUE(found("", pattern("")).empty());
  EXPECT_EQ(found("a\n", pattern("")).size(), 1U) << "no line follows the last newline";
}

TEST(Lines, AroundAMatchAreToldOnce) {
  const std::string text = "1\n2\n3\n4 x\n5\n6 x\n7\n8\n9\n10\n11 x\n";
  EXPECT_EQ(found(text, pattern("x"), {1, 1, 0}),
            (Lines{"3-3", "4:4 x", "5-5", "6:6 x", "7-7", "|10-10", "11:11 x"}));
  EXPECT_EQ(found(text, pattern("x"), {0, 2, 0}),
            (Lines{"4:4 x", "5-5", "6:6 x", "7-7", "8-8", "|11:11 x"}));
}

TEST(Lines, AreToldUpToABound) {
  const std::string text = "x\nx\nx\ny\nx\n";
  EXPECT_EQ(found(text, pattern("x"), {0, 0, 2}), (Lines{"1:x", "2:x"}));
  EXPECT_EQ(found(text, pattern("x"), {0, 2, 2}), (Lines{"1:x", "2:x", "3-x", "4-y"}));
}

TEST(Lines, ThatAreSkippedCount) {
  std::vector<std::int64_t> numbers;
  const Pattern wanted = pattern("x");
  LineSearch search(wanted, {}, [&](const FoundLine& line) { numbers.push_back(line.number); });
  search.feed("x\nx cut here");
  search.skip_line();
  search.feed("x");
  search.finish();
  EXPECT_EQ(numbers, (std::vector<std::int64_t>{1, 2, 4}));
}

TEST(LongLines, AreFoundInWhereverTheMatchIs) {
  for (const std::size_t place : {0U, 65'530U, 65'536U, 61'440U, 3'000'000U, 4'999'990U}) {
    std::string text(5'000'000, 'x');
    text.replace(place, 6, "needle");
    const auto lines = found("first\n" + text + "\nneedle", pattern("needle"), {}, 100'000);
    ASSERT_EQ(lines.size(), 2U) << place;
    EXPECT_TRUE(lines[0].starts_with("2:"));
    EXPECT_NE(lines[0].find("needle"), std::string::npos);
    EXPECT_LT(lines[0].size(), 10'000U);
    EXPECT_EQ(lines[1], "3:needle");
  }
}

TEST(LongLines, BeginAndEndOnlyWhereTheyDo) {
  const std::string text = "a" + std::string(1'000'000, 'x') + "b";
  EXPECT_EQ(found(text, pattern("^x")).size(), 0U);
  EXPECT_EQ(found(text, pattern("x$")).size(), 0U);
  EXPECT_EQ(found(text, pattern("^a")).size(), 1U);
  EXPECT_EQ(found(text, pattern("b$")).size(), 1U);
}

TEST(LongLines, AreCutWhereTheyStandAroundAMatch) {
  const auto lines =
      found(std::string(1'000'000, 'x') + "\nneedle\n", pattern("needle"), {1, 0, 0});
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_LT(lines[0].size(), 1000U);
  EXPECT_TRUE(lines[0].ends_with("x…"));
}

}  // namespace
}  // namespace reeve::test
