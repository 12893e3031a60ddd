#pragma once
// config.toml: what the daemon may use, and defaults for jobs.
//
//   [capacity]                     [queue]              [results]
//   cpus = 8                       jobs_max = 1         root = "/data/results"
//   memory = "32GB"
//   gpus = 1
//   [capacity.counters]
//   licence = 2                    [provenance]
//                                  record = false
//   [pressure]
//   memory = 20                    [groups.NAME]
//   min_memory = "5%"              share = 2
//
//   [notify.NAME]                  [retention]
//   on = ["failure", "hang"]       days = 90
//   mail = "ann@example.org"       size = "500GB"

#include <string>
#include <vector>

#include "base/mistake.h"
#include "base/result.h"
#include "core/fair_share.h"
#include "core/notice.h"
#include "core/pressure.h"
#include "core/resources.h"
#include "core/retention.h"

namespace reeve {

struct Config {
  Capacity capacity;         // what is not configured is what the machine has
  std::string results_root;  // empty: below the state directory
  bool records_provenance = true;
  PressureLimits pressure;
  Shares shares;
  NoticeTargets notice_targets;
  RetentionPolicy retention;  // not set: nothing is removed
};

// The machine's own capacity: usable CPUs (affinity), memory, NVIDIA devices.
[[nodiscard]] Capacity detect_capacity();

struct CheckedConfig {
  Config config;                  // as far as there are no mistakes
  std::vector<Mistake> mistakes;  // in the order of the file
};

// Reads the file; a missing one gives the defaults. Each mistake says where it is, what was
// expected and the nearest known key.
[[nodiscard]] CheckedConfig check_config(const std::string& path);
// The same for who needs one without mistakes; the error tells the first one.
[[nodiscard]] Result<Config> load_config(const std::string& path);

}  // namespace reeve
