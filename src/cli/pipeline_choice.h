#pragma once
// Which pipeline a command line means, and the job that it makes.

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "cli/given_options.h"
#include "pipeline/pipeline_file.h"

namespace reeve::cli {

// reeve.toml as it was found, or named with --file.
struct PipelineSource {
  std::string path;              // empty: there is none
  std::optional<Error> refusal;  // it is there and can't be used
  LoadedPipelines loaded;
};

// `file` is what --file says; empty: the nearest one, from the current directory upwards.
[[nodiscard]] PipelineSource find_pipelines(const std::string& file);

// Whether the first word of `run` and `submit`, given without `--`, names a pipeline: it does when
// there is one of that name, and also when it is no program, so that the error can name what there
// is. A pipeline wins over a program.
[[nodiscard]] bool names_pipeline(const std::string& word, const PipelineSource& source);

// Says everything that keeps the source from being used, and returns the exit code; 0 when it can.
[[nodiscard]] int tell_mistakes(const PipelineSource& source);

// The pipeline with this name; else the exit code, after everything that is wrong was said.
[[nodiscard]] std::expected<const Pipeline*, int> choose_pipeline(const PipelineSource& source,
                                                                  const std::string& name);

struct PipelineCall {
  std::string name;
  std::string file;                 // --file
  std::vector<std::string> params;  // --param
  std::vector<std::string> words;   // after `--`
};
// Its job, with the given options on top; else the exit code, after everything was said.
[[nodiscard]] std::expected<JobSpec, int> make_pipeline_spec(const PipelineCall& call,
                                                             const GivenOptions& given);

}  // namespace reeve::cli
