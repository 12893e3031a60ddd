// Lines of the keepers' journal.

#include "keeper/record.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace reeve::test {
namespace {

constexpr RecordKind kinds[] = {RecordKind::started, RecordKind::exited, RecordKind::ended,
                                RecordKind::stuck};

Record draw_record(RecordKind kind, std::mt19937_64& random) {
  Record record;
  record.kind = kind;
  record.key = {{static_cast<std::int64_t>(random() >> 1)},
                static_cast<std::int32_t>(random() >> 33),
                static_cast<std::int64_t>(random() >> 1)};
  for (std::size_t i = 0; i < field_count(kind); ++i)
    record.numbers[i] = static_cast<std::int64_t>(random() >> random() % 64);
  return record;
}

std::string line_of(const Record& record) {
  char buffer[record_bytes_max];
  return {buffer, format_record(record, buffer)};
}

bool are_equal(const Record& a, const Record& b) {
  return a.kind == b.kind && a.key == b.key && a.numbers == b.numbers;
}

TEST(Record, EachKindComesBack) {
  std::mt19937_64 random(1);
  for (const RecordKind kind : kinds)
    for (int i = 0; i < 200; ++i) {
      const Record record = draw_record(kind, random);
      std::string line = line_of(record);
      ASSERT_TRUE(line.ends_with('\n'));
      ASSERT_EQ(line.find('\n'), line.size() - 1);
      line.pop_back();
      const auto parsed = parse_record(line);
      ASSERT_TRUE(parsed) << line;
      EXPECT_TRUE(are_equal(*parsed, record)) << line;
    }
}

TEST(Record, LongestLineFitsItsBuffer) {
  for (const RecordKind kind : kinds) {
    Record record;
    record.kind = kind;
    record.key = {{INT64_MIN}, INT32_MIN, INT64_MIN};
    record.numbers.fill(INT64_MIN);
    EXPECT_LE(line_of(record).size(), record_bytes_max);
  }
}

TEST(Record, EachFlippedBitIsSeen) {
  std::mt19937_64 random(2);
  for (const RecordKind kind : kinds)
    for (int round = 0; round < 20; ++round) {
      std::string line = line_of(draw_record(kind, random));
      line.pop_back();
      for (std::size_t bit = 0; bit < line.size() * 8; ++bit) {
        std::string damaged = line;
        damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
        ASSERT_FALSE(parse_record(damaged)) << line << "\n" << damaged;
      }
    }
}

TEST(Record, EachTruncationIsSeen) {
  std::mt19937_64 random(3);
  for (const RecordKind kind : kinds) {
    std::string line = line_of(draw_record(kind, random));
    line.pop_back();
    for (std::size_t length = 0; length < line.size(); ++length)
      EXPECT_FALSE(parse_record(line.substr(0, length))) << length;
    EXPECT_FALSE(parse_record(line + "0"));
    EXPECT_FALSE(parse_record(line + " "));
    EXPECT_FALSE(parse_record(line.substr(1)));
  }
}

TEST(Record, TwoLinesThatRanTogetherAreRefused) {
  std::mt19937_64 random(4);
  std::string one = line_of(draw_record(RecordKind::exited, random));
  std::string two = line_of(draw_record(RecordKind::ended, random));
  one.pop_back();
  two.pop_back();
  EXPECT_FALSE(parse_record(one + two));
  EXPECT_FALSE(parse_record(one.substr(0, 20) + two));
}

TEST(Record, TextThatIsNoRecordIsRefused) {
  for (const char* text : {"", " ", "S", "S 1", "S 1 1 1 0", "hello world", "X 1 1 1 cbf29ce4"})
    EXPECT_FALSE(parse_record(text)) << text;
  EXPECT_FALSE(parse_record(std::string(5000, ' ')));
  EXPECT_FALSE(parse_record(std::string(5000, '\0')));
}

}  // namespace
}  // namespace reeve::test
