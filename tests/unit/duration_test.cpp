// Durations, wall-clock times and the errors that name them.

#include <gtest/gtest.h>

#include "base/result.h"
#include "base/time.h"

namespace reeve::test {
namespace {

constexpr std::int64_t second = 1000;
constexpr std::int64_t minute = 60 * second;
constexpr std::int64_t hour = 60 * minute;
constexpr std::int64_t day = 24 * hour;

// -1 for what is no duration.
std::int64_t parsed(std::string_view text) {
  const auto duration = parse_duration(text);
  return duration ? duration->count() : -1;
}

TEST(Duration, UnitsAddUp) {
  EXPECT_EQ(parsed("1h30m"), hour + 30 * minute);
  EXPECT_EQ(parsed("1d2h3m4s5ms"), day + 2 * hour + 3 * minute + 4 * second + 5);
  EXPECT_EQ(parsed("1w"), 7 * day);
  EXPECT_EQ(parsed("5min"), 5 * minute);
}

TEST(Duration, BareNumberIsSeconds) {
  EXPECT_EQ(parsed("90"), 90 * second);
  EXPECT_EQ(parsed("0"), 0);
  EXPECT_EQ(parsed("1.5"), 1500);
}

TEST(Duration, EachUnitAlone) {
  EXPECT_EQ(parsed("45s"), 45 * second);
  EXPECT_EQ(parsed("500ms"), 500);
  EXPECT_EQ(parsed("2d"), 2 * day);
  EXPECT_EQ(parsed("1.5h"), hour + 30 * minute);
  EXPECT_EQ(parsed("0.4ms"), 0);
}

TEST(Duration, FormsOfSlurm) {
  EXPECT_EQ(parsed("02:30:00"), 2 * hour + 30 * minute);
  EXPECT_EQ(parsed("2-12:00:00"), 2 * day + 12 * hour);
  EXPECT_EQ(parsed("2-12"), 2 * day + 12 * hour);
  EXPECT_EQ(parsed("1-01:02"), day + hour + 2 * minute);
  EXPECT_EQ(parsed("90:30"), 90 * minute + 30 * second);
}

TEST(Duration, WhatIsNoneIsRefused) {
  for (const char* text :
       {"",    " ",       "h",      "1x",   "-5",  "-1h",    "1h-",   "1h 30m", "5 s",       "1..5",
        ".",   "1:2:3:4", ":",      "1:",   ":1",  "1-",     "-1:00", "2--12",  "1-1:2:3:4", "inf",
        "nan", "nan:00",  "inf:00", "0x10", "1e3", "1h30m-", "S5",    "5S",     "+5"})
    EXPECT_EQ(parsed(text), -1) << text;
}

TEST(Duration, ClockPartsAreDigits) {
  EXPECT_EQ(parsed("1e1:00"), -1);
}

TEST(Duration, AHundredYearsAreTheMost) {
  EXPECT_EQ(parsed("36500d"), 36'500 * day);
  EXPECT_EQ(parsed("36500d1s"), -1);
  EXPECT_EQ(parsed("36500-00:00:01"), -1);
  EXPECT_EQ(parsed("99999999999999999999999999"), -1);
  EXPECT_EQ(parsed("1" + std::string(400, '0')), -1);
}

TEST(Duration, TextIsShort) {
  EXPECT_EQ(to_text(Duration(0)), "0ms");
  EXPECT_EQ(to_text(Duration(850)), "850ms");
  EXPECT_EQ(to_text(Duration(4200)), "4.2s");
  EXPECT_EQ(to_text(Duration(90 * second)), "1m30s");
  EXPECT_EQ(to_text(Duration(hour + 30 * minute)), "1h30m");
  EXPECT_EQ(to_text(Duration(2 * day + 12 * hour)), "2d12h");
}

TEST(Duration, TextOfAlmostAMinuteIsNotSixtySeconds) {
  EXPECT_EQ(to_text(Duration(59'949)), "59.9s");
  EXPECT_NE(to_text(Duration(59'960)), "60.0s");
}

TEST(WallClock, Rfc3339) {
  EXPECT_EQ(to_rfc3339({0}), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(to_rfc3339({1'795'339'800'123}), "2026-11-22T09:30:00.123Z");
  EXPECT_EQ(to_rfc3339({951'782'400'000}), "2000-02-29T00:00:00.000Z");
  EXPECT_EQ(to_rfc3339({253'402'300'799'999}), "9999-12-31T23:59:59.999Z");
}

TEST(WallClock, Rfc3339BeforeTheEpoch) {
  EXPECT_EQ(to_rfc3339({-1}), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(to_rfc3339({-1000}), "1969-12-31T23:59:59.000Z");
  EXPECT_EQ(to_rfc3339({-1001}), "1969-12-31T23:59:58.999Z");
}

TEST(WallClock, DirectoryName) {
  EXPECT_EQ(to_directory_name({1'795'339'800'999}), "2026-11-22_09-30-00");
  EXPECT_EQ(to_directory_name({-1}), "1969-12-31_23-59-59");
}

TEST(WallClock, ClocksOfThisMachineTellSomething) {
  EXPECT_GT(boottime_ms(), 0);
  EXPECT_GT(utc_now(), UtcTime{1'700'000'000'000});
  EXPECT_EQ(boot_id().size(), 36U);
}

TEST(QueueTime, DifferencesAndSums) {
  EXPECT_EQ(Time{500} + Duration(20), Time{520});
  EXPECT_EQ(Time{500} - Duration(20), Time{480});
  EXPECT_EQ(Time{500} - Time{20}, Duration(480));
  EXPECT_LT(Time{1}, Time{2});
}

TEST(Errors, EachCodeHasItsOwnWord) {
  for (int code = 0; code <= static_cast<int>(ErrorCode::io); ++code)
    EXPECT_EQ(error_code_from_word(to_word(static_cast<ErrorCode>(code))),
              static_cast<ErrorCode>(code));
  EXPECT_EQ(error_code_from_word("novelty"), ErrorCode::io);
}

TEST(Errors, ContextStandsInFrontOfTheCause) {
  const auto error = failed(Error{ErrorCode::full, "disk full"}, "open the queue").error();
  EXPECT_EQ(error.message, "open the queue: disk full");
  EXPECT_EQ(error.code, ErrorCode::full);
}

TEST(Errors, FailureOfTheSystemBecomesASentence) {
  const Error error = to_error({ENOSPC, "open the log"});
  EXPECT_EQ(error.message, "cannot open the log: No space left on device");
  EXPECT_EQ(error.code, ErrorCode::full);
  EXPECT_EQ(to_error({ENOENT, "x"}).code, ErrorCode::not_found);
  EXPECT_EQ(to_error({EACCES, "x"}).code, ErrorCode::forbidden);
  EXPECT_EQ(to_error({E2BIG, "x"}).code, ErrorCode::too_large);
  EXPECT_EQ(to_error({EIO, "x"}).code, ErrorCode::io);
}

TEST(Errors, NumbersHaveNames) {
  EXPECT_EQ(errno_name(ENOENT), "ENOENT");
  EXPECT_EQ(errno_name(99'999), "errno 99999");
}

}  // namespace
}  // namespace reeve::test
