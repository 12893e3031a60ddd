#pragma once
// reeve.toml on the disk.

#include <optional>
#include <string>
#include <vector>

#include "base/mistake.h"
#include "base/result.h"
#include "pipeline/pipeline.h"

namespace reeve {

inline constexpr const char* pipeline_file_name = "reeve.toml";

// The nearest reeve.toml in this directory or above; nothing when there is none. One that belongs
// to somebody else than the caller or root, or that everybody may write, is refused with code
// `forbidden`: what it says would be run.
[[nodiscard]] Result<std::optional<std::string>> find_pipeline_file(const std::string& directory);

struct LoadedPipelines {
  PipelineFile file;
  bool has_names = false;         // it is TOML: all of its pipelines have their names in `file`
  std::vector<Mistake> mistakes;  // with any, the pipelines are not to be used
  std::size_t mistakes_left_out = 0;
};

// Reads a file; fails when it can't be read.
[[nodiscard]] Result<LoadedPipelines> load_pipelines(const std::string& path);
// What load_pipelines makes of a text.
[[nodiscard]] LoadedPipelines parse_pipelines(std::string_view text, const std::string& path);

// A line for each mistake, and one for those that were left out.
[[nodiscard]] std::vector<std::string> mistake_lines(const LoadedPipelines& loaded);

}  // namespace reeve
