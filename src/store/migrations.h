#pragma once
// The shape of the database, as the sequence of steps that lead to it.

#include <SQLiteCpp/Database.h>

#include "base/result.h"

namespace reeve {

// The version that this program reads and writes.
[[nodiscard]] int schema_version();

// Brings an older database up to date, one transaction each step, after a copy was put beside the
// file ("<file>.before-v2"). A newer one is refused in plain words; nothing of it is touched.
// With an earlier version than this program's it stops there, as an older program would.
[[nodiscard]] Result<void> migrate(SQLite::Database& db, int version = schema_version());

}  // namespace reeve
