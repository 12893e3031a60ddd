#pragma once
// Parameters as a pipeline declares them: [pipeline.NAME.params].

#include <string>
#include <vector>

#include "base/mistake.h"
#include "pipeline/document.h"
#include "pipeline/param.h"

namespace reeve {

// In the order of the file. `n = 1000` is short for `n = { default = 1000 }`; without a type it is
// that of the default, and `choice` where there are choices. Relative paths are seen from
// `directory`. A parameter with a mistake is there all the same, so that its uses are known.
[[nodiscard]] std::vector<Param> read_params(const Node& table, const std::string& directory,
                                             Mistakes& mistakes);

// The keys of a parameter's table, for the schema.
[[nodiscard]] const std::vector<std::string_view>& param_keys();

}  // namespace reeve
