#include "core/glob.h"

#include <optional>

namespace reeve {
namespace {

struct Unit {
  enum class Kind : std::uint8_t { character, any, many, set };
  Kind kind = Kind::character;
  char character = 0;
  std::string_view set;  // between the brackets, `!` included
  std::size_t length = 1;
};

// Where the set that begins at `text[0] == '['` ends; a `]` right at its beginning belongs to it.
std::optional<std::size_t> find_set_end(std::string_view text) {
  std::size_t at = 1;
  if (at < text.size() && (text[at] == '!' || text[at] == '^')) ++at;
  if (at < text.size() && text[at] == ']') ++at;
  while (at < text.size() && text[at] != ']') ++at;
  return at < text.size() ? std::optional(at) : std::nullopt;
}

// The pattern was parsed: it has no faults.
Unit next_unit(std::string_view pattern) {
  switch (pattern.front()) {
    case '*':
      return {Unit::Kind::many, 0, {}, 1};
    case '?':
      return {Unit::Kind::any, 0, {}, 1};
    case '[': {
      const std::size_t end = *find_set_end(pattern);
      return {Unit::Kind::set, 0, pattern.substr(1, end - 1), end + 1};
    }
    case '\\':
      return {Unit::Kind::character, pattern[1], {}, 2};
    default:
      return {Unit::Kind::character, pattern[0], {}, 1};
  }
}

bool is_in_set(std::string_view set, char c) {
  const bool negated = set.starts_with('!') || set.starts_with('^');
  if (negated) set.remove_prefix(1);
  const auto code = [](char each) { return static_cast<unsigned char>(each); };
  bool found = false;
  for (std::size_t at = 0; at < set.size();) {
    const bool is_range = at + 2 < set.size() && set[at + 1] == '-';
    if (is_range)
      found = found || (code(set[at]) <= code(c) && code(c) <= code(set[at + 2]));
    else
      found = found || set[at] == c;
    at += is_range ? 3 : 1;
  }
  return found != negated;
}

// How many bytes of the name the unit takes; nothing when it does not fit. `?` and sets take a
// whole character of UTF-8.
std::optional<std::size_t> take(const Unit& unit, std::string_view name) {
  if (name.empty()) return std::nullopt;
  if (unit.kind == Unit::Kind::character)
    return name.front() == unit.character ? std::optional<std::size_t>(1) : std::nullopt;
  std::size_t length = 1;
  while (length < name.size() && (static_cast<unsigned char>(name[length]) & 0xC0) == 0x80)
    ++length;
  if (unit.kind == Unit::Kind::set && !is_in_set(unit.set, name.front())) return std::nullopt;
  return length;
}

bool fits_pattern(std::string_view pattern, std::string_view name) {
  // After the last `*`, to come back to when it has to take one more.
  std::optional<std::string_view> pattern_again;
  std::string_view name_again;
  while (true) {
    if (pattern.empty() && name.empty()) return true;
    if (!pattern.empty()) {
      const Unit unit = next_unit(pattern);
      if (unit.kind == Unit::Kind::many) {
        pattern.remove_prefix(1);
        pattern_again = pattern;
        name_again = name;
        continue;
      }
      if (const auto taken = take(unit, name)) {
        pattern.remove_prefix(unit.length);
        name.remove_prefix(*taken);
        continue;
      }
    }
    if (!pattern_again || name_again.empty()) return false;
    name_again.remove_prefix(1);
    pattern = *pattern_again;
    name = name_again;
  }
}

std::unexpected<Error> no_pattern(std::string_view why) {
  return failed(ErrorCode::invalid, std::string(why));
}

Result<GlobPart> parse_part(std::string_view text) {
  if (text == "**") return GlobPart{GlobPart::Kind::any_folders, ""};
  GlobPart part;
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] == '\\' && at + 1 == text.size()) return no_pattern("a `\\` ends it");
    if (text[at] == '[' && !find_set_end(text.substr(at)))
      return no_pattern("a `[` in it is not closed");
    const Unit unit = next_unit(text.substr(at));
    if (unit.kind != Unit::Kind::character) part.kind = GlobPart::Kind::pattern;
    part.text += unit.character;
    at += unit.length;
  }
  if (part.kind == GlobPart::Kind::pattern) part.text = text;
  return part;
}

}  // namespace

Result<std::vector<GlobPart>> parse_glob(std::string_view pattern) {
  if (pattern.empty()) return no_pattern("it is empty");
  if (pattern.starts_with('/')) return no_pattern("it is absolute; it is below the results");
  std::vector<GlobPart> parts;
  for (std::size_t at = 0; at <= pattern.size();) {
    const std::size_t slash = std::min(pattern.find('/', at), pattern.size());
    const std::string_view text = pattern.substr(at, slash - at);
    at = slash + 1;
    if (text.empty() || text == ".") continue;
    if (text == "..") return no_pattern("it leaves the results by `..`");
    const auto part = parse_part(text);
    if (!part) return std::unexpected(part.error());
    const bool is_repeated = part->kind == GlobPart::Kind::any_folders && !parts.empty() &&
                             parts.back().kind == GlobPart::Kind::any_folders;
    if (!is_repeated) parts.push_back(*part);
  }
  if (parts.empty()) return no_pattern("it names no file");
  // As in a shell, a `**` at the end names what is in all those folders.
  if (parts.back().kind == GlobPart::Kind::any_folders)
    parts.push_back({GlobPart::Kind::pattern, "*"});
  return parts;
}

bool fits(const GlobPart& part, std::string_view name) {
  if (part.kind == GlobPart::Kind::literal) return part.text == name;
  if (name.starts_with('.') && !part.text.starts_with('.')) return false;
  return fits_pattern(part.text, name);
}

std::string escape_glob(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '*' || c == '?' || c == '[' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

}  // namespace reeve
