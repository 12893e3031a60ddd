#pragma once
// A line that is a JSON object, as programs with structured logs write them.

#include <optional>
#include <string>
#include <string_view>

#include "watch/log_level.h"

namespace reeve {

struct JsonLine {
  std::optional<LogLevel> level;  // absent where the object tells none
  std::string message;
};

// Nothing unless the line begins with an object. It may be cut off: what was read so far counts.
// Levels are `level`, `severity` and the like, as words or as numbers from 10 to 60 (bunyan, pino).
[[nodiscard]] std::optional<JsonLine> read_json_line(std::string_view line);

}  // namespace reeve
