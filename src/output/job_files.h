#pragma once
// The files of an ended job: what they take, and removing them.
//
// Only what stands where Reeve puts it is looked at: run directories and what was set aside
// (`core/retention.h`, place_in_root), logs and checkpoints in their directories. Everything else
// is left, whatever the records say.

#include <set>
#include <string>
#include <vector>

#include "core/retention.h"
#include "output/disk_tree.h"

namespace reeve {

struct JobPlaces {
  std::string logs;         // the directory of the logs' directories
  std::string checkpoints;  // the directory of the checkpoint directories
};

// `there`, the sizes and `is_latest` as they are; the age is left to the caller.
[[nodiscard]] RetentionItem measure_job(const JobFiles& files, const JobPlaces& places,
                                        const GoOn& go_on);

struct FilesRemoval {
  bool is_done = true;  // false: `go_on` ended it; to be repeated
  std::int64_t bytes = 0;
  std::string left;  // what could not be removed, and why; empty: nothing
};
// A run directory goes by one rename first, so that nobody ever sees a half of it; repeating the
// whole after a crash is safe. What `latest` points at stays.
[[nodiscard]] FilesRemoval remove_job_files(const JobFiles& files, const JobParts& parts,
                                            const JobPlaces& places, const GoOn& go_on);

// Directories below a results root that look like run directories and are none of `known`: they
// are never removed. At most `entries_max`.
[[nodiscard]] std::vector<std::string> find_unknown_runs(const std::string& root,
                                                         const std::set<std::string>& known,
                                                         std::size_t entries_max);

}  // namespace reeve
