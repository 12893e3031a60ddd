#pragma once
// What is seen of one running attempt: its log, its signs of life, its progress and its use.
//
// One thread calls all of it. `now` is time during which the machine was awake (CLOCK_MONOTONIC).

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "core/eta.h"
#include "core/life.h"
#include "core/lifecycle.h"
#include "core/live.h"
#include "core/notify_message.h"
#include "core/progress.h"
#include "core/series.h"
#include "core/status_file.h"
#include "core/usage.h"
#include "watch/usage_sampler.h"
#include "watch/watched_log.h"

namespace reeve {

class AttemptWatch {
 public:
  // `said`: what the paths of the files begin with that the job may speak through. `active`: for
  // how long it ran before. `files` must live longer.
  AttemptWatch(const Job& job, std::string said, Duration active, Duration now,
               watch::KeptFiles& files);

  [[nodiscard]] const AttemptKey& key() const { return key_; }
  [[nodiscard]] const std::string& address() const { return address_; }

  // What `read_log` leaves: `open` is a finding that further lines may say more of.
  enum class Left : std::uint8_t { nothing, open, more };
  // Reads a piece of what has been appended to the log.
  Left read_log(Duration now, std::vector<Observed>& seen);
  // It has sent a message; what must not be forgotten of it is told.
  void hear(const NotifyMessage& message, Duration now, std::vector<Observed>& seen);
  // It has sent what is no message.
  void refuse(const std::string& why, std::vector<Observed>& seen);
  // Its state has changed.
  void follow(const Job& job, Duration now);
  // Looks at its processes and files, and tells what is due: a stall, progress, use.
  void look(Duration now, std::vector<Observed>& seen);
  [[nodiscard]] Duration next_look() const { return next_look_; }
  // Nothing of it lives any more: `read_log` tells fact::Examined when it has come to the end.
  void end(Duration now);
  // Keeps the series of what it used, beside its log.
  void save_series() const;

  [[nodiscard]] Live live(Duration now) const;

 private:
  [[nodiscard]] Duration active(Duration now) const;
  void sample(Duration now);
  void observe_life(Duration now);
  void plan_look(Duration now, Duration wait);
  void read_progress(Duration now);
  void read_status_file(Duration now);
  void look_for_stall(Duration now, std::vector<Observed>& seen);
  void report(Duration now, std::vector<Observed>& seen);
  [[nodiscard]] fact::Examined last_words() const;
  void open_sampler(const Job& job);

  AttemptKey key_;
  std::string address_;
  std::string log_path_;
  std::string said_;
  std::string cgroup_;
  watch::KeptFiles& files_;
  WatchedLog log_;
  Duration grown_at_{0};  // when the log was last seen to grow
  bool is_ended_ = false;

  bool runs_ = false;   // the clock of `active` goes
  Duration active_{0};  // until `since_`
  Duration since_{0};
  Duration next_look_{0};
  Duration stall_{0};
  Life life_;
  bool is_stalled_ = false;  // and that was told

  ProgressTracker progress_;
  EtaEstimator eta_;
  std::optional<watch::UsageSampler> sampler_;
  UsageTotals used_;                   // when it was last looked at
  std::optional<UsageTotals> totals_;  // at the last point of the series
  Duration totals_at_{0};              // of `active`
  std::optional<Reading> use_;
  Series series_;
  Duration reported_at_{0};

  std::int64_t status_changed_ = -1;
  StatusFile status_;
  std::string status_trouble_;  // why the status file could not be read
  std::map<std::string, std::string> results_;
  std::optional<std::string> failure_;
  bool is_trouble_told_ = false;  // that it has said what is not understood
};

}  // namespace reeve
