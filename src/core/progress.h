#pragma once
// How far a job is: as it told itself, or as its output shows.
//
// What is shown never runs backwards and never beyond 100 %, with one exception, which is told:
// when what is counted starts over, the job is in its next *stage*, and the figures are of that
// stage. A smaller figure that does not begin a stage (workers that report out of order, bars that
// are drawn in turn) changes nothing.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/counters.h"

namespace reeve {

enum class ProgressSource : std::uint8_t { output, status_file, told };

struct Progress {
  std::optional<double> fraction;  // of the stage, 0 to 1
  std::optional<std::int64_t> done;
  std::optional<std::int64_t> total;
  std::optional<std::int64_t> rows;  // processed
  std::string text;                  // printable, one line, short
  std::int32_t stage = 1;            // counts how often it has started over
  ProgressSource source = ProgressSource::output;
  bool operator==(const Progress&) const = default;
};

// "45", "45%", "45.5", "3/7": as `reeve progress` and X_REEVE_PROGRESS take them; numbers alone are
// percent. Nothing when it is none of them, beyond 100 % or negative.
[[nodiscard]] std::optional<Progress> parse_progress(std::string_view text);

// "45% complete, 1,234,567 rows processed"; of a later stage "45% of stage 2 complete".
[[nodiscard]] std::string describe(const Progress& progress);
// "1,234,567".
[[nodiscard]] std::string grouped(std::int64_t number);

// Counters that stand in each other, as they were seen in an output, and what they make together.
//
// An epoch, or a bar around another bar, counts with the share that the inner one has done: epoch 3
// of 10 with the inner bar at 12 % is (2 + 0.12) / 10. Counts of steps and epochs count as done,
// unless something is seen to run inside of them.
class CounterStack {
 public:
  // `lines_up`: how far above the cursor was left, which tells an inner bar from an outer one.
  void see(const Counter& counter, int lines_up);

  [[nodiscard]] bool is_empty() const { return levels_.empty(); }
  // 0 to 1; nothing while no total is known.
  [[nodiscard]] std::optional<double> fraction() const;
  // Of the outermost.
  [[nodiscard]] const Counter& outermost() const { return levels_.front().counter; }
  // "epoch 3/10, 12/100".
  [[nodiscard]] std::string text() const;
  [[nodiscard]] std::int32_t stage() const { return stage_; }

 private:
  struct Level {
    Counter counter;
    int lines_up = 0;
    double first = 0;            // what it was at when it was first seen
    bool is_idle = false;        // the one around it has gone on; not seen since
    bool is_around = false;      // something was seen to run inside of it
    bool is_zero_based = false;  // counted from 0
    bool is_summary = false;     // it counts what has been done, though something runs inside
  };
  [[nodiscard]] static bool is_same(const Level& level, const Counter& counter, int lines_up);
  [[nodiscard]] static bool is_finished(const Level& level);
  void update(std::size_t index, const Counter& counter);
  void add(const Counter& counter, int lines_up);
  void begin_stage(const Level& level);
  [[nodiscard]] bool restore(const Counter& counter, int lines_up);

  std::vector<Level> levels_;   // outermost first
  std::vector<Level> retired_;  // outermost ones of earlier stages, the last ones
  std::int32_t stage_ = 1;
};

// The progress of one attempt from all of its sources. What the job tells counts more than its
// status file, and that more than its output.
class ProgressTracker {
 public:
  // The end of the log, a few KiB of it: `bytes` begin at `offset`. What was read before is not
  // read again, so that tails may overlap. What has no line end yet is read once it has not grown
  // between two calls: look again also when nothing was written.
  void read_output(std::string_view bytes, std::int64_t offset);
  // Told by the job, or by its status file. Members without a value change nothing.
  void tell(const Progress& told);

  [[nodiscard]] const std::optional<Progress>& shown() const { return shown_; }

 private:
  void show_output();

  CounterStack stack_;
  std::optional<std::int64_t> rows_;
  std::int64_t read_until_ = 0;
  std::int64_t open_end_ = 0;  // of what was not ended at the last look
  std::optional<Progress> shown_;
};

}  // namespace reeve
