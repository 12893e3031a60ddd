#include "pipeline/document.h"

#include <fmt/format.h>

#include <toml++/toml.h>
#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <optional>

#include "core/limits.h"

namespace reeve {
namespace {

namespace json = boost::json;

Place place_of(const toml::source_region& where) {
  return {where.begin.line, where.begin.column};
}

Node convert(const toml::node& from) {
  Node node;
  node.place = place_of(from.source());
  if (const auto* table = from.as_table()) {
    for (const auto& [key, value] : *table)
      node.members.push_back({std::string(key.str()), place_of(key.source()), convert(value)});
  } else if (const auto* array = from.as_array()) {
    node.kind = NodeKind::array;
    for (const toml::node& element : *array) node.elements.push_back(convert(element));
  } else if (const auto* text = from.as_string()) {
    node.kind = NodeKind::text;
    node.scalar = json::string(text->get());
  } else if (const auto* integer = from.as_integer()) {
    node.kind = NodeKind::integer;
    node.scalar = integer->get();
  } else if (const auto* real = from.as_floating_point()) {
    node.kind = NodeKind::real;
    node.scalar = real->get();
  } else if (const auto* boolean = from.as_boolean()) {
    node.kind = NodeKind::boolean;
    node.scalar = boolean->get();
  } else {
    node.kind = NodeKind::time;
  }
  return node;
}

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

// The parser recurses once for each part of a dotted key when it lets a table go, and a file of
// 1 MiB has room for half a million of them: it crashed with 100,000 (toml++ 3.3). So they are
// counted before it sees them.
std::optional<Mistake> find_long_key(std::string_view text) {
  int parts = 1;
  for (std::size_t at = 0; at < text.size();) {
    if (const std::size_t end = skip_text(text, at); end != at) {
      at = end;
      continue;
    }
    const char c = text[at];
    if (c == '.')
      ++parts;
    else if (std::string_view("=[]{},\n").find(c) != std::string_view::npos)
      parts = 1;
    if (parts > limits::key_parts_max) {
      const auto line =
          std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n');
      const auto begin = text.rfind('\n', at);
      const std::size_t column = begin == std::string_view::npos ? at + 1 : at - begin;
      return Mistake{{line + 1, static_cast<std::int64_t>(column)},
                     fmt::format("a key has at most {} parts", limits::key_parts_max)};
    }
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

}  // namespace

const Member* Node::find(std::string_view name) const {
  const auto found =
      std::ranges::find_if(members, [&](const Member& member) { return member.name == name; });
  return found == members.end() ? nullptr : &*found;
}

std::string Node::text() const {
  return scalar.is_string() ? std::string(scalar.get_string()) : "";
}

std::string_view to_words(NodeKind kind) {
  switch (kind) {
    case NodeKind::boolean:
      return "true or false";
    case NodeKind::integer:
      return "a whole number";
    case NodeKind::real:
      return "a number";
    case NodeKind::text:
      return "a string";
    case NodeKind::array:
      return "an array";
    case NodeKind::table:
      return "a table";
    case NodeKind::time:
      return "a date or time";
  }
  return "";
}

std::expected<Node, Mistake> parse_document(std::string_view text) {
  if (text.size() > limits::pipeline_file_bytes_max)
    return std::unexpected(Mistake{{},
                                   fmt::format("the file has {} bytes, and {} are the most",
                                               text.size(), limits::pipeline_file_bytes_max)});
  if (auto mistake = find_long_key(text)) return std::unexpected(*mistake);
  try {
    return convert(toml::parse(text));
  } catch (const toml::parse_error& error) {
    return std::unexpected(Mistake{place_of(error.source()), in_words(error, text)});
  }
}

json::value to_json(const Node& node) {
  if (node.is(NodeKind::array)) {
    json::array out;
    for (const Node& element : node.elements) out.push_back(to_json(element));
    return out;
  }
  if (node.is(NodeKind::table)) {
    json::object out;
    for (const Member& member : node.members) out.emplace(member.name, to_json(member.node));
    return out;
  }
  return node.scalar;
}

}  // namespace reeve
