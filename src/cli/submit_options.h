#pragma once
// Everything that can be said about a job, once: the flags of `run` and `submit` and the keys of a
// batch file are made from the same table.

#include <CLI/App.hpp>
#include <boost/json/object.hpp>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "core/job.h"

namespace reeve::cli {

struct SubmitOption {
  const char* flags;  // "-J,--name": the long name is also the key in a batch file
  const char* value;  // what it takes, for the help; empty: nothing, it is a switch
  const char* help;
  bool repeatable;
  // Puts the value into the specification; the error says what was expected.
  std::function<Result<void>(JobSpec&, const std::string&)> apply;

  [[nodiscard]] std::string long_name() const;
  // Whether it is this option's long name, or another one that it goes by.
  [[nodiscard]] bool is_named(std::string_view name) const;
};

[[nodiscard]] const std::vector<SubmitOption>& submit_options();

// What was given on the command line, in order.
struct GivenOptions {
  std::vector<std::pair<const SubmitOption*, std::string>> values;
};

// Adds all of them to a command; parsing fills `given`, which must live as long.
void add_submit_options(CLI::App& command, GivenOptions& given);

// A specification with the given options and what a job inherits from here (directory).
[[nodiscard]] Result<JobSpec> make_spec(const GivenOptions& given,
                                        std::vector<std::string> command);

// One line of a batch file: {"command": ["…"], "name": "…", …}. What it does not say is taken from
// the command line.
// The specification with these options in place of what it had.
[[nodiscard]] Result<JobSpec> edit_spec(JobSpec spec, const GivenOptions& given);
[[nodiscard]] Result<JobSpec> make_spec_from_line(const GivenOptions& given,
                                                  const boost::json::object& line);

}  // namespace reeve::cli
