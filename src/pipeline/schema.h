#pragma once
// JSON Schema of reeve.toml, for editors that complete and check it.

#include <boost/json/object.hpp>

namespace reeve {

// Made from the table of options, the keys of pipelines and parameters and the description of
// checks, so that nothing can be missing in it. What bounds and placeholders mean it does not know.
[[nodiscard]] boost::json::object pipeline_file_schema();

}  // namespace reeve
