#pragma once
// JSON Schema of the described structs that base/json.h decodes, from the same descriptions.

#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "base/json.h"

namespace reeve {

template <typename T>
struct JsonSchema;

// What an instance looks like that decode_json takes.
template <typename T>
json::object schema_of() {
  if constexpr (std::is_same_v<T, bool>) {
    return {{"type", "boolean"}};
  } else if constexpr (std::is_integral_v<T>) {
    return {{"type", "integer"}};
  } else if constexpr (std::is_floating_point_v<T>) {
    return {{"type", "number"}};
  } else if constexpr (std::is_enum_v<T>) {
    json::array words;
    boost::mp11::mp_for_each<boost::describe::describe_enumerators<T>>(
        [&](auto enumerator) { words.emplace_back(enumerator.name); });
    return {{"enum", std::move(words)}};
  } else if constexpr (detail::Described<T>) {
    json::object properties;
    boost::mp11::mp_for_each<detail::Members<T>>([&](auto member) {
      using Type = std::remove_cvref_t<decltype(std::declval<T>().*member.pointer)>;
      properties[member.name] = schema_of<Type>();
    });
    return {
        {"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
  } else {
    return JsonSchema<T>::make();
  }
}

template <>
struct JsonSchema<std::string> {
  static json::object make() { return {{"type", "string"}}; }
};

template <>
struct JsonSchema<Duration> {
  static json::object make() { return {{"type", "integer"}, {"description", "milliseconds"}}; }
};

template <typename T>
struct JsonSchema<std::optional<T>> {
  static json::object make() { return schema_of<T>(); }
};

template <typename T>
struct JsonSchema<std::vector<T>> {
  static json::object make() { return {{"type", "array"}, {"items", schema_of<T>()}}; }
};

template <typename T>
struct JsonSchema<std::map<std::string, T>> {
  static json::object make() {
    return {{"type", "object"}, {"additionalProperties", schema_of<T>()}};
  }
};

}  // namespace reeve
