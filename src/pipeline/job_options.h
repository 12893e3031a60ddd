#pragma once
// Everything that can be said about a job, once: the flags of `run` and `submit`, the keys of a
// batch file and those of a pipeline in reeve.toml are made from the same table.

#include <boost/json/value.hpp>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/job.h"

namespace reeve {

// What a value of an option looks like, for the schema and for paths that are seen from elsewhere.
enum class OptionKind : std::uint8_t { flag, count, duration, size, path, word, text };

struct SubmitOption {
  const char* flags;  // "-J,--name": the long name is also the key in a file
  const char* value;  // what it takes, for the help; empty: nothing, it is a switch
  const char* help;
  bool repeatable;
  // Puts the value into the specification; the error says what was expected.
  std::function<Result<void>(JobSpec&, const std::string&)> apply;
  std::vector<std::string_view> words{};  // that it takes, where these are all

  [[nodiscard]] std::string long_name() const;
  // Its long name, and the other ones that it goes by.
  [[nodiscard]] std::vector<std::string> long_names() const;
  // Whether it is one of its long names.
  [[nodiscard]] bool is_named(std::string_view name) const;
  [[nodiscard]] OptionKind kind() const;
};

// An option that makes sense only together with another stands after it.
[[nodiscard]] const std::vector<SubmitOption>& submit_options();
// The option with this long name; none for others.
[[nodiscard]] const SubmitOption* find_submit_option(std::string_view name);

// Puts a value from a file into the specification: true or false for a switch, an array for what is
// repeatable, an object for pairs such as NAME=VALUE, a number where a text of digits would do. The
// error begins with the option's name.
[[nodiscard]] Result<void> apply_json(const SubmitOption& option, const boost::json::value& value,
                                      JobSpec& spec);

// The command that runs a string.
[[nodiscard]] std::vector<std::string> script_command(std::string script);

}  // namespace reeve
