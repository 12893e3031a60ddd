#pragma once
// A job as everybody outside sees it: `ls --json`, `show --json`, the wire.
// The fields are documented in docs/formats.md and do not change their meaning.

#include <boost/json/value.hpp>

#include "core/job.h"
#include "store/store.h"

namespace reeve {

[[nodiscard]] boost::json::object job_to_json(const Job& job);
[[nodiscard]] boost::json::object event_to_json(const StoredEvent& event);

// The code with which `reeve run` and `reeve wait` exit for an ended job: its own where it had one.
[[nodiscard]] int exit_code_of(const Job& job);

}  // namespace reeve
