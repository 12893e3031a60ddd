#pragma once
// Two kinds of time that are never mixed.
//
// `Time` is the queue's own clock: milliseconds during which the machine was on, suspend included,
// since the state directory was made. It goes on over restarts of the daemon, never jumps, and is
// what every decision uses (limits, ageing, back-off). `UtcTime` is the wall clock, for display.

#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace reeve {

using Duration = std::chrono::milliseconds;

struct Time {
  std::int64_t ms = 0;
  auto operator<=>(const Time&) const = default;
  Time operator+(Duration later) const { return {ms + later.count()}; }
  Time operator-(Duration earlier) const { return {ms - earlier.count()}; }
  Duration operator-(Time earlier) const { return Duration(ms - earlier.ms); }
};

struct UtcTime {
  std::int64_t ms = 0;  // since 1970-01-01T00:00:00Z, leap seconds not counted
  auto operator<=>(const UtcTime&) const = default;
};

// Milliseconds since boot, suspend included (CLOCK_BOOTTIME).
[[nodiscard]] std::int64_t boottime_ms();
[[nodiscard]] UtcTime utc_now();
// The kernel's random id of this boot; empty when /proc is not mounted.
[[nodiscard]] std::string boot_id();

// "2026-11-22T09:30:00.123Z" (RFC 3339).
[[nodiscard]] std::string to_rfc3339(UtcTime time);
// "2026-11-22_09-30-00", the name of a run directory.
[[nodiscard]] std::string to_directory_name(UtcTime time);

// "1h30m", "90" (seconds), "45s", "500ms", "2d", "02:30:00", "2-12:00:00". Nothing when it is none
// of them, is negative, or is beyond 100 years.
[[nodiscard]] std::optional<Duration> parse_duration(std::string_view text);
// "1h30m", "4.2s", "850ms": short, for people.
[[nodiscard]] std::string to_text(Duration duration);

}  // namespace reeve
