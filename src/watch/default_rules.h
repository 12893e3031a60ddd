#pragma once
// The rules that every log is judged by.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/finding.h"

namespace reeve {

// Which reader a line is given to when a trigger of the rule is in it.
enum class Reader : std::uint8_t {
  pattern,       // the rule's own pattern
  level,         // watch/log_level.h and watch/json_line.h
  exception,     // is_exception_line
  traceback,     // watch/traceback.h
  test_session,  // watch/test_session.h
};

struct Rule {
  const char* id;
  Severity severity = Severity::error;
  Reader reader = Reader::pattern;
  // What is looked for in the whole log, quickly; a line without any of them is not looked at.
  // Vectorscan's syntax, `^` and `$` are ends of lines. Tight ones keep chatty logs fast.
  std::vector<const char*> triggers;
  // RE2's syntax, looked for in the line without what carried it here (without_carrier). The groups
  // `message` and `place` are what is told; without a message it is the whole line.
  const char* pattern = nullptr;
  // Lines that the pattern finds, but that are no finding.
  const char* exceptions = nullptr;
  // Tried on the next `follow_lines` lines: its groups `message` (behind the one that is known, or
  // instead of none), `cause`, `place`, or `file`, `number` and `function` say more of it.
  const char* follow = nullptr;
  int follow_lines = 1;
  // The line before the one that was found tells what happened.
  bool tells_line_before = false;
  // What it finds is a cause: a message that another rule found is told under this rule's id.
  bool is_cause = false;
  // Whether it counts in a line that was logged at a lower level than ERROR.
  bool at_any_level = false;
};

// In this order they are tried on a line; the first that finds something tells it.
[[nodiscard]] std::span<const Rule> default_rules();

}  // namespace reeve
