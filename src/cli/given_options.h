#pragma once
// What the command line says about a job.

#include <CLI/App.hpp>
#include <boost/json/object.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "core/job.h"
#include "pipeline/job_options.h"

namespace reeve::cli {

// What was given on the command line, in order.
struct GivenOptions {
  std::vector<std::pair<const SubmitOption*, std::string>> values;

  [[nodiscard]] bool has(std::string_view name) const;
};

// Adds all of them to a command; parsing fills `given`, which must live as long.
void add_submit_options(CLI::App& command, GivenOptions& given);

// A specification with the given options and what a job inherits from here (directory).
[[nodiscard]] Result<JobSpec> make_spec(const GivenOptions& given,
                                        std::vector<std::string> command);

// The specification with these options in place of what it had. Tags and rules of retries replace
// the old ones.
[[nodiscard]] Result<JobSpec> edit_spec(JobSpec spec, const GivenOptions& given);

// The specification of a pipeline with these options on top of it: what is repeatable is added.
[[nodiscard]] Result<JobSpec> override_spec(JobSpec spec, const GivenOptions& given);

// One line of a batch file: {"command": ["…"], "name": "…", …}. What it does not say is taken from
// the command line.
[[nodiscard]] Result<JobSpec> make_spec_from_line(const GivenOptions& given,
                                                  const boost::json::object& line);

}  // namespace reeve::cli
