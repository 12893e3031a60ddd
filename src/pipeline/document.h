#pragma once
// A TOML document as a tree in which everything knows its place.

#include <boost/json/value.hpp>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "base/mistake.h"

namespace reeve {

enum class NodeKind : std::uint8_t { boolean, integer, real, text, array, table, time };

struct Member;

struct Node {
  NodeKind kind = NodeKind::table;
  Place place;
  boost::json::value scalar;    // of a boolean, integer, real or text
  std::vector<Node> elements;   // of an array
  std::vector<Member> members;  // of a table, in the order of their names
  [[nodiscard]] const Member* find(std::string_view name) const;
  [[nodiscard]] bool is(NodeKind wanted) const { return kind == wanted; }
  [[nodiscard]] std::string text() const;  // of a text
};

struct Member {
  std::string name;
  Place place;  // of the key
  Node node;
};

// "a string", "a whole number", …: for messages.
[[nodiscard]] std::string_view to_words(NodeKind kind);

// The mistake is the first one that keeps the text from being TOML, or that it is beyond the bounds
// of limits.h. Any bytes may be given.
[[nodiscard]] std::expected<Node, Mistake> parse_document(std::string_view text);

// Dates and times become null, which no option takes.
[[nodiscard]] boost::json::value to_json(const Node& node);

}  // namespace reeve
