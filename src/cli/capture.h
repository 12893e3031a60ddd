#pragma once
// What a job inherits from this process: environment, umask and limits.

#include <string>

namespace reeve::cli {

// As it is stored and sent, see core/launch_context.h.
[[nodiscard]] std::string capture_context();

}  // namespace reeve::cli
