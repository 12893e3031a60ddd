#pragma once
// Arguments of the protocol's operations.

#include <boost/describe/class.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"

namespace reeve::request {

// `jobs` are specifications as core/spec_json.h reads them, `context` what they inherit,
// `provenance` (core/provenance.h) what is recorded with them.
struct SubmitJobs {
  std::string context;
  std::optional<std::string> provenance;
  std::vector<json::value> jobs;
};

// `before`: only ids below it. `limit` 0: as many as there are.
struct ListJobs {
  std::vector<std::string> states;
  std::string name;
  std::string group;
  std::vector<std::string> tags;
  std::int64_t since_ms = 0;  // submitted at this time (UTC) or later
  std::optional<std::int64_t> before;
  std::int64_t limit = 50;
};

struct JobIds {
  std::vector<std::int64_t> ids;
};

struct CancelJobs {
  std::vector<std::int64_t> ids;
  std::optional<std::int64_t> grace_ms;
};

// Without a context: in the recorded environment.
struct RetryJobs {
  std::vector<std::int64_t> ids;
  std::optional<std::string> context;
  std::optional<std::string> provenance;  // counts only with a context
};

// `spec` as core/spec_json.h reads it.
struct EditJob {
  std::int64_t id = 0;
  json::value spec;
};

struct SignalJobs {
  std::vector<std::int64_t> ids;
  std::string signal;
};

struct WatchJob {
  std::int64_t id = 0;
  std::string seen;
};

struct ListEvents {
  std::int64_t after = 0;
  std::optional<std::int64_t> job;
  std::int64_t limit = 1000;
};

// Which jobs a selector means. `unfinished` limits `all` to those that have not ended.
struct SelectJobs {
  bool last = false;
  bool all = false;
  bool unfinished = false;
  std::vector<std::string> states;
  std::string name;
  std::string group;
  std::vector<std::string> tags;
};

// A page of at most `limit` jobs with ids below `before`.
struct GetStatistics {
  std::int64_t since_ms = 0;  // ended at this time (UTC) or later, or not yet
  std::optional<std::int64_t> before;
  std::int64_t limit = 0;
};

struct TestTarget {
  std::string name;
};

// A page of deliveries, newest first, with ids below `before`.
struct ListDeliveries {
  std::string target;
  std::optional<std::int64_t> job;
  std::string state;
  std::optional<std::int64_t> before;
  std::int64_t limit = 50;
};

struct KeepJobs {
  std::vector<std::int64_t> ids;
  bool keep = true;
};

struct JudgeJobs {
  std::vector<std::int64_t> ids;
  bool valid = false;
  std::string why;
};

// Without any limit: the daemon's own policy.
struct PlanCleaning {
  std::optional<std::int64_t> results_age_ms;
  std::optional<std::int64_t> logs_age_ms;
  std::optional<std::int64_t> record_age_ms;
  std::optional<std::int64_t> bytes_max;
  bool size_takes_results = true;
  bool size_takes_logs = true;
};

struct CleanJob {
  std::int64_t id = 0;
  bool results = false;
  bool logs = false;
  bool record = false;
};
struct CleanJobs {
  std::vector<CleanJob> jobs;
};

struct StopDaemon {
  bool cancel_jobs = false;
};

struct Nothing {};

BOOST_DESCRIBE_STRUCT(SubmitJobs, (), (context, provenance, jobs))
BOOST_DESCRIBE_STRUCT(ListJobs, (), (states, name, group, tags, since_ms, before, limit))
BOOST_DESCRIBE_STRUCT(RetryJobs, (), (ids, context, provenance))
BOOST_DESCRIBE_STRUCT(EditJob, (), (id, spec))
BOOST_DESCRIBE_STRUCT(JobIds, (), (ids))
BOOST_DESCRIBE_STRUCT(CancelJobs, (), (ids, grace_ms))
BOOST_DESCRIBE_STRUCT(SignalJobs, (), (ids, signal))
BOOST_DESCRIBE_STRUCT(WatchJob, (), (id, seen))
BOOST_DESCRIBE_STRUCT(ListEvents, (), (after, job, limit))
BOOST_DESCRIBE_STRUCT(SelectJobs, (), (last, all, unfinished, states, name, group, tags))
BOOST_DESCRIBE_STRUCT(GetStatistics, (), (since_ms, before, limit))
BOOST_DESCRIBE_STRUCT(TestTarget, (), (name))
BOOST_DESCRIBE_STRUCT(ListDeliveries, (), (target, job, state, before, limit))
BOOST_DESCRIBE_STRUCT(KeepJobs, (), (ids, keep))
BOOST_DESCRIBE_STRUCT(JudgeJobs, (), (ids, valid, why))
BOOST_DESCRIBE_STRUCT(PlanCleaning, (),
                      (results_age_ms, logs_age_ms, record_age_ms, bytes_max, size_takes_results,
                       size_takes_logs))
BOOST_DESCRIBE_STRUCT(CleanJob, (), (id, results, logs, record))
BOOST_DESCRIBE_STRUCT(CleanJobs, (), (jobs))
BOOST_DESCRIBE_STRUCT(StopDaemon, (), (cancel_jobs))
BOOST_DESCRIBE_STRUCT(Nothing, (), ())

// The arguments of an operation; code `invalid` with the place of what is wrong.
template <typename T>
Result<T> decode_args(const json::object& args) {
  T out;
  if (auto decoded = decode_json(json::value(args), out, ""); !decoded)
    return std::unexpected(decoded.error());
  return out;
}

}  // namespace reeve::request

namespace reeve {

// A value that is decoded later, by somebody who knows its shape.
template <>
struct JsonCodec<json::value> {
  static json::value encode(const json::value& in) { return in; }
  static Result<void> decode(const json::value& value, json::value& out, const std::string&) {
    out = value;
    return {};
  }
};

}  // namespace reeve
