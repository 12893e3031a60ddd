#pragma once
// What is shown to people: colours only where there is a terminal, nothing that could command it.

#include <string>
#include <string_view>

namespace reeve::cli {

[[nodiscard]] bool is_terminal(int fd);
// Colours are wanted: `fd` is a terminal, NO_COLOR is not set, TERM is not "dumb".
[[nodiscard]] bool has_colours(int fd);
// The state's word, in its colour when `colours`.
[[nodiscard]] std::string coloured_state(std::string_view state, bool colours);

// To stderr, with "reeve: " in front.
void say(std::string_view sentence);
// To stdout. False once nobody reads it any more; any other failure ends the command with 125.
bool print(std::string_view text);

// Makes a job's output safe for a terminal, across chunks: colours (SGR), tabs, carriage returns
// and newlines pass; every other control character or sequence becomes visible.
class TerminalFilter {
 public:
  [[nodiscard]] std::string filter(std::string_view chunk);
  // What is left of a sequence that never ended.
  [[nodiscard]] std::string finish();

 private:
  std::string pending_;
};

}  // namespace reeve::cli
