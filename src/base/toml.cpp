#include "base/toml.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace reeve {
namespace {

// Where the string or comment that begins at `at` ends; `at` itself where none begins there.
std::size_t skip_text(std::string_view text, std::size_t at) {
  const char quote = text[at];
  if (quote == '#') return std::min(text.find('\n', at), text.size());
  if (quote != '"' && quote != '\'') return at;
  const std::string three(3, quote);
  const bool is_long = text.substr(at).starts_with(three);
  for (std::size_t i = at + (is_long ? 3 : 1); i < text.size(); ++i) {
    if (text[i] == '\\' && quote == '"') {
      ++i;
    } else if (is_long && text.substr(i).starts_with(three)) {
      // One or two quotes may stand before the closing three.
      for (i += 3; i < text.size() && text[i] == quote;) ++i;
      return i;
    } else if (!is_long && (text[i] == quote || text[i] == '\n')) {
      return i + 1;
    }
  }
  return text.size();
}

Mistake mistake_at(std::string_view text, std::size_t at, std::string what) {
  const std::string_view before = text.substr(0, at);
  const auto line = std::ranges::count(before, '\n') + 1;
  const std::size_t begin = before.rfind('\n') + 1;  // 0 where there is none
  return {{line, static_cast<std::int64_t>(at - begin + 1)}, std::move(what)};
}

// Each part of a key counts, wherever it stands: in front of a `=`, in a table's head.
std::optional<Mistake> find_long_key(std::string_view text, int key_parts_max) {
  int parts = 1;
  for (std::size_t at = 0; at < text.size();) {
    if (const std::size_t end = skip_text(text, at); end != at) {
      at = end;
      continue;
    }
    if (text[at] == '.')
      ++parts;
    else if (std::string_view("=[]{},\n").contains(text[at]))
      parts = 1;
    if (parts > key_parts_max)
      return mistake_at(text, at, fmt::format("a key has at most {} parts", key_parts_max));
    ++at;
  }
  return std::nullopt;
}

// The parser's own words are about characters where a string has no end.
std::string in_words(const toml::parse_error& error, std::string_view text) {
  const auto line = place_of(error.source()).line;
  std::size_t begin = 0;
  for (std::int64_t i = 1; i < line && begin < text.size(); ++i)
    begin = std::min(text.find('\n', begin), text.size() - 1) + 1;
  const std::size_t end = std::min(text.find('\n', begin), text.size());
  const std::string_view description = error.description();
  if (description.find("parsing string") != std::string_view::npos &&
      place_of(error.source()).column > static_cast<std::int64_t>(end - begin))
    return "a string is not closed in its line";
  return std::string(description);
}

// Nothing when an assumption was broken.
std::optional<std::expected<toml::table, Mistake>> try_to_parse(std::string_view text) {
  try {
    return toml::parse(text);
  } catch (const toml::parse_error& error) {
    return std::unexpected(Mistake{place_of(error.source()), in_words(error, text)});
  } catch (const BrokenAssumption&) {
    return std::nullopt;
  }
}

// The last line of the shortest beginning that breaks an assumption, since the parser does not
// tell.
Mistake find_broken_line(std::string_view text) {
  std::vector<std::size_t> ends;  // of the lines
  for (std::size_t at = 0; at < text.size(); at = ends.back())
    ends.push_back(std::min(text.find('\n', at), text.size() - 1) + 1);
  const auto first = std::ranges::partition_point(
      ends, [&](std::size_t end) { return try_to_parse(text.substr(0, end)).has_value(); });
  return {{first - ends.begin() + 1, 1}, "a value is missing in this line, or it is no TOML"};
}

}  // namespace

std::expected<toml::table, Mistake> parse_toml(std::string_view text, int key_parts_max) {
  if (auto mistake = find_long_key(text, key_parts_max)) return std::unexpected(*mistake);
  if (auto parsed = try_to_parse(text)) return std::move(*parsed);
  return std::unexpected(find_broken_line(text));
}

}  // namespace reeve
