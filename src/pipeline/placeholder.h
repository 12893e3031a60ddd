#pragma once
// `{name}` in a text stands for the value of a parameter.
//
// Only a name between braces is one: `{}`, `{1..5}`, `{print $1}` and `{"a": 1}` stay as they are,
// and so does `${name}`, which is a variable of a shell. `{{name}}` is the text `{name}`; every
// further pair of braces around a name works likewise.

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace reeve {

struct Piece {
  std::string text;  // as it stands in the result, or the name of the parameter
  bool is_param = false;
  std::string variable;  // name of the `${name}` that a literal piece ends with; empty without
};

[[nodiscard]] std::vector<Piece> split_placeholders(std::string_view text);
// With the values in place of the names; a name without a value stays in its braces.
[[nodiscard]] std::string fill_placeholders(std::string_view text,
                                            const std::map<std::string, std::string>& values);

}  // namespace reeve
