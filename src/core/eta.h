#pragma once
// When a job will be done, as far as it can be known: a time with a range around it, or nothing.
//
// All times are durations in which the job could run: without pauses and without the machine's
// suspension. The range is meant to hold the truth in nine runs of ten; a simulation in the tests
// measures how often it does.

#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "core/progress.h"

namespace reeve {

enum class EtaBasis : std::uint8_t { progress, earlier_runs };

struct Eta {
  Duration expected{0};  // from now on
  Duration low{0};
  Duration high{0};
  EtaBasis basis = EtaBasis::progress;
};

// "5 minutes", "4 to 6 minutes"; "unknown" for nothing. Seconds below two minutes, minutes below
// two hours, hours below two days.
[[nodiscard]] std::string describe(const std::optional<Eta>& eta);

// The line of the event log: "Progress: 45% complete, 1,234,567 rows processed, ETA: 5 minutes".
[[nodiscard]] std::string progress_line(const Progress& progress, const std::optional<Eta>& eta);

// Learns the pace from what is shown of the progress. Unknown are: too few steps (three after the
// first), a stall (nothing for four times as long as any step took), an end that has been reached
// without ending, and a pace that changes so much that the range would span more than a factor of
// five.
class EtaEstimator {
 public:
  // `active`: since the job started. A smaller fraction, or another stage, begins anew.
  void observe(const Progress& progress, Duration active);
  [[nodiscard]] std::optional<Eta> estimate(Duration active) const;

 private:
  struct Point {
    double seconds;
    double fraction;
  };
  void merge_points();
  [[nodiscard]] std::vector<double> block_times() const;

  std::vector<Point> points_;  // where the fraction changed
  std::int32_t stage_ = 1;
  double step_min_ = 0;  // changes below it are part of the one before
};

// From how long earlier runs took that completed. Unknown with fewer than three of them, when this
// one has taken longer than they make likely, or when they differ by more than a factor of five.
[[nodiscard]] std::optional<Eta> estimate_from_runs(const std::vector<Duration>& earlier,
                                                    Duration active);

}  // namespace reeve
