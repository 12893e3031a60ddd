#pragma once
// From a keeper's records to facts.

#include "core/lifecycle.h"
#include "keeper/record.h"

namespace reeve {

// `wait_status` as wait(2) gives it; `stopped`: a stop of ours was sent before.
[[nodiscard]] ExitStatus to_exit_status(int wait_status, bool stopped);
[[nodiscard]] ExitStatus exit_of(const Record& record);
// `rebooted`: the record is of an earlier boot.
[[nodiscard]] fact::Ended ended_of(const Record& record, bool rebooted);

}  // namespace reeve
