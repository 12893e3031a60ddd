#pragma once
// Whether the machine is too busy for another job to start, from what the kernel tells of it.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace reeve {

// Shares of the last ten seconds, in percent, beyond which nothing starts; 0: never mind.
struct PressureLimits {
  int memory = 20;              // everything stood still for want of memory
  int cpu = 0;                  // something waited for a CPU
  int io = 0;                   // everything waited for a disk
  std::int64_t min_memory = 0;  // available, in bytes
  int min_memory_percent = 2;   // the same as a share of all
};

// What could be read: a kernel without pressure information tells of memory only.
struct PressureReadings {
  std::optional<double> memory;
  std::optional<double> cpu;
  std::optional<double> io;
  std::optional<std::int64_t> memory_available;
  std::int64_t memory_total = 0;
};

// Why nothing starts now, in words; nothing when jobs may start.
[[nodiscard]] std::optional<std::string> find_pressure(const PressureReadings& readings,
                                                       const PressureLimits& limits);

// The average over ten seconds in the line `kind` ("some" or "full") of a file of /proc/pressure.
[[nodiscard]] std::optional<double> pressure_average(std::string_view text, std::string_view kind);
// The bytes of a line such as "MemAvailable:   23196548 kB" of /proc/meminfo.
[[nodiscard]] std::optional<std::int64_t> memory_figure(std::string_view text,
                                                        std::string_view name);

}  // namespace reeve
