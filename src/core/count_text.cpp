#include "core/count_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <string>

namespace reeve {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

char to_small(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

char at_or_nul(std::string_view text, std::size_t at) {
  return at < text.size() ? text[at] : '\0';
}

// What may stand before a number that is not a part of something longer.
bool is_left_edge(std::string_view text, std::size_t at) {
  if (at == 0) return true;
  const char before = text[at - 1];
  if (is_letter(before) || is_digit(before) || before == '_' || before == '/' || before == '.' ||
      before == '-' || before == '\\' || before == '+' || before == '$')
    return false;
  // A time of day, or a group of digits.
  if ((before == ':' || before == ',') && at >= 2 && is_digit(text[at - 2])) return false;
  return true;
}

bool is_right_edge(std::string_view text, std::size_t at) {
  const char after = at_or_nul(text, at);
  if (is_letter(after) || is_digit(after) || after == '_' || after == '/' || after == '\\' ||
      after == '%')
    return false;
  const bool has_more = is_digit(at_or_nul(text, at + 1)) || is_letter(at_or_nul(text, at + 1));
  return !((after == '.' || after == '-' || after == ',') && has_more);
}

std::size_t skip_blanks(std::string_view text, std::size_t at) {
  while (at < text.size() && text[at] == ' ') ++at;
  return at;
}

// The end of digits with groups of three after commas, or underscores, between.
std::size_t end_of_digits(std::string_view text, std::size_t at, std::string& digits) {
  while (at < text.size()) {
    if (is_digit(text[at])) {
      digits += text[at++];
      continue;
    }
    const bool is_group = (text[at] == ',' || text[at] == '_') && !digits.empty() &&
                          is_digit(at_or_nul(text, at + 1)) && is_digit(at_or_nul(text, at + 2)) &&
                          is_digit(at_or_nul(text, at + 3)) && !is_digit(at_or_nul(text, at + 4));
    if (!is_group) break;
    ++at;
  }
  return at;
}

std::size_t end_of_separator(std::string_view text, std::size_t at) {
  const std::size_t from = skip_blanks(text, at);
  if (at_or_nul(text, from) == '/') return skip_blanks(text, from + 1);
  if (from == at) return std::string_view::npos;
  for (const std::string_view word : {"of ", "out of "})
    if (text.substr(from).starts_with(word)) return skip_blanks(text, from + word.size());
  return std::string_view::npos;
}

// Lengths of characters that only bars are drawn with, in UTF-8; 0 for others.
std::size_t drawn_length(std::string_view text) {
  if (text.size() < 3) return 0;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(0) != 0xE2) return 0;
  const unsigned point = 0x2000U | (byte(1) & 0x3FU) << 6 | (byte(2) & 0x3FU);
  const bool is_block = point >= 0x2588 && point <= 0x2593;  // full, eighths, shades
  const bool is_line = point == 0x2501 || point == 0x2578 || point == 0x257A;
  const bool is_square = point == 0x25A0 || point == 0x25A1 || point == 0x25AC;
  return is_block || is_line || is_square ? 3 : 0;
}

// "[====>    ]", "|####   |", "<====---->": only what bars are made of, in brackets that match.
std::optional<BarText> bracketed_bar(std::string_view text, std::size_t at) {
  struct Kind {
    char open;
    char close;
    std::string_view drawn;
  };
  constexpr std::array<Kind, 3> kinds{
      Kind{'[', ']', "=#>-. *o"}, {'|', '|', "=#>-. *o"}, {'<', '>', "=-"}};
  for (const Kind& kind : kinds) {
    if (text[at] != kind.open) continue;
    const std::size_t end = text.find_first_not_of(kind.drawn, at + 1);
    if (end == std::string_view::npos || text[end] != kind.close || end - at < 6) continue;
    const bool is_empty = text.substr(at + 1, end - at - 1).find_first_of("=#>") == text.npos;
    if (!is_empty || kind.open == '[') return BarText{at, end + 1};
  }
  return std::nullopt;
}

}  // namespace

