#pragma once
// Rules about the source text itself, as plain functions over (path, text).

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace reeve::test {

// What is wrong, one sentence each; nothing when the file obeys.
using Complaints = std::vector<std::string>;

// Includes go only along the allowed arrows between the folders of src.
[[nodiscard]] Complaints check_arrows(std::string_view path, std::string_view text);
// 600 lines for a source file, 800 for a test; `exceptions` maps a path to the reason.
[[nodiscard]] Complaints check_length(std::string_view path, std::string_view text,
                                      const std::map<std::string, std::string>& exceptions);
[[nodiscard]] Complaints check_columns(std::string_view path, std::string_view text);
[[nodiscard]] Complaints check_words(std::string_view path, std::string_view text);
[[nodiscard]] Complaints check_header(std::string_view path, std::string_view text);
[[nodiscard]] Complaints check_last_line(std::string_view path, std::string_view text);
// No folder of one person's machine, no host of a package registry.
[[nodiscard]] Complaints check_places(std::string_view path, std::string_view text);
// Each constant of a limits.h is used in another file of `sources`.
[[nodiscard]] Complaints check_limits(std::string_view path, std::string_view text,
                                      const std::map<std::string, std::string>& sources);

// Lines "path: reason"; a line without a reason is a complaint.
[[nodiscard]] std::map<std::string, std::string> parse_exceptions(std::string_view text,
                                                                  Complaints& complaints);

}  // namespace reeve::test
