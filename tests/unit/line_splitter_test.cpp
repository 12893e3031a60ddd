// Lines of a log, whatever the pieces in which its bytes come.

#include "watch/line_splitter.h"

#include <gtest/gtest.h>

#include "core/limits.h"

namespace reeve::test {
namespace {

struct SeenLine {
  std::string text;
  std::int64_t offset = 0;
  std::int64_t line = 0;
  bool operator==(const SeenLine&) const = default;
};

void PrintTo(const SeenLine& seen, std::ostream* out) {
  *out << seen.line << "@" << seen.offset << ":" << seen.text.substr(0, 80);
}

void add_lines(LineBlock block, std::vector<SeenLine>& seen) {
  for (std::size_t begin = 0; begin < block.text.size();) {
    const std::size_t end = std::min(block.text.find('\n', begin), block.text.size());
    const LineBlock::Place place = block.locate(begin);
    if (end > begin)
      seen.push_back(
          {std::string(block.text.substr(begin, end - begin)), place.offset, place.line});
    begin = end + 1;
  }
}

// Lines that are not empty.
std::vector<SeenLine> lines_of(std::string_view log, std::size_t piece = 1 << 20) {
  std::vector<SeenLine> seen;
  LineSplitter splitter;
  for (std::size_t at = 0; at < log.size(); at += piece) {
    std::string_view bytes = log.substr(at, piece);
    while (auto block = splitter.next(bytes)) add_lines(std::move(*block), seen);
    EXPECT_TRUE(bytes.empty());
  }
  if (auto block = splitter.last()) add_lines(std::move(*block), seen);
  return seen;
}

using Lines = std::vector<SeenLine>;

TEST(LineSplitter, LinesHaveTheirOffsetsAndNumbers) {
  EXPECT_EQ(lines_of("one\ntwo\n\nfour"), (Lines{{"one", 0, 1}, {"two", 4, 2}, {"four", 9, 4}}));
  EXPECT_EQ(lines_of(""), Lines{});
  EXPECT_EQ(lines_of("\n\n"), Lines{});
}

TEST(LineSplitter, CarriageReturnBeginsALineThatIsNotCounted) {
  EXPECT_EQ(
      lines_of("10%\r20%\rdone\nnext\r\nlast"),
      (Lines{{"10%", 0, 1}, {"20%", 4, 1}, {"done", 8, 1}, {"next", 13, 2}, {"last", 19, 3}}));
}

TEST(LineSplitter, EscapeSequencesAreTakenOut) {
  EXPECT_EQ(lines_of("\x1b[31mERROR\x1b[0m x\nnext \x1b[1;38;5;9mline\x1b[m\n"),
            (Lines{{"ERROR x", 0, 1}, {"next line", 17, 2}}));
  EXPECT_EQ(lines_of("\x1b]0;a title\aone\n\x1b]8;;link\x1b\\two\x1b(B\n"),
            (Lines{{"one", 0, 1}, {"two", 16, 2}}));
}

TEST(LineSplitter, MovingTheCursorEndsALine) {
  const Lines seen = lines_of("45%\x1b[2K\x1b[1GERROR x\n");
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[1].text, "ERROR x");
  EXPECT_EQ(seen[1].line, 1);
}

TEST(LineSplitter, UnfinishedSequenceDoesNotReachIntoTheNextLine) {
  EXPECT_EQ(lines_of("a\x1b[3\nb\x1b]0;title\nc\x1b\nd"),
            (Lines{{"a", 0, 1}, {"b", 5, 2}, {"c", 16, 3}, {"d", 19, 4}}));
}

TEST(LineSplitter, LongLineIsCutAtTheBound) {
  const std::string most(limits::log_line_bytes_max, 'x');
  for (const std::size_t extra : {0U, 1U, 100'000U}) {
    const std::string log = "a\n" + most + std::string(extra, 'y') + "\nERROR\n";
    for (const std::size_t piece : {1000U, 65'536U, 1U << 20}) {
      const Lines seen = lines_of(log, piece);
      ASSERT_EQ(seen.size(), 3U) << extra << " " << piece;
      EXPECT_EQ(seen[1].text, most);
      EXPECT_EQ(seen[2],
                (SeenLine{"ERROR", static_cast<std::int64_t>(3 + most.size() + extra), 3}));
    }
  }
}

TEST(LineSplitter, PiecesDoNotMatter) {
  const std::string log =
      "one\r\ntwo\x1b[31m red\x1b[0m\n\x1b]0;t\x1b\\three\rfour\n\n\x1b[2Kfive\x1b[Gsix\r\r\nend";
  const Lines whole = lines_of(log);
  EXPECT_EQ(whole.size(), 7U);
  for (std::size_t piece = 1; piece < log.size(); ++piece)
    EXPECT_EQ(lines_of(log, piece), whole) << piece;
}

TEST(LineSplitter, LineBeginsAfterBytesThatTheLogDoesNotHold) {
  LineSplitter splitter;
  Lines seen;
  std::string_view bytes = "one\ntw";
  while (auto block = splitter.next(bytes)) add_lines(std::move(*block), seen);
  splitter.skip(100);
  bytes = "three\n";
  while (auto block = splitter.next(bytes)) add_lines(std::move(*block), seen);
  EXPECT_EQ(seen, (Lines{{"one", 0, 1}, {"three", 106, 2}}));
}

}  // namespace
}  // namespace reeve::test
