#include "base/json.h"

#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <boost/json/parser.hpp>
#include <boost/json/serialize.hpp>
#include <cmath>

namespace reeve {
namespace {

void write_pretty(const json::value& value, std::size_t depth, std::string& out) {
  const std::string indent(depth * 2 + 2, ' ');
  const std::string close(depth * 2, ' ');
  if (value.is_object() && !value.get_object().empty()) {
    out += "{\n";
    bool first = true;
    for (const auto& [key, element] : value.get_object()) {
      if (!first) out += ",\n";
      first = false;
      out += indent + json::serialize(json::value(key)) + ": ";
      write_pretty(element, depth + 1, out);
    }
    out += "\n" + close + "}";
  } else if (value.is_array() && !value.get_array().empty() &&
             value.get_array().front().is_structured()) {
    out += "[\n";
    bool first = true;
    for (const json::value& element : value.get_array()) {
      if (!first) out += ",\n";
      first = false;
      out += indent;
      write_pretty(element, depth + 1, out);
    }
    out += "\n" + close + "]";
  } else {
    out += json::serialize(value);
  }
}

}  // namespace

Result<json::value> parse_json(std::string_view text) {
  json::parse_options options;
  options.max_depth = 32;
  options.allow_invalid_utf8 = true;
  json::parser parser({}, options);
  boost::system::error_code error;
  const std::size_t read = parser.write(text.data(), text.size(), error);
  if (error)
    return failed(ErrorCode::invalid,
                  fmt::format("not valid JSON ({} near byte {})", error.message(), read));
  return parser.release();
}

std::string to_line(const json::value& value) {
  return json::serialize(value);
}

std::string to_pretty(const json::value& value) {
  std::string out;
  write_pretty(value, 0, out);
  return out;
}

json::value JsonCodec<double>::encode(double in) {
  constexpr double exact = 9'007'199'254'740'992.0;  // 2^53: every whole number below is one
  if (!std::isfinite(in)) return nullptr;
  if (std::fabs(in) <= exact && std::trunc(in) == in) return static_cast<std::int64_t>(in);
  return in;
}

Result<void> JsonCodec<double>::decode(const json::value& value, double& out,
                                       const std::string& path) {
  boost::system::error_code error;
  const auto number = value.to_number<double>(error);
  if (error || !std::isfinite(number)) return detail::wrong_type(path, "a number");
  out = number;
  return {};
}

namespace detail {

std::unexpected<Error> wrong_type(const std::string& path, const char* expected) {
  return failed(ErrorCode::invalid,
                fmt::format("{}: expected {}", path.empty() ? "the request" : path, expected));
}

std::unexpected<Error> unknown_word(const std::string& path, std::string_view word,
                                    const std::vector<std::string_view>& known) {
  const auto near = nearest(word, known);
  return failed(ErrorCode::invalid,
                fmt::format("{}: unknown{}", printable(path),
                            near ? fmt::format("; did you mean `{}`?", *near) : ""));
}

std::unexpected<Error> none_of(const std::string& path, std::string_view word,
                               const std::vector<std::string_view>& known) {
  const auto near = nearest(word, known);
  return failed(ErrorCode::invalid,
                fmt::format("{}: expected one of {}, not `{}`{}", path, fmt::join(known, ", "),
                            printable(shortened(word)),
                            near ? fmt::format("; did you mean `{}`?", *near) : ""));
}

std::string join_path(const std::string& path, std::string_view key) {
  return path.empty() ? std::string(key) : path + "." + std::string(key);
}

}  // namespace detail
}  // namespace reeve
