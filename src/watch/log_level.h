#pragma once
// The level at which a line was logged: a word such as ERROR where programs put levels, and not
// anywhere else in a sentence.

#include <cstdint>
#include <optional>
#include <string_view>

namespace reeve {

enum class LogLevel : std::uint8_t {
  low,  // trace, debug, info, notice
  warning,
  error,  // and all above: critical, fatal, severe, alert, emergency, panic
};

struct LeveledLine {
  LogLevel level = LogLevel::low;
  std::string_view message;  // what was logged; may be empty
};

// "ERROR", "err", "Critical": in whatever case.
[[nodiscard]] std::optional<LogLevel> level_from_word(std::string_view word);

// What stands before the level may be times, names of loggers, hosts and threads, numbers and
// groups in brackets, but no prose. Known forms: `ERROR: x`, `[error] x`, `12:00:00 name - ERROR -
// x`, `level=error msg=x`, `E1122 12:00:00.0 7 a.cc:1] x`, `prog: error: x`, and what is like them.
// Nothing for an indented line, and for one without a level.
[[nodiscard]] std::optional<LeveledLine> read_level(std::string_view line);

}  // namespace reeve
