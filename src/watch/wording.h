#pragma once
// What the words of a line mean, as far as it decides whether an error is told.

#include <string>
#include <string_view>

namespace reeve {

[[nodiscard]] constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
[[nodiscard]] constexpr bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
[[nodiscard]] constexpr bool is_letter(char c) {
  return is_upper(c) || (c >= 'a' && c <= 'z');
}
[[nodiscard]] constexpr bool is_word(char c) {
  return is_letter(c) || is_digit(c) || c == '_';
}
// Of ASCII letters.
[[nodiscard]] bool equals_ignoring_case(std::string_view a, std::string_view b);
// Without spaces, tabs and ends of lines around it.
[[nodiscard]] std::string_view trim(std::string_view text);

// A measure or a setting that only has an error's name: `0.12`, `0 errors`, `none`, `ignore`.
[[nodiscard]] bool is_plain_value(std::string_view message);

// The error is told because it is tried again: `retrying in 2 s`, `attempt 1 of 3`. Not the last
// attempt, and not one that is given up.
[[nodiscard]] bool announces_retry(std::string_view line);

// The line itself says that it does not matter: `(ignored)`, `non-fatal`, `as expected`.
[[nodiscard]] bool is_shrugged_off(std::string_view line);

// What is left of a line without what carried it here: a rank, the name of a container, a time.
[[nodiscard]] std::string_view without_carrier(std::string_view line);

// `ValueError: x`, `pkg.mod.SomeError: x`, `java.io.IOException`: a line that tells of an exception
// by itself.
[[nodiscard]] bool is_exception_line(std::string_view line);
// Likewise where one is expected, at the end of a traceback: also `KeyboardInterrupt`, `Oops: x`.
[[nodiscard]] bool ends_traceback(std::string_view line);

// One short line for people.
[[nodiscard]] std::string message_text(std::string_view line);
[[nodiscard]] std::string place_text(std::string_view place);

}  // namespace reeve
