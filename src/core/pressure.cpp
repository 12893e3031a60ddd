#include "core/pressure.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace reeve {
namespace {

// The rest of the line that begins with `start`.
std::optional<std::string_view> find_line(std::string_view text, std::string_view start) {
  while (!text.empty()) {
    const auto end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    if (line.starts_with(start)) return line.substr(start.size());
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return std::nullopt;
}

std::optional<std::string> find_above(const char* what, const std::optional<double>& reading,
                                      int limit) {
  if (limit <= 0 || !reading || *reading <= limit) return std::nullopt;
  return fmt::format(
      "the machine is under pressure: {} for {:.0f}% of the last ten seconds, and beyond {}% "
      "nothing starts ([pressure] in config.toml)",
      what, *reading, limit);
}

}  // namespace

std::optional<std::string> find_pressure(const PressureReadings& readings,
                                         const PressureLimits& limits) {
  if (auto found =
          find_above("everything stood still for want of memory", readings.memory, limits.memory))
    return found;
  if (auto found = find_above("something waited for a CPU", readings.cpu, limits.cpu)) return found;
  if (auto found = find_above("everything waited for a disk", readings.io, limits.io)) return found;
  const std::int64_t least =
      std::max(limits.min_memory, readings.memory_total / 100 * limits.min_memory_percent);
  if (!readings.memory_available || *readings.memory_available >= least) return std::nullopt;
  return fmt::format(
      "the machine is under pressure: {} of its memory is available, and below {} nothing starts "
      "([pressure] min_memory in config.toml)",
      size_text(*readings.memory_available), size_text(least));
}

std::optional<double> pressure_average(std::string_view text, std::string_view kind) {
  const auto line = find_line(text, std::string(kind) + " avg10=");
  if (!line) return std::nullopt;
  double value = 0;
  const auto read = std::from_chars(line->data(), line->data() + line->size(), value);
  if (read.ec != std::errc()) return std::nullopt;
  return value;
}

std::optional<std::int64_t> memory_figure(std::string_view text, std::string_view name) {
  auto rest = find_line(text, std::string(name) + ":");
  if (!rest) return std::nullopt;
  rest->remove_prefix(std::min(rest->find_first_not_of(' '), rest->size()));
  const auto kilobytes = parse_integer(rest->substr(0, rest->find(' ')));
  if (!kilobytes) return std::nullopt;
  return *kilobytes * 1024;
}

}  // namespace reeve
