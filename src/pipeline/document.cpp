#include "pipeline/document.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "base/toml.h"
#include "core/limits.h"

namespace reeve {
namespace {

namespace json = boost::json;

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
  const auto table = parse_toml(text, limits::key_parts_max);
  if (!table) return std::unexpected(table.error());
  return convert(*table);
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
