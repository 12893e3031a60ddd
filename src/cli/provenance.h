#pragma once
// What is recorded of what runs (core/provenance.h): seen from here, and told to people.

#include <boost/json/object.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "cli/client.h"
#include "core/provenance.h"

namespace reeve::cli {

// Python's version in a virtual or conda environment, as their files tell it; empty when they
// don't.
[[nodiscard]] std::string python_version(const std::string& virtual_env,
                                         const std::string& conda_prefix);

// What is to be recorded with jobs that run in these directories, as text for `submitJobs`. Empty
// when the daemon's configuration wants none.
[[nodiscard]] std::string capture_provenance(Client& client, std::vector<std::string> directories);

// Says, a sentence for each work tree, when the code of these jobs is not what was recorded.
void warn_of_changed_code(Client& client, const std::vector<std::int64_t>& ids);

struct ShowProvenance {
  bool as_json = false;
  bool patch = false;  // print the recorded diff alone
};
// Prints what is recorded of these jobs.
[[nodiscard]] Result<void> show_provenance(Client& client, const std::vector<std::int64_t>& ids,
                                           const ShowProvenance& options);

}  // namespace reeve::cli
