#include "pipeline/param_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

#include "base/text.h"
#include "core/limits.h"

namespace reeve {
namespace {

const std::vector<Synonym>& key_synonyms() {
  static const std::vector<Synonym> words{
      {"description", "help"}, {"values", "choices"}, {"options", "choices"}, {"enum", "choices"},
      {"minimum", "min"},      {"maximum", "max"},    {"value", "default"}};
  return words;
}

const std::vector<Synonym>& type_synonyms() {
  static const std::vector<Synonym> words{
      {"integer", "int"},  {"number", "float"},  {"double", "float"}, {"real", "float"},
      {"boolean", "bool"}, {"str", "string"},    {"text", "string"},  {"enum", "choice"},
      {"file", "path"},    {"directory", "path"}};
  return words;
}

// The value as it would be typed after `--param NAME=`; nothing for what has no such form.
std::optional<std::string> typed(const Node& node) {
  switch (node.kind) {
    case NodeKind::text:
      return node.text();
    case NodeKind::boolean:
      return node.scalar.get_bool() ? "true" : "false";
    case NodeKind::integer:
      return fmt::format("{}", node.scalar.get_int64());
    case NodeKind::real:
      return fmt::format("{}", node.scalar.get_double());
    default:
      return std::nullopt;
  }
}

std::optional<ParamType> type_of(const Node& node) {
  switch (node.kind) {
    case NodeKind::text:
      return ParamType::string;
    case NodeKind::boolean:
      return ParamType::boolean;
    case NodeKind::integer:
      return ParamType::integer;
    case NodeKind::real:
      return ParamType::real;
    default:
      return std::nullopt;
  }
}

// Whether TOML's own type fits: "5" is no whole number, and 5 no string.
bool fits(const Node& node, ParamType type) {
  switch (type) {
    case ParamType::integer:
      return node.is(NodeKind::integer);
    case ParamType::real:
      return node.is(NodeKind::real) || node.is(NodeKind::integer);
    case ParamType::boolean:
      return node.is(NodeKind::boolean);
    default:
      return node.is(NodeKind::text);
  }
}

class Reader {
 public:
  Reader(const Member& member, const std::string& directory, Mistakes& mistakes)
      : member_(member), directory_(directory), mistakes_(mistakes) {
    param_.name = member.name;
    param_.place = member.place;
  }

  Param read() {
    const Node& node = member_.node;
    if (!node.is(NodeKind::table)) {
      if (const auto type = type_of(node)) {
        param_.type = *type;
        read_default(node);
      } else {
        refuse(node.place, fmt::format("expected a value, or a table such as {{ type = \"int\", "
                                       "default = 1 }}, not {}",
                                       to_words(node.kind)));
      }
      return param_;
    }
    for (const Member& member : node.members)
      if (std::ranges::find(param_keys(), member.name) == param_keys().end())
        refuse(member.place, fmt::format("unknown key `{}`{}", shortened(member.name),
                                         did_you_mean(member.name, param_keys(), key_synonyms())));
    if (!read_choices() || !read_type()) return param_;
    read_bounds();
    if (const Member* help = node.find("help")) {
      if (help->node.is(NodeKind::text))
        param_.help = help->node.text();
      else
        refuse(help->node.place, "`help`: expected a string");
    }
    if (const Member* initial = node.find("default"); initial != nullptr && is_sound_)
      read_default(initial->node);
    return param_;
  }

 private:
  void refuse(Place place, const std::string& what) {
    mistakes_.add(place, fmt::format("parameter `{}`: {}", shortened(param_.name), what));
    is_sound_ = false;
  }

  bool read_type() {
    const Member* type = member_.node.find("type");
    const Member* initial = member_.node.find("default");
    if (type != nullptr) {
      const auto known = param_type_from_word(type->node.text());
      if (!known)
        refuse(type->node.place,
               "`type`: expected int, float, bool, string, choice or path" +
                   did_you_mean(type->node.text(), param_type_words(), type_synonyms()));
      param_.type = known.value_or(ParamType::string);
    } else if (!param_.choices.empty()) {
      param_.type = ParamType::choice;
    } else if (const auto found = initial != nullptr ? type_of(initial->node) : std::nullopt) {
      param_.type = *found;
    } else {
      refuse(member_.place, "`type` is missing: int, float, bool, string, choice or path");
    }
    const Member* choices = member_.node.find("choices");
    if (is_sound_ && param_.type == ParamType::choice && choices == nullptr)
      refuse(member_.place, "`choices` is missing: what may be chosen, as in [\"a\", \"b\"]");
    if (is_sound_ && param_.type != ParamType::choice && choices != nullptr)
      refuse(choices->place, "`choices` belongs to type = \"choice\"");
    return is_sound_;
  }

