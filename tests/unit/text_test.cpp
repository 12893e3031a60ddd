// Text that comes from people and goes to terminals.

#include "base/text.h"

#include <gtest/gtest.h>

#include "cli/terminal.h"

namespace reeve::test {
namespace {

constexpr std::string_view bad = "\xEF\xBF\xBD";  // U+FFFD

std::string times(std::size_t count) {
  std::string out;
  while (count-- > 0) out += bad;
  return out;
}

std::int64_t size_of(std::string_view text) {
  return parse_size(text).value_or(-1);
}

TEST(Size, DecimalAndBinaryUnits) {
  EXPECT_EQ(size_of("4GB"), 4'000'000'000);
  EXPECT_EQ(size_of("512M"), 512LL << 20);
  EXPECT_EQ(size_of("2G"), 2LL << 30);
  EXPECT_EQ(size_of("4GiB"), 4LL << 30);
  EXPECT_EQ(size_of("1k"), 1024);
  EXPECT_EQ(size_of("1kb"), 1000);
  EXPECT_EQ(size_of("1.5K"), 1536);
  EXPECT_EQ(size_of("3TiB"), 3LL << 40);
  EXPECT_EQ(size_of("1P"), 1LL << 50);
}

TEST(Size, BareNumberIsBytes) {
  EXPECT_EQ(size_of("0"), 0);
  EXPECT_EQ(size_of("1234567"), 1'234'567);
  EXPECT_EQ(size_of("7b"), 7);
  EXPECT_EQ(size_of("5 GB"), 5'000'000'000);
}

TEST(Size, WhatIsNoneOrDoesNotFitIsRefused) {
  for (const char* text : {"", "GB", "-1", "1X", "1GBB", "1GiBs", "1.2.3", "1,5G", "10000P",
                           "99999999999999999999", "inf", "nan", "1 2", "0x10", "1e3", "."})
    EXPECT_EQ(size_of(text), -1) << text;
}

TEST(Size, TextIsShort) {
  EXPECT_EQ(size_text(0), "0 B");
  EXPECT_EQ(size_text(1023), "1023 B");
  EXPECT_EQ(size_text(1024), "1.0 KiB");
  EXPECT_EQ(size_text(4'187'593'114), "3.9 GiB");
  EXPECT_EQ(size_text(INT64_MAX), "8192.0 PiB");
}

TEST(Integer, WholeTextOrNothing) {
  EXPECT_EQ(parse_integer("-12"), -12);
  EXPECT_EQ(parse_integer("9223372036854775807"), INT64_MAX);
  for (const char* text : {"", " 1", "1 ", "+1", "1.0", "9223372036854775808", "0x1", "-"})
    EXPECT_FALSE(parse_integer(text)) << text;
}

TEST(Utf8, ValidTextIsUnchanged) {
  for (const char* text : {"", "plain", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x8c\xb2",
                           "\xef\xbf\xbf", "\xf4\x8f\xbf\xbf", "\x7f\x01"})
    EXPECT_EQ(valid_utf8(text), text);
  EXPECT_EQ(valid_utf8(std::string(3, '\0')), std::string(3, '\0'));
}

TEST(Utf8, OverlongFormsAreInvalid) {
  EXPECT_EQ(valid_utf8("\xc0\xaf"), times(2));
  EXPECT_EQ(valid_utf8("\xe0\x80\xaf"), times(3));
  EXPECT_EQ(valid_utf8("\xf0\x80\x80\xaf"), times(4));
  EXPECT_EQ(valid_utf8("\xc1\xbf"), times(2));
}

TEST(Utf8, SurrogatesAndWhatIsAboveUnicodeAreInvalid) {
  EXPECT_EQ(valid_utf8("\xed\xa0\x80"), times(3));
  EXPECT_EQ(valid_utf8("\xed\xbf\xbf"), times(3));
  EXPECT_EQ(valid_utf8("\xf4\x90\x80\x80"), times(4));
  EXPECT_EQ(valid_utf8("\xf5\x80\x80\x80"), times(4));
}

TEST(Utf8, CutCharactersAreInvalidAndTheRestIsKept) {
  EXPECT_EQ(valid_utf8("a\xe2\x82"), "a" + times(2));
  EXPECT_EQ(valid_utf8("\xe2\x82z"), times(2) + "z");
  EXPECT_EQ(valid_utf8("\x80\xbf\xff"), times(3));
  EXPECT_EQ(valid_utf8("\xf0\x9f\x8c\xc3\xa9"), times(3) + "\xc3\xa9");
}

TEST(Printable, ControlCharactersBecomeVisible) {
  EXPECT_EQ(printable("a\x1b[31mb"), "a\\x1b[31mb");
  EXPECT_EQ(printable("a\rb\nc\x7f"), "a\\x0db\\nc\\x7f");
  EXPECT_EQ(printable(std::string_view("\0", 1)), "\\x00");
  EXPECT_EQ(printable("a\tb"), "a\tb") << "a tab stays";
  EXPECT_EQ(printable("\xc2\x9b"), "\\x9b") << "C1: the one-byte CSI";
  EXPECT_EQ(printable("\x9b"), bad);
}

TEST(Printable, EachControlCharacterIsCaught) {
  for (unsigned c = 0; c < 0xA0; ++c) {
    if (c == '\t' || (c >= 0x20 && c < 0x7F)) continue;
    std::string text;
    if (c < 0x80)
      text = static_cast<char>(c);
    else
      text = {'\xc2', static_cast<char>(c)};
    EXPECT_TRUE(printable(text).starts_with('\\')) << c;
  }
}

TEST(Printable, DirectionOverridesBecomeVisible) {
  EXPECT_EQ(printable("\xe2\x80\xae"), "\\u202e");
  EXPECT_EQ(printable("\xe2\x80\xaa"), "\\u202a");
  EXPECT_EQ(printable("\xe2\x81\xa6"), "\\u2066");
  EXPECT_EQ(printable("\xe2\x81\xa9"), "\\u2069");
  EXPECT_EQ(printable("\xe2\x80\x8f"), "\\u200f");
}

TEST(Printable, OtherTextIsUnchanged) {
  const std::string text = "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8c\xb2 \\x1b ~";
  EXPECT_EQ(printable(text), text);
}

TEST(ShellText, WordsAreQuotedWhereAShellWouldReadThemOtherwise) {
  EXPECT_EQ(shell_text({"python3", "train.py", "--rate=0.1"}), "python3 train.py --rate=0.1");
  EXPECT_EQ(shell_text({"echo", "two words", ""}), "echo 'two words' ''");
  EXPECT_EQ(shell_text({"echo", "it's"}), "echo 'it'\\''s'");
  for (const char* word : {"$HOME", "~", "a;b", "*", "a&b", "`x`", "a>b", "#x", "a\\b", "{a,b}"})
    EXPECT_EQ(shell_text({word}), "'" + std::string(word) + "'");
  EXPECT_EQ(shell_text({}), "");
}

TEST(Nearest, TypingErrorFindsItsWord) {
  EXPECT_EQ(nearest("priorty", {"name", "priority", "cpus"}), "priority");
  EXPECT_EQ(nearest("cpu", {"gpus", "cpus"}), "cpus");
}

TEST(Nearest, SwappedLettersAreOneError) {
  EXPECT_EQ(nearest("tiem", {"mem", "time"}), "time");
  EXPECT_EQ(nearest("nmae", {"mem", "name"}), "name");
}

TEST(Nearest, OtherWordFindsNothing) {
  EXPECT_EQ(nearest("elephant", {"name", "priority", "cpus"}), std::nullopt);
  EXPECT_EQ(nearest("x", {}), std::nullopt);
  EXPECT_EQ(nearest("x", {"n"}), std::nullopt);
  EXPECT_EQ(nearest(std::string(1 << 20, 'x'), {"n"}), std::nullopt);
}

// --- what a job writes, on its way to a terminal ------------------------------------------------

std::string filtered(const std::vector<std::string>& chunks) {
  cli::TerminalFilter filter;
  std::string out;
  for (const std::string& chunk : chunks) out += filter.filter(chunk);
  return out + filter.finish();
}

std::vector<std::string> bytes_of(const std::string& text) {
  std::vector<std::string> out;
  for (const char c : text) out.emplace_back(1, c);
  return out;
}

TEST(TerminalFilter, ColoursLinesAndTabsPass) {
  for (const std::string text :
       {"\x1b[31mred\x1b[0m\n", "\x1b[m", "\x1b[38;2;1;2;3mx", "\x1b[38:2::1:2:3mx", "50%\r60%\r\n",
        "a\tb\n", "\xe2\x82\xac\n"}) {
    EXPECT_EQ(filtered({text}), text);
    EXPECT_EQ(filtered(bytes_of(text)), text) << "byte by byte";
  }
}

TEST(TerminalFilter, EveryOtherSequenceBecomesVisible) {
  for (const std::string text : {"\x1b[2J", "\x1b]0;title\x07", "\x1b[6n",
                                 "\x1b"
                                 "c",
                                 "\x1bP$q\x1b\\", "\x1b[?1049h", "\x1b[1;1H", "\x1b[ m",
                                 "\xc2\x9b"
                                 "31m",
                                 "\x07", "\x08", "\x1b\x1b[2J"}) {
    const std::string out = filtered({text});
    EXPECT_EQ(out.find('\x1b'), std::string::npos) << out;
    EXPECT_EQ(out.find('\x07'), std::string::npos) << out;
    EXPECT_EQ(out.find("\xc2\x9b"), std::string::npos) << out;
    EXPECT_NE(out.find("\\x"), std::string::npos) << out;
    EXPECT_EQ(filtered(bytes_of(text)), out) << "byte by byte";
  }
}

TEST(TerminalFilter, TextAroundASequenceIsKept) {
  EXPECT_EQ(filtered({"a\x1b[2Jb\x1b[1mc\nd"}), "a\\x1b[2Jb\x1b[1mc\nd");
}

TEST(TerminalFilter, SequenceThatNeverEndsIsShown) {
  EXPECT_EQ(filtered({"a\x1b[31"}), "a\\x1b[31");
  EXPECT_EQ(filtered({"a\x1b"}), "a\\x1b");
  const std::string endless = "\x1b[" + std::string(200, '1');
  EXPECT_EQ(filtered({endless}), "\\x1b[" + std::string(200, '1'));
}

TEST(TerminalFilter, SequenceThatNeverEndsIsNotKeptForEver) {
  cli::TerminalFilter filter;
  EXPECT_FALSE(filter.filter("\x1b[" + std::string(200, '1')).empty());
}

TEST(TerminalFilter, CharacterThatIsCutAtTheEndIsReplaced) {
  EXPECT_EQ(filtered({"a\xe2\x82"}), "a" + times(2));
  EXPECT_EQ(filtered({"a\xe2\x82", "z"}), "a" + times(2) + "z");
}

TEST(Colours, StateIsColouredOnlyWhenWanted) {
  EXPECT_EQ(cli::coloured_state("failed", false), "failed");
  EXPECT_EQ(cli::coloured_state("failed", true), "\x1b[31mfailed\x1b[0m");
  EXPECT_EQ(cli::coloured_state("novelty", true), "novelty");
}

}  // namespace
}  // namespace reeve::test
