#pragma once
// Parameters in a script for bash.
//
// The text that bash reads never has a value in it that could mean something to bash. A value made
// of plain characters alone (letters, digits, `_ . / : @ % + -`) is put in as it is; any other one
// reaches the script through a variable of the environment, REEVE_PARAM_NAME, whose expansion is
// data: `{title}` becomes `"${REEVE_PARAM_title}"`, or what serves where quotes are open. So were
// the quotes around a placeholder misjudged, a value may come out wrong, but it can't become code.
// What a script hands to an interpreter itself (`eval`, `bash -c`, `[[ x -eq y ]]`) is its own.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/param.h"

namespace reeve {

// Whether a shell reads it as the same text in any quotes.
[[nodiscard]] bool is_plain_text(std::string_view text);

// Where a parameter can't stand, a sentence each: in a here-document, in arithmetic, in `${…}` and
// `$'…'` when its values may need quotes; after a backslash; and `${n}` where `n` is a parameter.
[[nodiscard]] std::vector<std::string> find_script_faults(std::string_view script,
                                                          const std::vector<Param>& params);

// The script that runs with these values, given that it has no faults and that the variables are in
// its environment.
[[nodiscard]] std::string fill_script(std::string_view script,
                                      const std::map<std::string, std::string>& values);

}  // namespace reeve
