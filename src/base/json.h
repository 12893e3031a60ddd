#pragma once
// Strict translation between JSON and described structs (Boost.Describe).
//
// Decoding refuses unknown keys, wrong types and numbers out of range, and names the place
// ("demand.cpus: expected an integer"). Absent keys keep the struct's default. Strings are bytes:
// what is not valid UTF-8 passes unchanged between Reeve's own programs.

#include <boost/describe/enum_to_string.hpp>
#include <boost/describe/enumerators.hpp>
#include <boost/describe/members.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <boost/mp11/algorithm.hpp>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/result.h"
#include "base/text.h"
#include "base/time.h"

namespace reeve {

namespace json = boost::json;

// Code `invalid` with the position of the error. Depth is at most 32.
[[nodiscard]] Result<json::value> parse_json(std::string_view text);
// One line.
[[nodiscard]] std::string to_line(const json::value& value);
// Indented, for people.
[[nodiscard]] std::string to_pretty(const json::value& value);

namespace detail {

template <typename T>
concept Described = boost::describe::has_describe_members<T>::value;

template <typename T>
using Members = boost::describe::describe_members<T, boost::describe::mod_public>;

[[nodiscard]] std::unexpected<Error> wrong_type(const std::string& path, const char* expected);
[[nodiscard]] std::unexpected<Error> unknown_word(const std::string& path, std::string_view word,
                                                  const std::vector<std::string_view>& known);
[[nodiscard]] std::unexpected<Error> none_of(const std::string& path, std::string_view word,
                                             const std::vector<std::string_view>& known);
[[nodiscard]] std::string join_path(const std::string& path, std::string_view key);

}  // namespace detail

template <typename T>
Result<void> decode_json(const json::value& value, T& out, const std::string& path);

namespace detail {

template <typename T>
Result<void> decode_integer(const json::value& value, T& out, const std::string& path) {
  boost::system::error_code error;
  const auto number = value.to_number<T>(error);
  if (error || value.is_double()) return wrong_type(path, "an integer in range");
  out = number;
  return {};
}

template <typename T>
Result<void> decode_enum(const json::value& value, T& out, const std::string& path) {
  if (!value.is_string()) return wrong_type(path, "a word");
  const std::string_view word(value.get_string().data(), value.get_string().size());
  bool found = false;
  std::vector<std::string_view> known;
  boost::mp11::mp_for_each<boost::describe::describe_enumerators<T>>([&](auto enumerator) {
    known.emplace_back(enumerator.name);
    if (word == enumerator.name) {
      out = enumerator.value;
      found = true;
    }
  });
  if (!found) return none_of(path, word, known);
  return {};
}

template <typename T>
Result<void> decode_struct(const json::value& value, T& out, const std::string& path) {
  if (!value.is_object()) return wrong_type(path, "an object");
  std::vector<std::string_view> known;
  boost::mp11::mp_for_each<Members<T>>([&](auto member) { known.emplace_back(member.name); });
  for (const auto& [key, member_value] : value.get_object()) {
    Result<void> result;
    bool found = false;
    const std::string_view name(key.data(), key.size());
    boost::mp11::mp_for_each<Members<T>>([&](auto member) {
      if (name != member.name) return;
      found = true;
      result = decode_json(member_value, out.*member.pointer, join_path(path, name));
    });
    if (!found) return unknown_word(join_path(path, name), name, known);
    if (!result) return result;
  }
  return {};
}

}  // namespace detail

// Specialised for the shapes that the wire knows; anything else does not compile.
template <typename T>
struct JsonCodec;

template <typename T>
Result<void> decode_json(const json::value& value, T& out, const std::string& path) {
  if constexpr (std::is_same_v<T, bool>) {
    if (!value.is_bool()) return detail::wrong_type(path, "true or false");
    out = value.get_bool();
    return {};
  } else if constexpr (std::is_integral_v<T>) {
    return detail::decode_integer(value, out, path);
  } else if constexpr (std::is_enum_v<T>) {
    return detail::decode_enum(value, out, path);
  } else if constexpr (detail::Described<T>) {
    return detail::decode_struct(value, out, path);
  } else {
    return JsonCodec<T>::decode(value, out, path);
  }
}

template <typename T>
json::value encode_json(const T& in) {
  if constexpr (std::is_same_v<T, bool>) {
    return in;
  } else if constexpr (std::is_integral_v<T>) {
    return static_cast<std::int64_t>(in);
  } else if constexpr (std::is_enum_v<T>) {
    return boost::describe::enum_to_string(in, "");
  } else if constexpr (detail::Described<T>) {
    json::object object;
    boost::mp11::mp_for_each<detail::Members<T>>(
        [&](auto member) { object.emplace(member.name, encode_json(in.*member.pointer)); });
    return object;
  } else {
    return JsonCodec<T>::encode(in);
  }
}

template <>
struct JsonCodec<std::string> {
  static json::value encode(const std::string& in) { return json::value(in); }
  static Result<void> decode(const json::value& value, std::string& out, const std::string& path) {
    if (!value.is_string()) return detail::wrong_type(path, "a string");
    out.assign(value.get_string().data(), value.get_string().size());
    return {};
  }
};

// A whole number is written without a fraction. JSON has no infinity: it is written as null, which
// no number is read from.
template <>
struct JsonCodec<double> {
  static json::value encode(double in);
  static Result<void> decode(const json::value& value, double& out, const std::string& path);
};

// Milliseconds on the wire.
template <>
struct JsonCodec<Duration> {
  static json::value encode(Duration in) { return in.count(); }
  static Result<void> decode(const json::value& value, Duration& out, const std::string& path) {
    std::int64_t ms = 0;
    if (auto result = detail::decode_integer(value, ms, path); !result) return result;
    out = Duration(ms);
    return {};
  }
};

template <typename T>
struct JsonCodec<std::optional<T>> {
  static json::value encode(const std::optional<T>& in) {
    return in ? encode_json(*in) : json::value(nullptr);
  }
  static Result<void> decode(const json::value& value, std::optional<T>& out,
                             const std::string& path) {
    out.reset();
    if (value.is_null()) return {};
    return decode_json(value, out.emplace(), path);
  }
};

template <typename T>
struct JsonCodec<std::vector<T>> {
  static json::value encode(const std::vector<T>& in) {
    json::array array;
    for (const T& element : in) array.push_back(encode_json(element));
    return array;
  }
  static Result<void> decode(const json::value& value, std::vector<T>& out,
                             const std::string& path) {
    if (!value.is_array()) return detail::wrong_type(path, "an array");
    out.clear();
    for (const json::value& element : value.get_array()) {
      const std::string place = path + "[" + std::to_string(out.size() + 1) + "]";
      auto result = decode_json(element, out.emplace_back(), place);
      if (!result) return result;
    }
    return {};
  }
};

template <typename T>
struct JsonCodec<std::map<std::string, T>> {
  static json::value encode(const std::map<std::string, T>& in) {
    json::object object;
    for (const auto& [key, element] : in) object.emplace(key, encode_json(element));
    return object;
  }
  static Result<void> decode(const json::value& value, std::map<std::string, T>& out,
                             const std::string& path) {
    if (!value.is_object()) return detail::wrong_type(path, "an object");
    out.clear();
    for (const auto& [key, element] : value.get_object()) {
      const std::string name(key.data(), key.size());
      if (auto result = decode_json(element, out[name], detail::join_path(path, name)); !result)
        return result;
    }
    return {};
  }
};

}  // namespace reeve
