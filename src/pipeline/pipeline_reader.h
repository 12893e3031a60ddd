#pragma once
// Pipelines as a document describes them.

#include <string>

#include "base/mistake.h"
#include "pipeline/document.h"
#include "pipeline/pipeline.h"

namespace reeve {

// The pipelines of reeve.toml at `path`, absolute; with mistakes they are not to be used, but all
// names are there.
[[nodiscard]] PipelineFile read_pipelines(const Node& root, const std::string& path,
                                          Mistakes& mistakes);

// The keys of a pipeline that are no options of a job, for the schema.
[[nodiscard]] const std::vector<std::string_view>& pipeline_keys();

}  // namespace reeve
