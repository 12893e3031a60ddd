#pragma once
// What ran: where a job was submitted, by whom, and in which state its code was.

#include <boost/describe/class.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace reeve {

// A git work tree.
struct CodeState {
  std::string root;    // absolute path
  std::string commit;  // hexadecimal; empty where there is none yet
  std::string branch;  // empty: HEAD is detached
  // What is not committed; false when git was not there, failed, or took too long.
  bool changes_known = false;
  std::string diff;                    // of tracked files against the commit, for `git apply`
  bool diff_cut = false;               // it was longer than the bound: this is its beginning
  std::vector<std::string> untracked;  // names below the root, ignored ones left out
  bool untracked_cut = false;
};

struct Provenance {
  std::string host;
  std::string user;
  std::string kernel;  // "Linux 6.1.0 x86_64"
  std::string reeve;   // version
  std::string virtual_env;
  std::string conda_prefix;
  std::string python;  // version, where one of the two tells it
  // One for each work tree that jobs of the submission run in.
  std::vector<CodeState> code;
};

BOOST_DESCRIBE_STRUCT(CodeState, (),
                      (root, commit, branch, changes_known, diff, diff_cut, untracked,
                       untracked_cut))
BOOST_DESCRIBE_STRUCT(Provenance, (),
                      (host, user, kernel, reeve, virtual_env, conda_prefix, python, code))

// As it is stored and sent.
[[nodiscard]] std::string to_text(const Provenance& provenance);
[[nodiscard]] Result<Provenance> provenance_from_text(const std::string& text);

// The innermost recorded work tree that the directory is in; null for none.
[[nodiscard]] const CodeState* find_code(const Provenance& provenance, std::string_view directory);

// How the code has changed between two states, both commits named; nothing when it has not, as far
// as both are known.
[[nodiscard]] std::optional<std::string> describe_change(const CodeState& then,
                                                         const CodeState& now);

// A number of lines and files of a diff, for people.
struct DiffSummary {
  std::int64_t files = 0;
  std::int64_t added = 0;
  std::int64_t removed = 0;
};
[[nodiscard]] DiffSummary summarise_diff(std::string_view diff);

}  // namespace reeve
