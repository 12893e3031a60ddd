#pragma once
// One check as a person types it: `table out/*.csv columns=id,lat rows=1000.. range:lat=-90..90`.

#include <string>
#include <string_view>

#include "base/result.h"
#include "core/validation.h"

namespace reeve {

// KIND PATH key=value …, with words separated as in a shell ('…', "…" and \ quote). Of `command`
// everything behind `name=` and `severity=` is the command, run by bash. A text that begins with
// `{` is the check as JSON. Whether it makes sense says find_fault.
[[nodiscard]] Result<Check> parse_check(std::string_view text);

// The keys and what they take, for the help.
[[nodiscard]] std::string check_help();

}  // namespace reeve
