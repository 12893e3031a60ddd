#include "core/life.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/limits.h"

namespace reeve {

void Life::live(Duration active) {
  last_ = std::max(last_, active);
}

void Life::observe(const LifeSample& sample, Duration active) {
  const LifeSample before = seen_;
  seen_ = sample;
  if (!has_sample_) {
    has_sample_ = true;
    anchor_time_ = active;
    anchor_cpu_us_ = sample.cpu_us;
    return;
  }
  bool is_alive = sample.output_bytes != before.output_bytes || sample.io_bytes > before.io_bytes;
  // Samples may lie further apart than the window: the share counts then, too.
  const Duration passed = active - anchor_time_;
  const Duration window =
      stall_ > Duration(0) ? std::min(stall_, limits::life_cpu_window) : limits::life_cpu_window;
  const Duration span = std::max(passed, window);
  const std::int64_t needed_us = span.count() * 1000 * limits::life_cpu_percent / 100;
  const bool has_worked = sample.cpu_us - anchor_cpu_us_ >= needed_us;
  if (has_worked || passed >= window) {
    anchor_time_ = active;
    anchor_cpu_us_ = sample.cpu_us;
  }
  is_alive |= has_worked;
  if (is_alive && !needs_beats_) live(active);
}

void Life::beat(Duration active) {
  needs_beats_ = true;
  live(active);
}

void Life::observe_heartbeat_file(std::optional<std::int64_t> changed, Duration active) {
  if (changed && changed != file_changed_) beat(active);
  file_changed_ = changed;
}

void Life::tell(Duration active) {
  live(active);
}

void Life::set_watchdog(Duration timeout, Duration active) {
  live(active);
  needs_beats_ = timeout > Duration::zero();
  watchdog_.reset();
  if (needs_beats_) watchdog_ = std::max(timeout, limits::watchdog_min);
}

Duration Life::silent_for(Duration active) const {
  return std::max(active - last_, Duration::zero());
}

std::optional<Duration> Life::deadline() const {
  if (stall_ <= Duration::zero()) return std::nullopt;
  if (is_triggered_) return last_;
  return last_ + watchdog_.value_or(stall_);
}

bool Life::is_hung(Duration active) const {
  const auto until = deadline();
  return until && active >= *until;
}

std::string Life::describe(Duration active) const {
  if (is_triggered_) return "the job itself reported that it hangs";
  return fmt::format("no {} for {}", needs_beats_ ? "heartbeat" : "output, CPU time or I/O",
                     to_text(silent_for(active)));
}

}  // namespace reeve