std::optional<NumberText> read_number(std::string_view text, std::size_t at, Suffix suffix) {
  std::string digits;
  std::size_t end = end_of_digits(text, at, digits);
  if (digits.empty() || digits.size() > 18) return std::nullopt;
  if (at_or_nul(text, end) == '.' && is_digit(at_or_nul(text, end + 1))) {
    digits += '.';
    for (++end; end < text.size() && is_digit(text[end]); ++end) digits += text[end];
  }
  double value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (suffix == Suffix::allowed) {
    constexpr std::string_view suffixes = "kMGTP";
    const auto power = suffixes.find(at_or_nul(text, end));
    if (end < text.size() && power != std::string_view::npos) {
      value *= std::pow(1000.0, static_cast<double>(power + 1));
      ++end;
    }
  }
  return NumberText{value, end};
}

std::vector<CountText> find_counts(std::string_view text, Suffix suffix) {
  std::vector<CountText> found;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (!is_digit(text[at]) || !is_left_edge(text, at)) continue;
    const auto done = read_number(text, at, suffix);
    if (!done) continue;
    const std::size_t from = end_of_separator(text, done->end);
    const auto total =
        from == std::string_view::npos ? std::nullopt : read_number(text, from, suffix);
    if (total && is_right_edge(text, total->end) && total->value > 0 &&
        done->value <= total->value) {
      found.push_back({done->value, total->value, at, total->end});
      at = total->end - 1;
    } else {
      at = done->end - 1;
    }
  }
  return found;
}

std::vector<PercentText> find_percents(std::string_view text) {
  std::vector<PercentText> found;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (!is_digit(text[at]) || !is_left_edge(text, at)) continue;
    const auto number = read_number(text, at, Suffix::none);
    if (!number) continue;
    const std::size_t sign = at_or_nul(text, number->end) == ' ' ? number->end + 1 : number->end;
    if (at_or_nul(text, sign) == '%' && number->value <= 100 &&
        !is_letter(at_or_nul(text, sign + 1)) && !is_digit(at_or_nul(text, sign + 1)))
      found.push_back({number->value, at, sign + 1});
    at = number->end - 1;
  }
  return found;
}

std::string word_before(std::string_view text, std::size_t at) {
  std::size_t end = at;
  while (end > 0 && !is_letter(text[end - 1])) {
    if (std::string_view(" :=#[(.").find(text[end - 1]) == std::string_view::npos) return "";
    --end;
  }
  std::size_t begin = end;
  while (begin > 0 && is_letter(text[begin - 1])) --begin;
  std::string word(text.substr(begin, end - begin));
  std::ranges::transform(word, word.begin(), to_small);
  return word;
}

std::string word_after(std::string_view text, std::size_t at) {
  while (at < text.size() && std::string_view(" ])").find(text[at]) != std::string_view::npos) ++at;
  std::size_t end = at;
  while (end < text.size() && is_letter(text[end])) ++end;
  std::string word(text.substr(at, end - at));
  std::ranges::transform(word, word.begin(), to_small);
  return word;
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  for (std::size_t at = 0; at < text.size();) {
    if (!is_letter(text[at])) {
      ++at;
      continue;
    }
    std::string word;
    while (at < text.size() && is_letter(text[at])) word += to_small(text[at++]);
    words.push_back(std::move(word));
  }
  return words;
}

std::optional<BarText> find_bar(std::string_view text) {
  constexpr std::string_view dots = ".......... ..........";  // wget's, where it has no terminal
  if (const auto at = text.find(dots); at != std::string_view::npos)
    return BarText{at, text.find_first_not_of(" .", at)};
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (const auto bar = bracketed_bar(text, at)) return bar;
    std::size_t end = at;
    std::size_t drawn = 0;
    for (std::size_t length = 0; end < text.size(); end += length) {
      length = drawn_length(text.substr(end));
      if (length == 0) break;
      ++drawn;
    }
    if (drawn >= 2) return BarText{at, end};
  }
  return std::nullopt;
}

}  // namespace reeve
