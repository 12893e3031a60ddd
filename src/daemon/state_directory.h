#pragma once
// The state directory: made, looked at, and locked by the one daemon that may use it.

#include "api/paths.h"
#include "base/fd.h"
#include "base/result.h"

namespace reeve {

// Makes the directory (0700) where it is missing and takes its lock, which is held until the
// process ends, however it ends. Refused with a sentence: another daemon holds it (code `busy`,
// naming its pid), it is another user's, on a network file system, read-only, or full.
[[nodiscard]] Result<Fd> lock_state_directory(const Paths& paths);

// Refuses when the database is gone or empty although the rest of the directory has been in use:
// SQLite would make it anew, and every job would be forgotten.
[[nodiscard]] Result<void> check_database_is_there(const Paths& paths);

}  // namespace reeve
