#pragma once
// The options of a job as keys of a table: of a pipeline, or of [defaults].

#include <string>
#include <vector>

#include "base/mistake.h"
#include "pipeline/document.h"
#include "pipeline/job_options.h"

namespace reeve {

struct Setting {
  const SubmitOption* option;
  const Member* member;  // of the document, which lives longer
};

struct Settings {
  std::vector<Setting> options;         // in the order of the table of options, each once
  const Member* environment = nullptr;  // null: none
};

// Takes the keys of a table that are options; `other_keys` are somebody else's. Each further key is
// a mistake.
[[nodiscard]] Settings read_settings(const Node& table,
                                     const std::vector<std::string_view>& other_keys,
                                     Mistakes& mistakes);

// What `own` says, and what it does not say from `defaults`.
[[nodiscard]] Settings merge(const Settings& defaults, const Settings& own);

// Puts them into the specification, which must be free of faults; what can't be is a mistake, and
// left out. Relative paths are seen from `directory`. `judge` also looks at whether the
// specification makes sense with them.
enum class Judge : std::uint8_t { values, sense };
void apply_settings(const Settings& settings, const std::string& directory, Judge judge,
                    JobSpec& spec, Mistakes& mistakes);

// For `pipeline show --json`: long names and values as the file gives them.
[[nodiscard]] boost::json::object to_json(const Settings& settings);

}  // namespace reeve
