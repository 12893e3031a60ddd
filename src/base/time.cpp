#include "base/time.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <ctime>
#include <fstream>
#include <vector>

namespace reeve {
namespace {

constexpr double longest_seconds = 100.0 * 365 * 86400;

std::tm broken_down(UtcTime time) {
  std::time_t seconds = time.ms / 1000;
  if (time.ms % 1000 < 0) --seconds;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  return parts;
}

std::optional<double> parse_number(std::string_view text) {
  double value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (error != std::errc{} || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

std::optional<Duration> from_seconds(double seconds) {
  if (!(seconds >= 0 && seconds <= longest_seconds)) return std::nullopt;
  return Duration(std::llround(seconds * 1000));
}

// Slurm's forms: [days-]hours:minutes[:seconds], minutes:seconds.
std::optional<Duration> parse_clock(std::string_view text) {
  double days = 0;
  const bool has_days = text.find('-') != std::string_view::npos;
  if (has_days) {
    const auto dash = text.find('-');
    const auto number = parse_number(text.substr(0, dash));
    if (!number) return std::nullopt;
    days = *number;
    text.remove_prefix(dash + 1);
  }
  std::vector<double> parts;
  while (true) {
    const auto colon = text.find(':');
    const auto number = parse_number(text.substr(0, colon));
    if (!number) return std::nullopt;
    parts.push_back(*number);
    if (colon == std::string_view::npos) break;
    text.remove_prefix(colon + 1);
  }
  if (parts.size() > 3) return std::nullopt;
  double seconds = 0;
  if (has_days) {
    // After days come hours, so that "2-12" is two days and a half.
    constexpr std::array<double, 3> units{3600, 60, 1};
    for (std::size_t i = 0; i < parts.size(); ++i) seconds += parts[i] * units[i];
  } else {
    for (const double part : parts) seconds = seconds * 60 + part;
  }
  return from_seconds(days * 86400 + seconds);
}

std::optional<double> unit_seconds(std::string_view unit) {
  if (unit == "ms") return 0.001;
  if (unit == "s" || unit.empty()) return 1;
  if (unit == "m" || unit == "min") return 60;
  if (unit == "h") return 3600;
  if (unit == "d") return 86400;
  if (unit == "w") return 7 * 86400;
  return std::nullopt;
}

}  // namespace

std::int64_t boottime_ms() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
}

UtcTime utc_now() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return {now.tv_sec * 1000 + now.tv_nsec / 1'000'000};
}

std::string boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  file >> id;
  return id;
}

std::string to_rfc3339(UtcTime time) {
  const std::tm parts = broken_down(time);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     (time.ms % 1000 + 1000) % 1000);
}

std::string to_directory_name(UtcTime time) {
  const std::tm parts = broken_down(time);
  return fmt::format("{:04}-{:02}-{:02}_{:02}-{:02}-{:02}", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

std::optional<Duration> parse_duration(std::string_view text) {
  if (text.empty()) return std::nullopt;
  if (text.find(':') != std::string_view::npos || text.find('-') != std::string_view::npos)
    return parse_clock(text);
  double seconds = 0;
  while (!text.empty()) {
    const auto digits = text.find_first_not_of("0123456789.");
    const auto number = parse_number(text.substr(0, digits));
    if (!number) return std::nullopt;
    text.remove_prefix(digits == std::string_view::npos ? text.size() : digits);
    const auto letters = text.find_first_of("0123456789.");
    const auto unit = unit_seconds(text.substr(0, letters));
    if (!unit) return std::nullopt;
    seconds += *number * *unit;
    text.remove_prefix(letters == std::string_view::npos ? text.size() : letters);
  }
  return from_seconds(seconds);
}

std::string to_text(Duration duration) {
  const auto ms = duration.count();
  if (ms < 1000) return fmt::format("{}ms", ms);
  if (ms < 59'950) return fmt::format("{:.1f}s", static_cast<double>(ms) / 1000);
  const auto seconds = ms / 1000;
  if (seconds < 3600) return fmt::format("{}m{:02}s", seconds / 60, seconds % 60);
  if (seconds < 86400) return fmt::format("{}h{:02}m", seconds / 3600, seconds % 3600 / 60);
  return fmt::format("{}d{:02}h", seconds / 86400, seconds % 86400 / 3600);
}

}  // namespace reeve
