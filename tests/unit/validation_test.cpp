// What checks say, and the verdict on results: without any file.

#include "core/validation.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "cli/command.h"
#include "core/validation_json.h"
#include "output/report_file.h"
#include "pipeline/check_option.h"
#include "support.h"

namespace reeve::test {
namespace {

CheckOutcome outcome(CheckVerdict verdict, Severity severity = Severity::error) {
  CheckOutcome out;
  out.name = "c";
  out.verdict = verdict;
  out.severity = severity;
  out.message = "m";
  return out;
}

Check parsed(const std::string& text) {
  auto check = parse_check(text);
  EXPECT_TRUE(check) << (check ? "" : check.error().message);
  return check.value_or(Check{});
}

std::string fault_of(const std::string& text,
                     const std::map<std::string, std::string>& params = {}) {
  Validation validation;
  validation.checks.push_back(parsed(text));
  return find_fault(validation, params).value_or("");
}

TEST(Verdict, FailedErrorIsInvalid) {
  EXPECT_EQ(judge({outcome(CheckVerdict::unknown), outcome(CheckVerdict::failed)}),
            ResultsVerdict::invalid);
}

TEST(Verdict, UnknownIsInconclusiveWhateverElsePassed) {
  EXPECT_EQ(judge({outcome(CheckVerdict::passed), outcome(CheckVerdict::unknown)}),
            ResultsVerdict::inconclusive);
  EXPECT_EQ(judge({outcome(CheckVerdict::unknown, Severity::warning)}),
            ResultsVerdict::inconclusive);
}

TEST(Verdict, FailedWarningStaysValid) {
  EXPECT_EQ(
      judge({outcome(CheckVerdict::passed), outcome(CheckVerdict::failed, Severity::warning)}),
      ResultsVerdict::valid);
}

TEST(Verdict, WithoutChecksNothingIsSaid) {
  EXPECT_EQ(judge({}), ResultsVerdict::unchecked);
}

TEST(Verdict, OutcomeThatNobodyFilledInIsNeverValid) {
  EXPECT_EQ(judge({CheckOutcome{}}), ResultsVerdict::inconclusive);
}

TEST(Report, CountsAndSumsFollowFromTheOutcomes) {
  CheckOutcome first = outcome(CheckVerdict::passed);
  first.files_checked = 2;
  first.metrics = {{"rows", 10}, {"lat.min", -3}, {"lat.max", 4}};
  CheckOutcome second = outcome(CheckVerdict::failed);
  second.files_checked = 1;
  second.metrics = {{"rows", 5}, {"lat.min", -8}, {"lat.max", 1}};
  const auto report =
      make_report({}, {first, second, outcome(CheckVerdict::failed, Severity::warning)});
  EXPECT_EQ(report.status, ResultsVerdict::invalid);
  EXPECT_EQ(report.files_checked, 3);
  EXPECT_EQ(report.errors_found, 1);
  EXPECT_EQ(report.warnings, std::vector<std::string>{"c: m"});
  const std::map<std::string, double> wanted{{"rows", 15}, {"lat.min", -8}, {"lat.max", 4}};
  EXPECT_EQ(report.metrics_summary, wanted);
  EXPECT_EQ(reason_of(report), "c: m");
}

TEST(Report, ReasonIsThatOfTheVerdict) {
  CheckOutcome unknown = outcome(CheckVerdict::unknown);
  unknown.message = "crashed";
  EXPECT_EQ(reason_of(make_report({}, {outcome(CheckVerdict::passed), unknown})), "c: crashed");
  EXPECT_EQ(reason_of(make_report({}, {outcome(CheckVerdict::passed)})), "");
}

TEST(Report, GoesThroughJsonUnchanged) {
  ValidationReport head;
  head.name = "train";
  head.pipeline = "p";
  head.job = 12;
  head.attempt = 2;
  CheckOutcome told = outcome(CheckVerdict::failed);
  told.metrics = {{"rows", 1e15}, {"lat.min", -0.125}};
  told.files = {"a.csv"};
  const auto report = make_report(head, {told});
  const auto text = report_to_json(report);
  EXPECT_EQ(text.at("status").get_string(), "INVALID");
  EXPECT_EQ(to_line(text.at("metrics_summary")), R"({"lat.min":-1.25E-1,"rows":1000000000000000})");
  const auto again = report_from_json(*parse_json(to_line(text)));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(*again, report);
}

TEST(Report, OutcomeIsShortAndPrintableWhateverWasFound) {
  CheckOutcome out;
  set_texts(out, std::string(10'000, 'x'), std::string(10'000, '\x1b') + "\xff");
  EXPECT_LE(out.found.size(), limits::outcome_text_bytes_max);
  EXPECT_LE(out.message.size(), limits::outcome_text_bytes_max);
  EXPECT_EQ(out.message.find('\x1b'), std::string::npos);
  for (int i = 0; i < 100; ++i) add_file(out, std::string(1000, '\xc3'));
  EXPECT_EQ(out.files.size(), limits::outcome_files_max);
  EXPECT_LE(out.files.front().size(), limits::outcome_file_bytes_max);
}

TEST(Report, LargestReportFitsItsBound) {
  CheckOutcome out;
  set_texts(out, std::string(10'000, 'x'), std::string(10'000, 'x'));
  out.name = out.expected = out.found;
  for (int i = 0; i < 100; ++i) add_file(out, std::string(1000, 'f'));
  for (std::size_t i = 0; i < limits::outcome_metrics_max; ++i)
    out.metrics[std::string(104, 'm') + std::to_string(i)] = 1.0 / 3;
  out.verdict = CheckVerdict::failed;
  out.severity = Severity::warning;
  const auto report = make_report({}, std::vector<CheckOutcome>(limits::checks_max, out));
  EXPECT_LT(to_line(report_to_json(report)).size(), limits::report_bytes_max);
}

TEST(ReportFile, ReplacesWhatHasItsName) {
  const TemporaryFolder folder;
  ValidationReport head;
  head.name = "train";
  const auto report = make_report(head, {outcome(CheckVerdict::passed)});
  write_file(folder.file("elsewhere"), "kept");
  std::filesystem::create_symlink("elsewhere", folder.file("train_validation.json"));
  std::filesystem::create_symlink("elsewhere", folder.file(".train_validation.json.new"));
  for (int i = 0; i < 2; ++i) {
    const auto wrote = write_report(folder.path(), report);
    ASSERT_TRUE(wrote) << wrote.error().message;
  }
  EXPECT_EQ(read_file(folder.file("elsewhere")), "kept");
  const auto again =
      report_from_json(*parse_json(read_file(folder.file(report_file_name(report)))));
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, report);
  EXPECT_FALSE(std::filesystem::is_symlink(folder.file("train_validation.json")));
}

TEST(ReportFile, DirectoryInItsPlaceIsAFailure) {
  const TemporaryFolder folder;
  ValidationReport report;
  report.name = "train";
  std::filesystem::create_directory(folder.file("train_validation.json"));
  EXPECT_FALSE(write_report(folder.path(), report));
  EXPECT_FALSE(std::filesystem::exists(folder.file(".train_validation.json.new")));
  EXPECT_FALSE(write_report(folder.file("none"), report));
}

TEST(LogClean, ErrorsCountAlsoInALogWithAGap) {
  const Check check = parsed("log_clean");
  EXPECT_EQ(judge_log(check, {}).verdict, CheckVerdict::passed);
  const CheckOutcome bad = judge_log(check, {2, "KeyError: 'lat'", "a part of it was cut"});
  EXPECT_EQ(bad.verdict, CheckVerdict::failed);
  EXPECT_EQ(bad.message, "the log tells of 2 errors, first: KeyError: 'lat'");
}

TEST(LogClean, LogWithAGapIsInconclusive) {
  const CheckOutcome out = judge_log(parsed("log_clean"), {0, "", "a part of it was cut"});
  EXPECT_EQ(out.verdict, CheckVerdict::unknown);
  EXPECT_EQ(out.message, "it could not be checked: a part of it was cut");
}

TEST(CheckPath, NameAndParametersMeanThemselves) {
  const PathWords words{"a*b", {{"n", "[1]"}, {"year", "2026"}}};
  EXPECT_EQ(expand_path("{name}/{year}_{n}.csv", words), "a\\*b/2026_\\[1].csv");
  EXPECT_EQ(expand_path("{{name}} {other}", words), "{name} {other}");
}

TEST(CheckText, KeysReachTheCheck) {
  const Check table = parsed(
      "table 'out/my data/*.csv' columns=id,lat order=exact rows=1000..2000 unique=id,lat "
      "range:lat=-90..90 range:x=0.. type:id=integer no_missing=* count=1..3 size=1K newer=true "
      "format=csv delimiter=';' name='the table' severity=warning");
  Check wanted;
  wanted.kind = CheckKind::table;
  wanted.path = "out/my data/*.csv";
  wanted.columns = {"id", "lat"};
  wanted.order = ColumnOrder::exact;
  wanted.rows_min = 1000;
  wanted.rows_max = 2000;
  wanted.unique = {"id", "lat"};
  wanted.ranges = {{"lat", {-90, 90}}, {"x", {0, std::nullopt}}};
  wanted.types = {{"id", ColumnType::integer}};
  wanted.no_missing = {"*"};
  wanted.count_max = 3;
  wanted.size_min = 1024;
  wanted.newer = true;
  wanted.format = TableFormat::csv;
  wanted.delimiter = ";";
  wanted.name = "the table";
  wanted.severity = Severity::warning;
  EXPECT_EQ(table, wanted);
  const Check image = parsed("images *.png width=640 height=480.. count=2");
  EXPECT_EQ(image.width, 640);
  EXPECT_EQ(image.height_min, 480);
  EXPECT_EQ(image.count_min, 2);
  EXPECT_EQ(image.count_max, 2);
}

TEST(CheckText, CommandIsTakenAsItStands) {
  const Check check = parsed("command severity=warning name=v  X=1 python3 \"my verify.py\" | cat");
  EXPECT_EQ(check.shell, "X=1 python3 \"my verify.py\" | cat");
  EXPECT_EQ(check.severity, Severity::warning);
  EXPECT_EQ(check.name, "v");
}

TEST(CheckText, JsonIsTheSame) {
  const Check check = parsed(R"({"kind": "table", "path": "a.csv", "ranges": {"x": {"min": 0.5}},
                                "types": {"x": "number"}, "format": "tsv"})");
  EXPECT_EQ(check.ranges.at("x").min, 0.5);
  EXPECT_EQ(check.format, TableFormat::tsv);
  const auto wrong = parse_check(R"({"kind": "table", "pth": "a.csv"})");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().message, "check.pth: unknown; did you mean `path`?");
}

