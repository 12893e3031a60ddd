#pragma once
// Secrets, read at the moment when they are needed.

#include <string>

#include "base/result.h"
#include "core/notice.h"

namespace reeve::notify {

// The first line of the file, or the variable's value; empty when no place is set. Fails when
// there is none there, or when others than its owner may read or change the file.
[[nodiscard]] Result<std::string> read_secret(const SecretPlace& place);

}  // namespace reeve::notify
