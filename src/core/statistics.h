#pragma once
// What jobs of the past used and how they ended, counted; and what to ask for next time.

#include <boost/describe/class.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"

namespace reeve {

// A job, as far as it counts. Words as in core/state.h.
struct RunRow {
  std::int64_t id = 0;
  std::string name;
  std::string pipeline;  // empty: none
  std::string group;
  std::string state;
  std::string reason;
  std::string exit;  // "exit code 3", "SIGSEGV"; empty: the main process has none
  std::optional<std::int64_t> wall_ms;
  std::int64_t cpu_us = 0;
  std::int64_t peak_bytes = 0;
  std::int64_t cpus = 0;  // granted
};
BOOST_DESCRIBE_STRUCT(RunRow, (),
                      (id, name, pipeline, group, state, reason, exit, wall_ms, cpu_us, peak_bytes,
                       cpus))

// Of completed jobs. The median and the 95th percentile are values that occurred (nearest rank).
struct Distribution {
  std::int64_t median = 0;
  std::int64_t p95 = 0;
  std::int64_t max = 0;
};
[[nodiscard]] Distribution distribution_of(std::vector<std::int64_t> values);

inline constexpr std::int64_t runs_for_advice = 3;

// What to ask for; each with something to spare.
struct Advice {
  std::int64_t cpus = 0;    // average use over all runs, rounded up
  std::int64_t memory = 0;  // highest peak and a quarter; 0: no peak is known
  Duration time{0};         // 95th percentile and a half
};

struct RunGroup {
  std::string key;
  std::int64_t jobs = 0;
  std::map<std::string, std::int64_t> states;
  std::map<std::string, std::int64_t> causes;  // of failed, timeout and lost ones
  // Of the completed ones with times:
  std::int64_t completed = 0;
  Distribution wall_ms;
  Distribution cpu_us;
  Distribution peak_bytes;
  double cpus_used = 0;          // average
  double cpus_granted = 0;       // average
  std::optional<Advice> advice;  // only from enough runs
};

enum class GroupBy : std::uint8_t { name, pipeline, group, reason, exit };

// Groups with most jobs first. By reason and exit only what failed is counted.
[[nodiscard]] std::vector<RunGroup> summarise(const std::vector<RunRow>& rows, GroupBy by);
// All of them as one group.
[[nodiscard]] RunGroup total_of(const std::vector<RunRow>& rows);

// Rounded up to something that people would write.
[[nodiscard]] std::int64_t nice_memory(std::int64_t bytes);
[[nodiscard]] Duration nice_time(Duration time);
// "512M", "3G", as `--mem` takes it.
[[nodiscard]] std::string memory_option(std::int64_t bytes);
// "20s", "1h15m", as `--time` takes it.
[[nodiscard]] std::string time_option(Duration time);

}  // namespace reeve
