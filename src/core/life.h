#pragma once
// Whether a running job shows life.
//
// By default output, CPU time and I/O of its processes are signs of life. A job that sends beats
// (WATCHDOG=1, `reeve beat`, a touched heartbeat file) has said how it wants to be watched: from
// then on only beats count, and what it tells of its progress and status. Else a job that spins, or
// whose logging thread goes on, would never be found hung. Telling progress alone is no such wish,
// since it may come seldom. WATCHDOG_USEC=0 takes the wish back.
//
// All times are durations since the job started in which it could run: without its pauses and
// without the machine's suspension. A daemon that has adopted a job begins anew with what it sees.

#include <cstdint>
#include <optional>
#include <string>

#include "base/time.h"

namespace reeve {

// Totals since the start of the job; what only grows.
struct LifeSample {
  std::int64_t output_bytes = 0;
  std::int64_t cpu_us = 0;
  std::int64_t io_bytes = 0;  // read from and written to disks
};

class Life {
 public:
  // `stall`: hung after so long without a sign of life; zero: never, whatever the job asks for.
  Life(Duration stall, Duration active) : stall_(stall), last_(active), anchor_time_(active) {}

  // What the processes did. CPU time counts from limits::life_cpu_percent of one core within
  // limits::life_cpu_window, or within the stall if that is shorter; any output does, and any byte
  // of I/O.
  void observe(const LifeSample& sample, Duration active);
  void beat(Duration active);
  // It has sent beats before anybody looked.
  void require_beats() { needs_beats_ = true; }
  // The time of the heartbeat file's last change, in any unit; nothing while there is no file. A
  // first sight of a file is a beat: nobody but the job makes it.
  void observe_heartbeat_file(std::optional<std::int64_t> changed, Duration active);
  // Progress or status was told.
  void tell(Duration active);
  // WATCHDOG_USEC: hung after so long without a beat, instead of the stall; not less than
  // limits::watchdog_min. Zero: as if the job had never sent a beat.
  void set_watchdog(Duration timeout, Duration active);
  // WATCHDOG=trigger: the job says itself that it hangs.
  void trigger() { is_triggered_ = true; }

  [[nodiscard]] Duration silent_for(Duration active) const;
  // When it counts as hung, if it shows no life until then; nothing: never.
  [[nodiscard]] std::optional<Duration> deadline() const;
  [[nodiscard]] bool is_hung(Duration active) const;
  // Only beats count.
  [[nodiscard]] bool needs_beats() const { return needs_beats_; }
  // Why it counts as hung: "no output, CPU time or I/O for 10m", "no heartbeat for 30s".
  [[nodiscard]] std::string describe(Duration active) const;

 private:
  void live(Duration active);

  Duration stall_;
  Duration last_;  // sign of life
  Duration anchor_time_;
  std::int64_t anchor_cpu_us_ = 0;
  LifeSample seen_;
  bool has_sample_ = false;
  bool needs_beats_ = false;
  bool is_triggered_ = false;
  std::optional<Duration> watchdog_;
  std::optional<std::int64_t> file_changed_;
};

}  // namespace reeve
