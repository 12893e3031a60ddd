#pragma once
// Checks, requests for them and reports as JSON: in specifications, between the programs that take
// part in a validation, and in `<name>_validation.json`.

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>

#include "base/json.h"
#include "base/result.h"
#include "core/validation.h"

namespace reeve {

BOOST_DESCRIBE_ENUM(Severity, warning, error)
BOOST_DESCRIBE_ENUM(OnInvalid, fail, warn)
BOOST_DESCRIBE_ENUM(CheckKind, files, images, table, log_clean, command)
BOOST_DESCRIBE_ENUM(TableFormat, csv, tsv, jsonl, parquet)
BOOST_DESCRIBE_ENUM(ColumnType, text, integer, number, boolean, date, timestamp)
BOOST_DESCRIBE_ENUM(ColumnOrder, any, ordered, exact)
BOOST_DESCRIBE_STRUCT(Range, (), (min, max))
BOOST_DESCRIBE_STRUCT(Check, (),
                      (kind, name, severity, path, count_min, count_max, size_min, newer, width,
                       height, width_min, height_min, format, delimiter, columns, order, types,
                       rows_min, rows_max, ranges, no_missing, unique, command, shell))
BOOST_DESCRIBE_STRUCT(Validation, (), (on_invalid, checks, time_limit))
BOOST_DESCRIBE_ENUM(ResultsVerdict, unchecked, valid, invalid, inconclusive)
BOOST_DESCRIBE_ENUM(CheckVerdict, passed, failed, unknown)
BOOST_DESCRIBE_STRUCT(CheckOutcome, (),
                      (name, kind, severity, verdict, expected, found, message, files_checked,
                       files, metrics))
BOOST_DESCRIBE_STRUCT(ValidationReport, (),
                      (name, pipeline, job, attempt, status, files_checked, errors_found, warnings,
                       metrics_summary, checks))
BOOST_DESCRIBE_STRUCT(LogFacts, (), (errors, first_error, trouble))

// What `reeve-data check` reads: checks of files, images and tables.
struct DataRequest {
  std::string directory;        // absolute
  std::int64_t started_ms = 0;  // of the attempt, since 1970
  std::string name;             // of the job
  std::map<std::string, std::string> params;
  std::vector<Check> checks;
  std::int64_t memory = limits::validation_memory_default;  // bytes that it may use
  Duration time_limit = limits::validation_time_default;
  std::string scratch;  // directory for what does not fit into memory; empty: none
};
BOOST_DESCRIBE_STRUCT(DataRequest, (),
                      (directory, started_ms, name, params, checks, memory, time_limit, scratch))

// What it writes, one line for each check, in order.
struct DataAnswer {
  std::int64_t check = 0;  // index
  CheckOutcome outcome;
};
BOOST_DESCRIBE_STRUCT(DataAnswer, (), (check, outcome))

// Everything that the validation of one attempt needs.
struct ValidationRequest {
  ValidationReport head;        // name, pipeline, job and attempt
  std::string directory;        // of the results, absolute
  std::int64_t started_ms = 0;  // of the attempt, since 1970
  std::map<std::string, std::string> params;
  Validation validation;
  LogFacts log;
  std::vector<std::string> environment;                     // "NAME=VALUE", for commands
  std::int64_t memory = limits::validation_memory_default;  // for each check
  std::string scratch;                                      // as in DataRequest
};
BOOST_DESCRIBE_STRUCT(ValidationRequest, (),
                      (head, directory, started_ms, params, validation, log, environment, memory,
                       scratch))

// `path` says where it stands, for messages: "check[2]". Unknown keys are refused.
[[nodiscard]] Result<Check> check_from_json(const boost::json::value& value,
                                            const std::string& path);
// The state in capitals, as others expect it in such a report.
[[nodiscard]] boost::json::object report_to_json(const ValidationReport& report);
[[nodiscard]] Result<ValidationReport> report_from_json(const boost::json::value& value);

}  // namespace reeve
