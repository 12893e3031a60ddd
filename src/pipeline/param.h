#pragma once
// A parameter of a pipeline: what it may be, and whether a value is that.

#include <boost/json/object.hpp>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mistake.h"
#include "base/result.h"

namespace reeve {

enum class ParamType : std::uint8_t { integer, real, boolean, string, choice, path };

// The word for it in a file: "int", "float", "bool", "string", "choice", "path".
[[nodiscard]] std::string_view to_word(ParamType type);
[[nodiscard]] std::optional<ParamType> param_type_from_word(std::string_view word);
[[nodiscard]] const std::vector<std::string_view>& param_type_words();

template <typename T>
struct Bounds {
  std::optional<T> min;
  std::optional<T> max;
};

struct Param {
  std::string name;
  ParamType type = ParamType::string;
  std::optional<std::string> initial;  // its default; without one a value must be given
  Bounds<std::int64_t> integers;       // of `int`
  Bounds<double> reals;                // of `float`
  std::vector<std::string> choices;    // of `choice`
  std::string help;
  Place place;

  // Whether its values are made of such characters that no shell can take them for something else.
  [[nodiscard]] bool is_plain() const {
    return type == ParamType::integer || type == ParamType::real || type == ParamType::boolean;
  }
};

// "int, 1 to 100000", "one of fast, exact": what is expected of a value.
[[nodiscard]] std::string expectation(const Param& param);
// The value as it will be given to the job; the error, with code `invalid`, says what was expected.
// A relative path is one as seen from `directory`.
[[nodiscard]] Result<std::string> check_value(const Param& param, const std::string& value,
                                              const std::string& directory);
// The variable in which a job finds the value of the parameter.
[[nodiscard]] std::string variable_name(std::string_view param);
// Whether it can name a parameter: letters, digits and `_`, no digit first.
[[nodiscard]] bool is_param_name(std::string_view name);

// For `pipeline show --json`.
[[nodiscard]] boost::json::object to_json(const Param& param);

}  // namespace reeve
