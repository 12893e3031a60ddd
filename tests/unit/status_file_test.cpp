// What a job may state of its own outcome.

#include "core/status_file.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/limits.h"

namespace reeve::test {
namespace {

StatusFile parsed(std::string_view text) {
  const auto file = parse_status_file(text);
  EXPECT_TRUE(file) << file.error().message;
  return file.value_or(StatusFile{});
}

TEST(StatusFile, EverythingInItIsRead) {
  const StatusFile file = parsed(R"({"outcome": "warning", "reason": "few rows",
      "metrics": {"loss": 0.5, "rows": 12, "converged": true, "model": "x", "none": null},
      "progress": {"done": 3, "total": 4}, "rows": 1234567, "text": "fitting"})");
  EXPECT_EQ(file.outcome, StatedOutcome::warning);
  EXPECT_EQ(file.reason, "few rows");
  EXPECT_EQ(file.metrics.size(), 4U);
  EXPECT_EQ(to_text(file.metrics.at("loss")), "0.5");
  EXPECT_EQ(to_text(file.metrics.at("rows")), "12");
  EXPECT_EQ(to_text(file.metrics.at("converged")), "true");
  EXPECT_EQ(to_text(file.metrics.at("model")), "x");
  EXPECT_DOUBLE_EQ(*file.progress->fraction, 0.75);
  EXPECT_EQ(file.progress->rows, 1'234'567);
  EXPECT_EQ(file.progress->text, "fitting");
  EXPECT_EQ(file.progress->source, ProgressSource::status_file);
  EXPECT_TRUE(file.notes.empty());
}

TEST(StatusFile, EveryMemberMayBeMissing) {
  const StatusFile file = parsed("{}");
  EXPECT_FALSE(file.outcome);
  EXPECT_FALSE(file.progress);
}

TEST(StatusFile, ProgressHasSeveralForms) {
  for (const char* form : {"45", "45.0", "\"45%\"", "\"45/100\"", R"({"done":45,"total":100})"})
    EXPECT_DOUBLE_EQ(*parsed(fmt::format(R"({{"progress":{}}})", form)).progress->fraction, 0.45)
        << form;
}

TEST(StatusFile, NotANumberIsKeptAsAText) {
  const StatusFile file =
      parsed(R"({"outcome":"failed","metrics":{"a":NaN,"b":-Infinity,"c":"NaN \" NaN"}})");
  EXPECT_EQ(file.outcome, StatedOutcome::failed);
  EXPECT_EQ(to_text(file.metrics.at("a")), "NaN");
  EXPECT_EQ(to_text(file.metrics.at("b")), "-Infinity");
  EXPECT_EQ(to_text(file.metrics.at("c")), "NaN \" NaN");
}

TEST(StatusFile, UnknownKeysAreNamed) {
  const StatusFile file = parsed(R"({"outcom": "success", "zebra": 1})");
  ASSERT_EQ(file.notes.size(), 2U);
  EXPECT_EQ(file.notes[0], "status file: outcom: unknown; did you mean outcome?");
  EXPECT_EQ(file.notes[1], "status file: zebra: unknown");
  std::string many = "{\"k\":1";
  for (int i = 0; i < 1000; ++i) many += fmt::format(",\"k{}\":1", i);
  EXPECT_EQ(parsed(many + "}").notes.size(), limits::status_notes_max);
}

TEST(StatusFile, WhatIsWrongIsRefusedWithItsPlace) {
  const auto refused = [](const std::string& text, const char* words) {
    const auto file = parse_status_file(text);
    ASSERT_FALSE(file) << text;
    EXPECT_NE(file.error().message.find(words), std::string::npos) << file.error().message;
  };
  refused("", "not valid JSON");
  refused("{", "not valid JSON");
  refused("{} {}", "not valid JSON");
  refused("[1]", "an object");
  refused(R"({"outcome":"ok"})", "outcome");
  refused(R"({"outcome":1})", "outcome");
  refused(R"({"reason":1})", "reason");
  refused(R"({"rows":-1})", "rows");
  refused(R"({"progress":101})", "progress");
  refused(R"({"progress":NaN})", "progress");
  refused(R"({"metrics":[1]})", "metrics");
  refused(R"({"metrics":{"a b":1}})", "metrics.a b");
  refused(R"({"metrics":{"a":[1]}})", "metrics.a");
  refused(std::string(20, '[') + std::string(20, ']'), "not valid JSON");
  refused(std::string(limits::status_file_bytes_max + 1, ' '), "larger than");
  std::string many = "{\"metrics\":{\"m\":1";
  for (std::size_t i = 0; i < limits::metrics_max; ++i) many += fmt::format(",\"m{}\":1", i);
  refused(many + "}}", "more than");
}

TEST(StatusFile, TextsAreOneShortPrintableLine) {
  const StatusFile file = parsed(R"({"reason":"a\nb\u001b[31m"})");
  EXPECT_EQ(file.reason, "a\\nb\\x1b[31m");
}

}  // namespace
}  // namespace reeve::test