TEST(CheckText, WhatMakesNoSenseIsRefused) {
  for (const char* text :
       {"", "tables a.csv", "files", "files a b", "files a count=x", "files a count=..",
        "table a colums=x", "table a range:x=a..b", "files 'a", "command", "command name=x",
        "images a width=1..2", "table a order=some", "files a newer=yes", "table a type:x=float"})
    EXPECT_FALSE(parse_check(text)) << text;
}

TEST(CheckFault, GoodChecksHaveNone) {
  EXPECT_EQ(fault_of("files {name}_{n}.png", {{"n", "1"}}), "");
  EXPECT_EQ(fault_of("table a.csv rows=0.. range:x=..3"), "");
  EXPECT_EQ(fault_of("command true"), "");
  EXPECT_EQ(fault_of("log_clean"), "");
  EXPECT_EQ(fault_of("files {{x}.png"), "");
}

TEST(CheckFault, EachFaultIsNamed) {
  EXPECT_NE(fault_of("files /etc/passwd").find("absolute"), std::string::npos);
  EXPECT_NE(fault_of("files a width=3").find("`width` has no meaning here"), std::string::npos);
  EXPECT_NE(fault_of("images a columns=x").find("`columns`"), std::string::npos);
  EXPECT_NE(fault_of("files {nme}.png").find("`{nme}`"), std::string::npos);
  EXPECT_NE(fault_of("files a count=3..2").find("count"), std::string::npos);
  EXPECT_NE(fault_of("table a rows=5..2").find("rows"), std::string::npos);
  EXPECT_NE(fault_of("table a range:x=5..2").find("min is more"), std::string::npos);
  EXPECT_NE(fault_of("table a order=exact").find("order"), std::string::npos);
  EXPECT_NE(fault_of("table a delimiter=ab").find("delimiter"), std::string::npos);
  EXPECT_NE(fault_of("table a delimiter='\"'").find("delimiter"), std::string::npos);
  EXPECT_NE(fault_of(R"({"kind": "command"})").find("command and shell"), std::string::npos);
  EXPECT_NE(fault_of(R"({"kind": "table", "path": "a", "ranges": {"x": {}}})").find("neither"),
            std::string::npos);
}

