#include "core/provenance.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"

namespace reeve {
namespace {

// As git abbreviates, with some to spare.
std::string short_commit(const std::string& commit) {
  return commit.empty() ? "none" : commit.substr(0, 12);
}

bool is_within(std::string_view directory, std::string_view root) {
  if (root == "/") return true;
  return directory.starts_with(root) &&
         (directory.size() == root.size() || directory[root.size()] == '/');
}

}  // namespace

std::string to_text(const Provenance& provenance) {
  return to_line(encode_json(provenance));
}

Result<Provenance> provenance_from_text(const std::string& text) {
  Provenance provenance;
  const auto value = parse_json(text);
  if (!value) return std::unexpected(value.error());
  if (auto decoded = decode_json(*value, provenance, "provenance"); !decoded)
    return std::unexpected(decoded.error());
  return provenance;
}

const CodeState* find_code(const Provenance& provenance, std::string_view directory) {
  const CodeState* innermost = nullptr;
  for (const CodeState& code : provenance.code)
    if (is_within(directory, code.root) &&
        (innermost == nullptr || code.root.size() > innermost->root.size()))
      innermost = &code;
  return innermost;
}

std::optional<std::string> describe_change(const CodeState& then, const CodeState& now) {
  const bool are_known = then.changes_known && now.changes_known;
  const bool diff_differs = are_known && (then.diff != now.diff || then.diff_cut != now.diff_cut);
  const bool files_differ = are_known && then.untracked != now.untracked;
  if (then.commit == now.commit && !diff_differs && !files_differ) return std::nullopt;
  std::string text =
      fmt::format("commit {} then, {} now", short_commit(then.commit), short_commit(now.commit));
  if (diff_differs)
    text += ", and the uncommitted changes differ";
  else if (files_differ)
    text += ", and the untracked files differ";
  return text;
}

DiffSummary summarise_diff(std::string_view diff) {
  DiffSummary summary;
  bool is_header = true;  // between the line that names a file and its first hunk
  while (!diff.empty()) {
    const std::string_view line = diff.substr(0, diff.find('\n'));
    diff.remove_prefix(std::min(line.size() + 1, diff.size()));
    if (line.starts_with("diff --git ")) {
      ++summary.files;
      is_header = true;
    } else if (line.starts_with("@@ ")) {
      is_header = false;
    } else if (!is_header && line.starts_with('+')) {
      ++summary.added;
    } else if (!is_header && line.starts_with('-')) {
      ++summary.removed;
    }
  }
  return summary;
}

}  // namespace reeve
