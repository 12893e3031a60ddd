#pragma once
// Where results go: names only, no file system.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/time.h"

namespace reeve {

// "<root>/2026-11-22_09-30-00/<name>", and "…/<name>_2" for the second try when that is taken.
[[nodiscard]] std::string run_directory(std::string_view root, std::string_view name,
                                        UtcTime started, std::int32_t attempt_to_place);
// Below the root, so that one rename publishes it: "<root>/.staging/12.1".
[[nodiscard]] std::string staging_directory(std::string_view root, const AttemptKey& key);

// A log and the files beside it, by what is added to its path.
inline constexpr std::array<const char*, 5> log_suffixes{"", ".idx", ".processes", ".hung", ".use"};

}  // namespace reeve
