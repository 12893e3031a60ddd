#include "pipeline/check_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/json.h"
#include "base/text.h"
#include "core/validation.h"
#include "pipeline/pipeline.h"
#include "pipeline/placeholder.h"

namespace reeve {
namespace {

// What decoding calls a check that stands alone.
constexpr std::string_view decoded_name = "validation.checks[1]";

// The node that a path of the decoder names, such as `.columns[2].type`, as far as it is there.
const Node& descend(const Node& from, std::string_view path) {
  const Node* node = &from;
  while (!path.empty()) {
    const bool is_index = path.front() == '[';
    path.remove_prefix(1);
    const auto end = std::min(path.find_first_of(is_index ? "]" : ".["), path.size());
    const std::string_view step = path.substr(0, end);
    path.remove_prefix(std::min(end + (is_index ? 1 : 0), path.size()));
    const auto index = is_index ? parse_integer(step) : std::nullopt;
    const Member* member = is_index ? nullptr : node->find(step);
    if (member != nullptr)
      node = &member->node;
    else if (index && *index >= 1 && *index <= std::ssize(node->elements))
      node = &node->elements[static_cast<std::size_t>(*index - 1)];
    else
      break;
  }
  return *node;
}

class Reader {
 public:
  Reader(const std::vector<Param>& params, Mistakes& mistakes)
      : params_(params), mistakes_(mistakes) {
    for (const Param& param : params) in_words_.names.emplace_back(param.name);
    in_path_.names = in_words_.names;
    in_path_.names.emplace_back("name");
  }

  // Key by key, so that each one that is wrong is told.
  json::object read(const Node& check) {
    json::object out;
    const std::size_t before = mistakes_.count();
    for (const Member& member : check.members) {
      json::object alone{{member.name, to_json(member.node)}};
      const auto decoded = decode_checks({alone});
      if (decoded)
        out.insert(alone.begin(), alone.end());
      else
        add_mistake(member, decoded.error().message);
    }
    if (check.find("kind") == nullptr) mistakes_.add(check.place, "a check needs a `kind`");
    if (const Member* path = check.find("path")) look_at_text(path->node, in_path_);
    if (const Member* command = check.find("command"))
      for (const Node& word : command->node.elements) look_at_text(word, in_words_);
    if (const Member* shell = check.find("shell")) look_at_script(shell->node);
    if (mistakes_.count() == before) judge(check.place, out);
    return out;
  }

 private:
  // What a placeholder may name, and what another one is.
  struct Known {
    std::vector<std::string_view> names;
    std::string_view otherwise;
  };

  void add_mistake(const Member& member, std::string_view message) {
    if (message.starts_with(decoded_name)) message.remove_prefix(decoded_name.size());
    const auto colon = std::min(message.find(": "), message.size());
    const std::string_view path = message.substr(0, colon);
    const std::string_view rest = message.substr(colon);
    const std::string_view below = path.substr(std::min(member.name.size() + 1, path.size()));
    const bool is_unknown = path.substr(std::min<std::size_t>(1, path.size())) == member.name &&
                            rest.starts_with(": unknown");
    mistakes_.add(is_unknown ? member.place : descend(member.node, below).place,
                  fmt::format("check: `{}`{}",
                              shortened(path.substr(std::min<std::size_t>(1, path.size()))), rest));
  }

  void look_at_text(const Node& node, const Known& known) {
    for (const Piece& piece : split_placeholders(node.text()))
      if (piece.is_param && std::ranges::find(known.names, piece.text) == known.names.end())
        mistakes_.add(
            node.place,
            fmt::format("check: `{{{}}}` is {}{}", shortened(piece.text), known.otherwise,
                        mistakes_.is_full() ? "" : did_you_mean(piece.text, known.names)));
  }

  void look_at_script(const Node& node) {
    for (const Piece& piece : split_placeholders(node.text()))
      if (piece.is_param && std::ranges::find(params_, piece.text, &Param::name) != params_.end())
        mistakes_.add(node.place,
                      fmt::format("check: `{{{}}}` is not replaced in a script: give `command`, an "
                                  "array of words",
                                  piece.text));
  }

  // Whether all of it together makes sense.
  void judge(Place place, const json::object& check) {
    std::map<std::string, std::string> values;
    for (const Param& param : params_) values[param.name] = "value";
    const auto decoded = decode_checks({check});
    Validation alone;
    if (decoded) alone.checks = *decoded;
    const auto fault = decoded ? find_fault(alone, values) : std::nullopt;
    if (!fault) return;
    constexpr std::string_view number = "check 1 ";  // it stands alone here
    mistakes_.add(place, "check " + fault->substr(fault->starts_with(number) ? number.size() : 0));
  }

  const std::vector<Param>& params_;
  Mistakes& mistakes_;
  Known in_words_{{}, "no parameter"};
  Known in_path_{{}, "no parameter, and not {name}"};
};

}  // namespace

json::array read_checks(const Node& checks, const std::vector<Param>& params, Mistakes& mistakes) {
  json::array out;
  if (!checks.is(NodeKind::array)) {
    mistakes.add(checks.place, "`check`: expected tables, [[pipeline.NAME.check]]");
    return out;
  }
  Reader reader(params, mistakes);
  for (const Node& check : checks.elements) {
    if (mistakes.is_full()) break;
    if (check.is(NodeKind::table))
      out.push_back(reader.read(check));
    else
      mistakes.add(check.place, "`check`: expected tables, [[pipeline.NAME.check]]");
  }
  return out;
}

}  // namespace reeve
