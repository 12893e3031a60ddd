#pragma once
// Numbers, counts and percentages in a line of output: the words of core/counters.h.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace reeve {

struct NumberText {
  double value = 0;
  std::size_t end = 0;
};

// "1234", "1,234", "1_234", "12.5", "1.23M" (thousands; only with `with_suffix`) at `at`. Nothing
// unless a number begins there.
enum class Suffix : bool { none, allowed };
[[nodiscard]] std::optional<NumberText> read_number(std::string_view text, std::size_t at,
                                                    Suffix suffix);

// "3/7", "3 of 7", "3 out of 7", standing for itself: not a part of a date, path or version.
struct CountText {
  double done = 0;
  double total = 0;
  std::size_t begin = 0;
  std::size_t end = 0;
};
[[nodiscard]] std::vector<CountText> find_counts(std::string_view text, Suffix suffix);

// "45%", "45.3 %", at most 100.
struct PercentText {
  double value = 0;
  std::size_t begin = 0;
  std::size_t end = 0;
};
[[nodiscard]] std::vector<PercentText> find_percents(std::string_view text);

// The word, letters only, in small letters, that ends before or begins after `at`, with nothing but
// blanks and punctuation between. Empty where there is none.
[[nodiscard]] std::string word_before(std::string_view text, std::size_t at);
[[nodiscard]] std::string word_after(std::string_view text, std::size_t at);
// All words of a text, in small letters.
[[nodiscard]] std::vector<std::string> words_of(std::string_view text);

// Where a bar is drawn: "[=====>   ]", "|####  |", "━━━━", "██", ".......... ..........".
struct BarText {
  std::size_t begin = 0;
  std::size_t end = 0;
};
[[nodiscard]] std::optional<BarText> find_bar(std::string_view text);

}  // namespace reeve
