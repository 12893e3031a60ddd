#pragma once
// Checks of files, images and tables.

#include "core/validation_json.h"

namespace reeve {

// One check of those kinds, over all files that fit its pattern. `directory` is open on
// `request.directory`. Never fails: what can't be found out is told as unknown.
[[nodiscard]] CheckOutcome run_data_check(const DataRequest& request, int directory,
                                          const Check& check);

}  // namespace reeve
