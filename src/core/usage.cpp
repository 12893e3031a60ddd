#include "core/usage.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/progress.h"

namespace reeve {
namespace {

float at(const Reading& reading, Metric metric) {
  return reading[static_cast<std::size_t>(metric)];
}

float each_second(std::int64_t before, std::int64_t after, double seconds) {
  return static_cast<float>(static_cast<double>(std::max<std::int64_t>(after - before, 0)) /
                            seconds);
}

// Powers of a thousand: "1.2 GB".
std::string decimal_size(double bytes) {
  constexpr std::array<const char*, 6> units{"B", "kB", "MB", "GB", "TB", "PB"};
  std::size_t unit = 0;
  while (bytes >= 999.5 && unit + 1 < units.size()) {
    bytes /= 1000;
    ++unit;
  }
  return fmt::format("{:.{}f} {}", bytes, unit == 0 || bytes >= 99.95 ? 0 : 1, units[unit]);
}

std::string counted(float count, const char* one, const char* many) {
  const auto number = static_cast<std::int64_t>(std::llround(count));
  return fmt::format("{} {}", grouped(number), number == 1 ? one : many);
}

}  // namespace

Reading usage_between(const UsageTotals& before, const UsageTotals& after, Duration passed) {
  const double seconds = std::max(std::chrono::duration<double>(passed).count(), 0.001);
  return {each_second(before.cpu_us, after.cpu_us, seconds * 1e4),
          static_cast<float>(after.memory_bytes),
          each_second(before.read_bytes, after.read_bytes, seconds),
          each_second(before.written_bytes, after.written_bytes, seconds),
          static_cast<float>(after.processes),
          static_cast<float>(after.threads)};
}

std::string resource_line(const Reading& reading, std::optional<std::int64_t> tasks_pending) {
  std::string line = fmt::format(
      "Resources: CPU {:.0f} %, memory {}, read {}/s, written {}/s, {}, {}",
      at(reading, Metric::cpu), decimal_size(at(reading, Metric::memory)),
      decimal_size(at(reading, Metric::read)), decimal_size(at(reading, Metric::written)),
      counted(at(reading, Metric::processes), "process", "processes"),
      counted(at(reading, Metric::threads), "thread", "threads"));
  if (tasks_pending)
    line += fmt::format(", {} {} pending", grouped(*tasks_pending),
                        *tasks_pending == 1 ? "task" : "tasks");
  return line;
}

}  // namespace reeve
