#pragma once
// A file judged as a table.

#include "core/validation.h"
#include "data/database.h"
#include "data/file_look.h"
#include "data/found_files.h"

namespace reeve {

[[nodiscard]] FileLook look_at_table(const OpenedFile& file, const Check& check,
                                     const DatabaseLimits& limits);

}  // namespace reeve
