#pragma once
// reeve-data's one task.

#include "base/result.h"

namespace reeve {

// Reads a DataRequest as JSON from `input`, gives up what it does not need, and writes a DataAnswer
// for each check, a line each, as soon as it is known. Fails before the first check, or when nobody
// reads any more.
[[nodiscard]] Result<void> answer_data_request(int input, int output);

}  // namespace reeve
