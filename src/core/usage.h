#pragma once
// What the processes of a job use, as figures and in words.

#include <cstdint>
#include <optional>
#include <string>

#include "base/time.h"
#include "core/series.h"

namespace reeve {

// At one moment. The first three are totals since the job started and only grow.
struct UsageTotals {
  std::int64_t cpu_us = 0;
  std::int64_t read_bytes = 0;  // from disks
  std::int64_t written_bytes = 0;
  std::int64_t memory_bytes = 0;
  std::int64_t processes = 0;
  std::int64_t threads = 0;
};

// Averages between two moments that lie `passed` apart; memory and the counts are those of `after`.
[[nodiscard]] Reading usage_between(const UsageTotals& before, const UsageTotals& after,
                                    Duration passed);

// The line of the event log: "Resources: CPU 182 %, memory 1.2 GB, read 0 B/s, written 3.4 MB/s,
// 3 processes, 12 threads"; with a Dask cluster ", 17 tasks pending".
[[nodiscard]] std::string resource_line(const Reading& reading,
                                        std::optional<std::int64_t> tasks_pending);

}  // namespace reeve
