#pragma once
// Patterns of paths, as a shell has them: `*`, `?`, `[a-z]`, `[!a-z]`, and `**` for any number of
// folders. `\` takes the meaning from the next character. Names, not file systems.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace reeve {

// One part of a path between slashes.
struct GlobPart {
  enum class Kind : std::uint8_t {
    literal,      // `text` is the name
    pattern,      // `text` is a pattern of names
    any_folders,  // `**`: none, one or several
  };
  Kind kind = Kind::literal;
  std::string text;
  bool operator==(const GlobPart&) const = default;
};

// Never empty. Refused with code `invalid`: an absolute path, `..`, an empty pattern, a `[` that is
// not closed, a `\` at the end.
[[nodiscard]] Result<std::vector<GlobPart>> parse_glob(std::string_view pattern);

// Whether the name fits a part of kind `literal` or `pattern`. A name that begins with a dot fits
// only a pattern that begins with one. Takes at most |pattern| times |name| steps.
[[nodiscard]] bool fits(const GlobPart& part, std::string_view name);

// The text with `\` before each character that has a meaning in a pattern.
[[nodiscard]] std::string escape_glob(std::string_view text);

}  // namespace reeve
