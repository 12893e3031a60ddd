#include "pipeline/param.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <filesystem>

#include "base/json.h"
#include "base/text.h"
#include "core/limits.h"

namespace reeve {
namespace {

constexpr std::array<std::pair<ParamType, std::string_view>, 6> type_words{
    {{ParamType::integer, "int"},
     {ParamType::real, "float"},
     {ParamType::boolean, "bool"},
     {ParamType::string, "string"},
     {ParamType::choice, "choice"},
     {ParamType::path, "path"}}};

template <typename T>
std::string bounds_text(const Bounds<T>& bounds) {
  if (bounds.min && bounds.max) return fmt::format(", {} to {}", *bounds.min, *bounds.max);
  if (bounds.min) return fmt::format(", at least {}", *bounds.min);
  if (bounds.max) return fmt::format(", at most {}", *bounds.max);
  return "";
}

template <typename T>
bool is_within(T value, const Bounds<T>& bounds) {
  return (!bounds.min || value >= *bounds.min) && (!bounds.max || value <= *bounds.max);
}

std::optional<double> parse_real(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size() ||
      !std::isfinite(value))
    return std::nullopt;
  return value;
}

template <typename T>
void add_bounds(const Bounds<T>& bounds, json::object& out) {
  out["min"] = bounds.min ? json::value(*bounds.min) : json::value(nullptr);
  out["max"] = bounds.max ? json::value(*bounds.max) : json::value(nullptr);
}

}  // namespace

std::string_view to_word(ParamType type) {
  const auto* found = std::ranges::find(type_words, type, [](const auto& p) { return p.first; });
  return found->second;
}

std::optional<ParamType> param_type_from_word(std::string_view word) {
  const auto* found = std::ranges::find(type_words, word, [](const auto& p) { return p.second; });
  return found == type_words.end() ? std::nullopt : std::optional(found->first);
}

const std::vector<std::string_view>& param_type_words() {
  static const std::vector<std::string_view> words = [] {
    std::vector<std::string_view> made;
    for (const auto& [type, word] : type_words) made.push_back(word);
    return made;
  }();
  return words;
}

std::string expectation(const Param& param) {
  switch (param.type) {
    case ParamType::integer:
      return "int" + bounds_text(param.integers);
    case ParamType::real:
      return "float" + bounds_text(param.reals);
    case ParamType::boolean:
      return "bool, true or false";
    case ParamType::choice:
      return "one of " + fmt::format("{}", fmt::join(param.choices, ", "));
    case ParamType::string:
    case ParamType::path:
      break;
  }
  return std::string(to_word(param.type));
}

Result<std::string> check_value(const Param& param, const std::string& value,
                                const std::string& directory) {
  const auto refused = [&](const std::string& expected) {
    return failed(ErrorCode::invalid,
                  fmt::format("expected {}, not `{}`", expected, printable(shortened(value))));
  };
  if (value.size() > limits::param_bytes_max)
    return failed(ErrorCode::invalid, fmt::format("a value has at most {} bytes, and this one {}",
                                                  limits::param_bytes_max, value.size()));
  if (value.find('\0') != std::string::npos)
    return failed(ErrorCode::invalid, "there is a NUL byte in the value");
  switch (param.type) {
    case ParamType::integer: {
      const auto number = parse_integer(value);
      if (!number || !is_within(*number, param.integers)) return refused(expectation(param));
      return std::to_string(*number);
    }
    case ParamType::real: {
      const auto number = parse_real(value);
      if (!number || !is_within(*number, param.reals)) return refused(expectation(param));
      return value;
    }
    case ParamType::boolean:
      if (value != "true" && value != "false") return refused(expectation(param));
      return value;
    case ParamType::choice: {
      if (std::ranges::find(param.choices, value) != param.choices.end()) return value;
      const std::vector<std::string_view> known(param.choices.begin(), param.choices.end());
      return failed(
          ErrorCode::invalid,
          refused(shortened(expectation(param), 200)).error().message + did_you_mean(value, known));
    }
    case ParamType::string:
      return value;
    case ParamType::path:
      if (value.empty()) return refused("a path");
      return (std::filesystem::path(directory) / value).lexically_normal().string();
  }
  return value;
}

std::string variable_name(std::string_view param) {
  return "REEVE_PARAM_" + std::string(param);
}

bool is_param_name(std::string_view name) {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  return !name.empty() && is_letter(name.front()) &&
         std::ranges::all_of(name, [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
}

json::object to_json(const Param& param) {
  json::object out;
  out["type"] = to_word(param.type);
  out["default"] = param.initial ? json::value(*param.initial) : json::value(nullptr);
  out["required"] = !param.initial;
  if (param.type == ParamType::integer) add_bounds(param.integers, out);
  if (param.type == ParamType::real) add_bounds(param.reals, out);
  if (param.type == ParamType::choice) out["choices"] = encode_json(param.choices);
  out["help"] = param.help;
  return out;
}

}  // namespace reeve
