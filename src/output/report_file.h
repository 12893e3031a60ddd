#pragma once
// The report of a validation beside the results that it speaks of.

#include <string>

#include "base/result.h"
#include "core/validation.h"

namespace reeve {

// "train_validation.json".
[[nodiscard]] std::string report_file_name(const ValidationReport& report);

// Puts it into the directory in one step, in place of what has its name there, whatever that is
// unless a directory. Safe to repeat. Publication syncs it.
[[nodiscard]] Result<void> write_report(const std::string& directory,
                                        const ValidationReport& report);

}  // namespace reeve
