#pragma once
// The state of a git work tree, read from its files as far as that goes, and from git for the rest.

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

#include "core/provenance.h"

namespace reeve::cli {

// The nearest directory, from this one upwards, that is a git work tree.
[[nodiscard]] std::optional<std::string> find_work_tree(const std::string& directory);

// What asking for uncommitted changes may cost; shared by all work trees of a submission.
struct CaptureBounds {
  std::chrono::steady_clock::time_point give_up;
  std::size_t diff_bytes = 0;
  std::size_t name_bytes = 0;
};
[[nodiscard]] CaptureBounds usual_bounds();

// Commit and branch alone, without running git unless the repository's format demands it.
[[nodiscard]] CodeState read_head(const std::string& root);
// With what is not committed, for which git runs until the bounds are used up. Takes from them.
[[nodiscard]] CodeState read_code_state(const std::string& root, CaptureBounds& bounds);

}  // namespace reeve::cli
