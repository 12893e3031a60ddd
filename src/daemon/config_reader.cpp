#include "daemon/config_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace reeve {
namespace {

bool is_plain_text(const std::string& text) {
  return !text.empty() && std::ranges::none_of(text, [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
  });
}

}  // namespace

void read_table(const toml::table& table, Mistakes& mistakes,
                const std::map<std::string, Take>& keys) {
  for (const auto& [key, node] : table) {
    const std::string name(key.str());
    const auto known = keys.find(name);
    if (known == keys.end()) {
      std::vector<std::string_view> names;
      for (const auto& [candidate, take] : keys) names.push_back(candidate);
      mistakes.add(place_of(key.source()),
                   fmt::format("unknown key `{}`{}", name, did_you_mean(name, names)));
    } else if (const char* expected = known->second(node)) {
      mistakes.add(place_of(node.source()), fmt::format("`{}`: expected {}", name, expected));
    }
  }
}

Take size_into(std::int64_t& out) {
  return [&out](const toml::node& node) -> const char* {
    const auto text = node.value_exact<std::string>();
    const auto size = text ? parse_size(*text) : node.value_exact<std::int64_t>();
    if (!size || *size < 0) return "a size such as \"4GB\"";
    out = *size;
    return nullptr;
  };
}

Take path_into(std::string& out) {
  return [&out](const toml::node& node) -> const char* {
    const auto text = node.value_exact<std::string>();
    if (!text || !text->starts_with('/')) return "an absolute path";
    out = *text;
    while (out.size() > 1 && out.ends_with('/')) out.pop_back();
    return nullptr;
  };
}

Take flag_into(bool& out) {
  return [&out](const toml::node& node) -> const char* {
    const auto value = node.value_exact<bool>();
    if (!value) return "true or false";
    out = *value;
    return nullptr;
  };
}

Take table_into(std::map<std::string, Take> keys, Mistakes& mistakes) {
  return [keys = std::move(keys), &mistakes](const toml::node& node) -> const char* {
    const toml::table* table = node.as_table();
    if (table == nullptr) return "a table";
    read_table(*table, mistakes, keys);
    return nullptr;
  };
}

Take text_into(std::string& out) {
  return [&out](const toml::node& node) -> const char* {
    const auto text = node.value_exact<std::string>();
    if (!text || !is_plain_text(*text)) return "a text without control characters";
    out = *text;
    return nullptr;
  };
}

Take texts_into(std::vector<std::string>& out) {
  return [&out](const toml::node& node) -> const char* {
    constexpr const char* expected = "a text, or an array of texts";
    std::string text;
    if (node.is_string()) {
      if (text_into(text)(node) != nullptr) return expected;
      out = {text};
      return nullptr;
    }
    const toml::array* array = node.as_array();
    if (array == nullptr || array->empty()) return expected;
    for (const toml::node& element : *array) {
      if (text_into(text)(element) != nullptr) return expected;
      out.push_back(text);
    }
    return nullptr;
  };
}

Take duration_into(Duration& out, Duration least, Duration most) {
  return [&out, least, most](const toml::node& node) -> const char* {
    const auto text = node.value_exact<std::string>();
    const auto duration = text ? parse_duration(*text) : std::nullopt;
    if (!duration || *duration < least || *duration > most)
      return "a duration in its bounds, such as \"30s\" or \"10m\"";
    out = *duration;
    return nullptr;
  };
}

}  // namespace reeve
