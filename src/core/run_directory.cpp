#include "core/run_directory.h"

#include <fmt/format.h>

namespace reeve {

std::string run_directory(std::string_view root, std::string_view name, UtcTime started,
                          std::int32_t attempt_to_place) {
  std::string path = fmt::format("{}/{}/{}", root, to_directory_name(started), name);
  if (attempt_to_place > 1) path += fmt::format("_{}", attempt_to_place);
  return path;
}

std::string staging_directory(std::string_view root, const AttemptKey& key) {
  return fmt::format("{}/.staging/{}.{}", root, key.job.value, key.attempt);
}

}  // namespace reeve
