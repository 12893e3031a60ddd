#pragma once
// How far a program says that it is, in one line of its output.
//
// Read are progress bars (tqdm, Keras, pip, wget, rsync, git and whatever draws one beside a number
// or a percentage), counts in brackets ("[3/7]", "[ 45%]"), counts with a word that says what is
// counted ("epoch 3/10", "Step 100/1000", "chunk 3 of 7", "5 of 12 steps"), and percentages with a
// word that says so ("Progress: 45%", "45% done").
//
// In doubt it is no progress: dates ("3/7/2026"), paths, versions, scores ("accuracy 45%",
// "45/100 passed") and loads ("CPU 45%") are none.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace reeve {

// From the outermost to the innermost, when they stand in each other.
enum class CounterKind : std::uint8_t {
  part,   // folds, phases, trials
  epoch,  //
  step,   // steps, chunks, files, what stands in brackets
  bar,    // drawn
};

struct Counter {
  CounterKind kind = CounterKind::step;
  std::string label;  // what stands before it; with the total it tells counters apart
  double done = 0;
  double total = 0;         // 0: not told
  bool is_heading = false;  // nothing else is in the line: what it counts may only begin
  bool is_percent = false;  // it was told in percent alone; the total is 100
};

struct LineProgress {
  std::vector<Counter> counters;     // outermost first
  std::optional<std::int64_t> rows;  // "1,234,567 rows processed"
};

// `line` is a segment's text, see core/output_segments.h. `is_ended`: its last word is whole.
[[nodiscard]] LineProgress find_counters(std::string_view line, bool is_ended);

}  // namespace reeve
