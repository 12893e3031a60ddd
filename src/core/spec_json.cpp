#include "core/spec_json.h"

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>
#include <boost/describe/enum_to_string.hpp>

#include "base/json.h"
#include "base/json_schema.h"
#include "core/validation_json.h"

namespace reeve {

BOOST_DESCRIBE_ENUM(Priority, low, normal, high, critical)
BOOST_DESCRIBE_ENUM(OnBusy, wait, reject)
BOOST_DESCRIBE_ENUM(Staging, keep, discard)
BOOST_DESCRIBE_ENUM(ContainmentWish, any, strict)
BOOST_DESCRIBE_ENUM(OnLogError, fail, warn, ignore)
BOOST_DESCRIBE_ENUM(OnStall, kill, warn, retry)
BOOST_DESCRIBE_ENUM(WhenPreempted, pause, requeue, never)
BOOST_DESCRIBE_STRUCT(LogPolicy, (), (on_error, fail_on, warn_on, ignore))
BOOST_DESCRIBE_ENUM(Declared, nothing, success, failure)
BOOST_DESCRIBE_STRUCT(Finding, (), (rule, severity, offset, line, message, place))
BOOST_DESCRIBE_STRUCT(Evidence, (),
                      (errors, warnings, found_to, first_error, declared, declared_reason, metrics,
                       needs_beats, has_results, disturbed_from, verdict, verdict_words))
BOOST_DESCRIBE_STRUCT(RetryPolicy, (), (retries, on_lost, on, delay))
BOOST_DESCRIBE_STRUCT(Demand, (), (cpus, memory, gpus, counters, lock))
BOOST_DESCRIBE_STRUCT(JobSpec, (),
                      (name, command, directory, priority, demand, on_busy, hold, time_limit, grace,
                       retry, log_max, results_root, staging, containment, stdin_file, environment,
                       secrets, idempotency_key, group, tags, isolate, pin_cpus, max_workers,
                       checkpoint, log, stall, on_stall, validation, pipeline, params, notify,
                       preempt, when_preempted, time_limit_is_default))

boost::json::value spec_to_json(const JobSpec& spec) {
  return encode_json(spec);
}

Result<JobSpec> spec_from_json(const boost::json::value& value) {
  JobSpec spec;
  if (auto result = decode_json(value, spec, ""); !result) return std::unexpected(result.error());
  return spec;
}

boost::json::value evidence_to_json(const Evidence& evidence) {
  return encode_json(evidence);
}

Result<Evidence> evidence_from_json(const boost::json::value& value) {
  Evidence evidence;
  if (auto result = decode_json(value, evidence, ""); !result)
    return std::unexpected(result.error());
  return evidence;
}

boost::json::value finding_to_json(const Finding& finding) {
  return encode_json(finding);
}

boost::json::object check_schema() {
  return schema_of<Check>();
}

}  // namespace reeve
