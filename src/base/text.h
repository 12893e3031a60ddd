#pragma once
// Text that comes from people and goes to terminals.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace reeve {

// "4GB" = 4,000,000,000; "512M", "2G" and "4GiB" are powers of 1,024, as Slurm and ulimit read
// them; a bare number is bytes. Nothing when it is not a size or does not fit.
[[nodiscard]] std::optional<std::int64_t> parse_size(std::string_view text);
// "3.9 GiB": short, for people.
[[nodiscard]] std::string size_text(std::int64_t bytes);

[[nodiscard]] std::optional<std::int64_t> parse_integer(std::string_view text);

// A copy in which each byte that is not part of valid UTF-8 became U+FFFD.
[[nodiscard]] std::string valid_utf8(std::string_view text);

// What may be shown on a terminal: control characters (C0, C1, bidirectional overrides) become
// visible escapes such as `\x1b`, invalid UTF-8 becomes U+FFFD. Tab stays.
[[nodiscard]] std::string printable(std::string_view text);

// The beginning of a text that may be long, with `…` where it was cut.
[[nodiscard]] std::string shortened(std::string_view text, std::size_t bytes_max = 80);

// The words of a command as a person would type them into a shell.
[[nodiscard]] std::string shell_text(const std::vector<std::string>& words);

// The candidate closest to `word` in edit distance, when it is near enough to be a typing error.
[[nodiscard]] std::optional<std::string_view> nearest(
    std::string_view word, const std::vector<std::string_view>& candidates);

}  // namespace reeve
