#pragma once
// What a log tells: a line, or a block of lines, that speaks of an error or deserves attention.

#include <cstdint>
#include <string>
#include <vector>

namespace reeve {

enum class Severity : std::uint8_t { warning, error };

struct Finding {
  std::string rule;  // id of the rule that found it, such as "python_traceback" or "fail_on"
  Severity severity = Severity::error;
  std::int64_t offset = 0;  // of the first byte of the line in the log
  std::int64_t line = 0;    // counted from 1; a line that a carriage return begins is not counted
  std::string message;      // one line for people, printable and short: "KeyError: 'lat'"
  std::string place;        // where in the program, as the log tells it; empty when it does not
  bool operator==(const Finding&) const = default;
};

enum class OnLogError : std::uint8_t { fail, warn, ignore };

// How a job's log is judged. Patterns are regular expressions in the syntax of RE2.
struct LogPolicy {
  OnLogError on_error = OnLogError::fail;  // of a job that ended with exit code 0
  std::vector<std::string> fail_on;        // lines that are errors beside the known ones
  std::vector<std::string> warn_on;
  std::vector<std::string> ignore;  // lines that are no finding, whatever else finds them
  bool operator==(const LogPolicy&) const = default;
};

}  // namespace reeve