TEST(CheckFault, TooMuchIsRefused) {
  Validation validation;
  validation.checks.resize(limits::checks_max, parsed("files a"));
  EXPECT_FALSE(find_fault(validation, {}));
  validation.checks.push_back(parsed("files a"));
  EXPECT_TRUE(find_fault(validation, {}));
  Check wide = parsed("table a");
  wide.columns.resize(limits::check_words_max, "c");
  EXPECT_FALSE(find_fault({.checks = {wide}}, {}));
  wide.columns.emplace_back("c");
  EXPECT_TRUE(find_fault({.checks = {wide}}, {}));
  Check long_path = parsed("files a");
  long_path.path = std::string(limits::check_bytes_max + 1, 'a');
  EXPECT_TRUE(find_fault({.checks = {long_path}}, {}));
}

TEST(Expectation, SaysWhatIsExpected) {
  EXPECT_EQ(expectation(parsed("files *.png count=3..5")), "3 to 5 files; not empty");
  EXPECT_EQ(expectation(parsed("images *.png count=1 width=640 height=2..")),
            "1 file; not empty; an image that decodes; width 640; height 2 or more");
  EXPECT_EQ(expectation(parsed("table a columns=x order=exact rows=..9 range:x=0..1.5 "
                               "type:x=number unique=x no_missing=*")),
            "1 file or more; not empty; columns x and no others; at most 9 rows; x: numbers; "
            "x: 0 to 1.5; nothing missing in *; unique x");
}

TEST(ReportText, SaysEachCheckAndTheVerdict) {
  CheckOutcome failed = outcome(CheckVerdict::failed);
  failed.name = "files \x1b[31m";
  failed.message = "no file fits";
  EXPECT_EQ(cli::report_text(make_report({}, {failed})),
            "failed   files \\x1b[31m\n         no file fits\n"
            "INVALID: 1 check, 0 files, 1 failed, 0 warnings\n");
}

}  // namespace
}  // namespace reeve::test
