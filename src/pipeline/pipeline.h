#pragma once
// A named, reusable description of a job, and the job that is made of it.

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "base/mistake.h"
#include "core/job.h"
#include "pipeline/param.h"

namespace reeve {

struct Pipeline {
  std::string name;
  std::string description;
  Place place;
  bool is_script = false;  // its command was given as one string, for bash
  // What it submits. The words of the command, the name and the environment may have `{param}` in
  // them; the checks are in `checks`.
  JobSpec spec;
  boost::json::array checks;     // as core/spec_json.h reads them; `{param}` in words of a command
  std::vector<Param> params;     // in the order of the file
  boost::json::object settings;  // options as the file gives them, those of [defaults] included

  [[nodiscard]] const Param* find_param(std::string_view name) const;
};

// reeve.toml. Its directory is where its pipelines run, and where their results go: `results/`.
struct PipelineFile {
  std::string path;       // absolute
  std::string directory;  // of the file
  std::vector<Pipeline> pipelines;

  [[nodiscard]] const Pipeline* find(std::string_view name) const;
  [[nodiscard]] std::vector<std::string_view> names() const;
};

struct Invocation {
  std::vector<std::string> params;  // "n=5", in the order given; the last one of a name counts
  std::vector<std::string> words;   // further words for the command
  std::string directory;            // that relative paths in `params` are seen from
};

// The job, or everything that is wrong with the invocation, a sentence each. Each parameter is also
// a variable of its environment, REEVE_PARAM_NAME. Further words are appended to a command of
// words; a script has them as "$@", and takes none if it does not use that.
[[nodiscard]] std::expected<JobSpec, std::vector<std::string>> make_job(
    const Pipeline& pipeline, const Invocation& invocation);

// Decodes checks; the error tells which one and what of it.
[[nodiscard]] Result<std::vector<Check>> decode_checks(const boost::json::array& checks);

}  // namespace reeve
