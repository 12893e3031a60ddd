#pragma once
// A job's specification as JSON: on the wire and in the database.

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "base/result.h"
#include "core/job.h"

namespace reeve {

[[nodiscard]] boost::json::value evidence_to_json(const Evidence& evidence);
[[nodiscard]] Result<Evidence> evidence_from_json(const boost::json::value& value);
[[nodiscard]] boost::json::value finding_to_json(const Finding& finding);

[[nodiscard]] boost::json::value spec_to_json(const JobSpec& spec);
// Unknown keys and wrong types are refused with code `invalid`; meaning is checked by find_fault.
[[nodiscard]] Result<JobSpec> spec_from_json(const boost::json::value& value);

// What one of its checks looks like, as JSON Schema.
[[nodiscard]] boost::json::object check_schema();

}  // namespace reeve