  bool read_choices() {
    const Member* choices = member_.node.find("choices");
    if (choices == nullptr) return true;
    if (!choices->node.is(NodeKind::array) || choices->node.elements.empty()) {
      refuse(choices->node.place, "`choices`: expected an array of strings");
      return false;
    }
    for (const Node& choice : choices->node.elements) {
      if (!choice.is(NodeKind::text))
        refuse(choice.place, "`choices`: expected a string");
      else if (std::ranges::find(param_.choices, choice.text()) != param_.choices.end())
        refuse(choice.place, fmt::format("`{}` is there twice", shortened(choice.text())));
      else
        param_.choices.push_back(choice.text());
    }
    return is_sound_;
  }

  void read_bounds() {
    for (const char* key : {"min", "max"}) {
      const Member* bound = member_.node.find(key);
      if (bound == nullptr) continue;
      const bool is_min = std::string_view(key) == "min";
      const Node& node = bound->node;
      if (param_.type == ParamType::integer && node.is(NodeKind::integer))
        (is_min ? param_.integers.min : param_.integers.max) = node.scalar.get_int64();
      else if (param_.type == ParamType::real && node.is(NodeKind::integer))
        (is_min ? param_.reals.min : param_.reals.max) =
            static_cast<double>(node.scalar.get_int64());
      else if (param_.type == ParamType::real && node.is(NodeKind::real) &&
               !std::isnan(node.scalar.get_double()))
        (is_min ? param_.reals.min : param_.reals.max) = node.scalar.get_double();
      else if (param_.type == ParamType::integer || param_.type == ParamType::real)
        refuse(node.place,
               fmt::format("`{}`: expected {}", key,
                           param_.type == ParamType::integer ? "a whole number" : "a number"));
      else
        refuse(bound->place, fmt::format("`{}` belongs to an int or a float", key));
    }
    const auto& [least, most] = param_.integers;
    const auto& [lowest, highest] = param_.reals;
    if ((least && most && *least > *most) || (lowest && highest && !(*lowest <= *highest)))
      refuse(member_.node.find("min")->node.place, "`min` is above `max`");
  }

  void read_default(const Node& node) {
    const auto text = typed(node);
    if (!text || !fits(node, param_.type))
      return refuse(node.place, fmt::format("`default`: expected {}, not {}", expectation(param_),
                                            to_words(node.kind)));
    auto value = check_value(param_, *text, directory_);
    if (value)
      param_.initial = std::move(*value);
    else
      refuse(node.place, "`default`: " + value.error().message);
  }

  const Member& member_;
  const std::string& directory_;
  Mistakes& mistakes_;
  Param param_;
  bool is_sound_ = true;
};

}  // namespace

const std::vector<std::string_view>& param_keys() {
  static const std::vector<std::string_view> keys{"type", "default", "min",
                                                  "max",  "choices", "help"};
  return keys;
}

std::vector<Param> read_params(const Node& table, const std::string& directory,
                               Mistakes& mistakes) {
  std::vector<Param> params;
  for (const Member& member : table.members) {
    if (params.size() == limits::params_max) {
      mistakes.add(member.place,
                   fmt::format("a pipeline has at most {} parameters", limits::params_max));
      break;
    }
    if (!is_param_name(member.name) || member.name.size() > limits::param_name_bytes_max)
      mistakes.add(member.place,
                   fmt::format("`{}` can't name a parameter: letters, digits and `_` can, at most "
                               "{} and no digit first",
                               shortened(member.name), limits::param_name_bytes_max));
    else if (member.name == "name")
      mistakes.add(member.place,
                   "a parameter can't be called `name`: {name} is the job's name in checks");
    else
      params.push_back(Reader(member, directory, mistakes).read());
  }
  std::ranges::sort(params, {}, &Param::place);
  return params;
}

}  // namespace reeve
