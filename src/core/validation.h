#pragma once
// What the results of a job must be like, and the verdict on them. Reading the files is done by
// others; what is to be said of what they found is decided here.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "core/finding.h"
#include "core/limits.h"

namespace reeve {

enum class OnInvalid : std::uint8_t { fail, warn };

enum class CheckKind : std::uint8_t { files, images, table, log_clean, command };

enum class TableFormat : std::uint8_t { csv, tsv, jsonl, parquet };

enum class ColumnType : std::uint8_t { text, integer, number, boolean, date, timestamp };

// `any`: the columns are there. `ordered`: in this order, others may stand between. `exact`: in
// this order, and no others.
enum class ColumnOrder : std::uint8_t { any, ordered, exact };

// Both ends belong to it. A NaN is in no range.
struct Range {
  std::optional<double> min;
  std::optional<double> max;
  bool operator==(const Range&) const = default;
};

// One thing that is checked when a job has ended well. Which members count depends on the kind;
// `find_fault` refuses the others.
struct Check {
  CheckKind kind = CheckKind::files;
  std::string name;  // empty: made from the kind and the path
  Severity severity = Severity::error;

  // Of files, images and tables.
  std::string path;  // pattern below the results directory, see core/glob.h and expand_path
  std::int64_t count_min = 1;  // of files that fit the pattern
  std::optional<std::int64_t> count_max;
  std::int64_t size_min = 1;  // bytes of each of them
  bool newer = false;         // each was changed after the attempt had started

  // Of images, in pixels.
  std::optional<std::int64_t> width;
  std::optional<std::int64_t> height;
  std::optional<std::int64_t> width_min;
  std::optional<std::int64_t> height_min;

  // Of tables; for each file.
  std::optional<TableFormat> format;  // without: by the end of the file's name
  std::string delimiter;              // of CSV; empty: a comma
  std::vector<std::string> columns;
  ColumnOrder order = ColumnOrder::any;
  std::map<std::string, ColumnType> types;  // columns that are named here and below must be there
  std::optional<std::int64_t> rows_min;
  std::optional<std::int64_t> rows_max;
  std::map<std::string, Range> ranges;
  std::vector<std::string> no_missing;  // columns that have a value in each row; "*": all
  std::vector<std::string> unique;      // columns whose values, taken together, do not repeat

  // Of commands: one of the two. Exit code 0 is right.
  std::vector<std::string> command;
  std::string shell;  // run by bash -o pipefail -c

  bool operator==(const Check&) const = default;
};

struct Validation {
  OnInvalid on_invalid = OnInvalid::fail;
  std::vector<Check> checks;                              // empty: nothing is checked
  Duration time_limit = limits::validation_time_default;  // a longer one is inconclusive
  bool operator==(const Validation&) const = default;
};

// `inconclusive`: a check crashed, took too long, or had not all of what it needed.
enum class ResultsVerdict : std::uint8_t { unchecked, valid, invalid, inconclusive };

// "unchecked", "valid", "invalid", "inconclusive".
[[nodiscard]] std::string_view to_word(ResultsVerdict verdict);
// Of one check. `unknown`: nobody can say.
enum class CheckVerdict : std::uint8_t { passed, failed, unknown };

struct CheckOutcome {
  std::string name;
  CheckKind kind = CheckKind::files;
  Severity severity = Severity::error;
  CheckVerdict verdict = CheckVerdict::unknown;
  std::string expected;
  std::string found;
  std::string message;             // one sentence for people
  std::int64_t files_checked = 0;  // files that were looked into
  std::vector<std::string> files;  // the faulty ones, or else the checked ones; not all of many
  std::map<std::string, double> metrics;
  bool operator==(const CheckOutcome&) const = default;
};

// Of one attempt.
struct ValidationReport {
  std::string name;      // of the job
  std::string pipeline;  // empty: none
  std::int64_t job = 0;  // 0: checked by hand
  std::int32_t attempt = 0;
  ResultsVerdict status = ResultsVerdict::unchecked;
  std::int64_t files_checked = 0;
  std::int64_t errors_found = 0;      // checks of severity `error` that failed
  std::vector<std::string> warnings;  // of checks of severity `warning` that did not pass
  std::map<std::string, double> metrics_summary;  // sums over the checks, and values of one
  std::vector<CheckOutcome> checks;
  bool operator==(const ValidationReport&) const = default;
};

// What the log told, for `log_clean`.
struct LogFacts {
  std::int64_t errors = 0;
  std::string first_error;  // its message
  std::string trouble;      // why more may be in it, ends a sentence; empty: all was seen
  bool operator==(const LogFacts&) const = default;
};

// Why it can't be accepted, in words; nothing when it can. `params` are those of the pipeline.
[[nodiscard]] std::optional<std::string> find_fault(
    const Validation& validation, const std::map<std::string, std::string>& params);

// What a pattern may speak of.
struct PathWords {
  std::string name;  // of the job
  std::map<std::string, std::string> params;
};
// `{name}` and `{parameter}` become their values, whose characters mean themselves in a pattern.
// `{{` and `}}` are braces. What is not known stays as it is.
[[nodiscard]] std::string expand_path(std::string_view path, const PathWords& words);

// "table out/*.csv", unless it has a name of its own.
[[nodiscard]] std::string title(const Check& check);
// What is expected, in one line: "1 file or more; columns id, lat; 1000 rows or more".
[[nodiscard]] std::string expectation(const Check& check);

// How many are expected: "3", "3 or more", "at most 3", "2 to 5".
[[nodiscard]] std::string count_words(std::optional<std::int64_t> least,
                                      std::optional<std::int64_t> most);
// An outcome with what is known before anything is looked at.
[[nodiscard]] CheckOutcome begin_outcome(const Check& check);
// Texts and names of files that came from anywhere become printable and short.
void set_texts(CheckOutcome& outcome, std::string_view found, std::string_view message);
void add_file(CheckOutcome& outcome, std::string_view file);
// Adds to a sum; what ends with ".min" or ".max" is the least or the greatest.
void add_metric(std::map<std::string, double>& sums, const std::string& name, double value);
// Nobody can say; `why` ends a sentence: "the checker was killed by SIGSEGV".
[[nodiscard]] CheckOutcome unknown_outcome(const Check& check, std::string_view why);
[[nodiscard]] CheckOutcome judge_log(const Check& check, const LogFacts& log);

// A failed check of severity `error`: invalid. Else one that nobody knows of: inconclusive.
[[nodiscard]] ResultsVerdict judge(const std::vector<CheckOutcome>& outcomes);
// Fills in what follows from the outcomes.
[[nodiscard]] ValidationReport make_report(ValidationReport head,
                                           std::vector<CheckOutcome> outcomes);
// Nobody can say anything of any of them.
[[nodiscard]] ValidationReport unknown_report(const ValidationReport& head,
                                              const std::vector<Check>& checks,
                                              std::string_view why);
// Why the verdict is what it is, in one line: "table out/a.csv: column `lat` is missing".
[[nodiscard]] std::string reason_of(const ValidationReport& report);

}  // namespace reeve
