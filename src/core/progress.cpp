#include "core/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "core/count_text.h"
#include "core/limits.h"
#include "core/output_segments.h"

namespace reeve {
namespace {

// A figure that falls below this share of what it was has started over; one that falls less is out
// of order.
constexpr double start_share = 0.2;

std::int64_t to_integer(double value) {
  return std::llround(std::clamp(value, 0.0, 9e18));
}

// Without a total, what was done.
double share_of(const Counter& counter) {
  return counter.total > 0 ? counter.done / counter.total : counter.done;
}

bool starts_over(double before, double after) {
  return after < before && (before >= 1 || after <= before * start_share);
}

}  // namespace

std::string grouped(std::int64_t number) {
  std::string text = fmt::format("{}", number);
  const std::size_t first = text.starts_with('-') ? 1 : 0;
  for (std::size_t at = text.size(); at > first + 3;) text.insert(at -= 3, ",");
  return text;
}

std::optional<Progress> parse_progress(std::string_view text) {
  Progress progress;
  progress.source = ProgressSource::told;
  if (const auto slash = text.find('/'); slash != std::string_view::npos) {
    progress.done = parse_integer(text.substr(0, slash));
    progress.total = parse_integer(text.substr(slash + 1));
    if (!progress.done || !progress.total || *progress.done < 0 || *progress.total < 1 ||
        *progress.done > *progress.total)
      return std::nullopt;
    progress.fraction = static_cast<double>(*progress.done) / static_cast<double>(*progress.total);
    return progress;
  }
  if (text.ends_with('%')) text.remove_suffix(1);
  if (text.find_first_not_of("0123456789.") != std::string_view::npos) return std::nullopt;
  const auto number = read_number(text, 0, Suffix::none);
  if (!number || number->end != text.size() || number->value > 100) return std::nullopt;
  progress.fraction = number->value / 100;
  return progress;
}

std::string describe(const Progress& progress) {
  std::string text;
  const std::string of_stage =
      progress.stage > 1 ? fmt::format(" of stage {}", progress.stage) : "";
  if (progress.fraction) {
    // Rounded down: nothing is complete before it is. 0.29 * 100 is a little less than 29.
    const int percent = static_cast<int>(std::floor(*progress.fraction * 100 + 1e-9));
    text = fmt::format("{}%{} complete", percent, of_stage);
  } else if (progress.done) {
    text = fmt::format("{}{} done", grouped(*progress.done), of_stage);
  }
  if (progress.rows)
    text += fmt::format("{}{} rows processed", text.empty() ? "" : ", ", grouped(*progress.rows));
  return text.empty() ? "unknown" : text;
}

bool CounterStack::is_same(const Level& level, const Counter& counter, int lines_up) {
  return level.counter.kind == counter.kind && level.counter.label == counter.label &&
         level.counter.total == counter.total && level.lines_up == lines_up;
}

bool CounterStack::is_finished(const Level& level) {
  return level.counter.total > 0 && share_of(level.counter) >= 1;
}

void CounterStack::see(const Counter& counter, int lines_up) {
  for (std::size_t i = 0; i < levels_.size(); ++i)
    if (is_same(levels_[i], counter, lines_up)) return update(i, counter);
  if (!restore(counter, lines_up)) add(counter, lines_up);
}

void CounterStack::update(std::size_t index, const Counter& counter) {
  Level& level = levels_[index];
  const double before = share_of(level.counter);
  const double after = share_of(counter);
  const bool is_back = !level.is_idle && after < before;
  if (is_back && !starts_over(before, after)) return;
  if (is_back && index == 0) {
    Level next = level;
    next.counter = counter;
    next.first = after;
    return begin_stage(next);
  }
  level.counter = counter;
  level.is_idle = false;
  if (after != before)
    for (std::size_t i = index + 1; i < levels_.size(); ++i) levels_[i].is_idle = true;
}

void CounterStack::add(const Counter& counter, int lines_up) {
  Level level{counter, lines_up, share_of(counter)};
  level.is_zero_based = counter.kind <= CounterKind::epoch && counter.done == 0;
  if (levels_.empty()) {
    levels_.push_back(level);
    return;
  }
  // What is first seen at its end tells nothing: "saved [3000/3000]".
  if (is_finished(level)) return;
  std::size_t at = levels_.size();
  while (at > 0 && levels_[at - 1].counter.kind > counter.kind) --at;
  if (at < levels_.size()) {  // it stands around what is known
    // "Epoch 1/10: loss 0.5" below a bar that is complete tells of what has been done.
    level.is_summary = !counter.is_heading && counter.done == 1 && is_finished(levels_[at]);
    if (at == 0) return begin_stage(level);
    levels_.resize(at);
  }
  Level& last = levels_.back();
  // Of two bars, the one that went on before the other was there is not around it: it has ended,
  // or runs beside it.
  const bool is_beside = last.counter.kind == counter.kind && lines_up <= last.lines_up &&
                         (is_finished(last) || share_of(last.counter) > last.first ||
                          last.is_idle || last.counter.total == 0);
  if (is_beside && levels_.size() == 1) return begin_stage(level);
  if (is_beside || levels_.size() == limits::progress_levels_max) levels_.pop_back();
  levels_.back().is_around = true;
  levels_.push_back(level);
}

void CounterStack::begin_stage(const Level& level) {
  if (!is_same(levels_.front(), level.counter, level.lines_up)) {
    if (retired_.size() == limits::progress_levels_max) retired_.erase(retired_.begin());
    retired_.push_back(levels_.front());
  }
  levels_.assign(1, level);
  ++stage_;
}

// A counter of an earlier stage that goes on shows that the later one runs beside it: there was no
// new stage.
bool CounterStack::restore(const Counter& counter, int lines_up) {
  for (auto it = retired_.begin(); it != retired_.end(); ++it) {
    if (!is_same(*it, counter, lines_up)) continue;
    const double before = share_of(it->counter);
    if (share_of(counter) == before) return true;  // drawn again
    const bool goes_on = share_of(counter) > before;
    Level level = *it;
    retired_.erase(it);
    if (!goes_on) return false;
    level.counter = counter;
    level.is_around = true;
    levels_.insert(levels_.begin(), level);
    if (levels_.size() > limits::progress_levels_max) levels_.pop_back();
    stage_ = std::max(1, stage_ - 1);
    return true;
  }
  return false;
}

std::optional<double> CounterStack::fraction() const {
  if (levels_.empty() || levels_.front().counter.total <= 0) return std::nullopt;
  double share = 0;
  for (std::size_t i = levels_.size(); i-- > 0;) {
    const Level& level = levels_[i];
    if (level.is_idle || level.counter.total <= 0) {
      share = 0;
      continue;
    }
    const bool is_inner_known = i + 1 < levels_.size();
    double done = level.counter.done;
    double total = level.counter.total;
    // Epochs, parts and steps are named when they begin, if something runs inside of them. Those
    // that are counted from 0 may be named up to the total, or up to one less: it is not known.
    const bool counts_begun =
        level.counter.kind < CounterKind::bar && !level.is_summary &&
        (level.is_around || is_inner_known || (level.counter.is_heading && done <= 1));
    if (level.is_zero_based)
      total += 1;
    else if (counts_begun && done > 0)
      done -= 1;
    share = std::clamp((done + std::min(share, 1.0)) / total, 0.0, 1.0);
  }
  return share;
}

std::string CounterStack::text() const {
  std::string text;
  for (const Level& level : levels_) {
    if (level.is_idle) continue;
    const Counter& counter = level.counter;
    if (!text.empty()) text += ", ";
    if (!counter.label.empty()) text += counter.label + " ";
    if (counter.is_percent)
      text += fmt::format("{:g}%", counter.done);
    else if (counter.total > 0)
      text += fmt::format("{:.12g}/{:.12g}", counter.done, counter.total);
    else
      text += fmt::format("{:.12g}", counter.done);
  }
  return printable(text);
}

void ProgressTracker::read_output(std::string_view bytes, std::int64_t offset) {
  if (bytes.size() > limits::progress_output_bytes_max) {
    offset += static_cast<std::int64_t>(bytes.size() - limits::progress_output_bytes_max);
    bytes.remove_prefix(bytes.size() - limits::progress_output_bytes_max);
  }
  const auto first_end = static_cast<std::int64_t>(bytes.find_first_of("\n\r\b"));
  for (const OutputSegment& segment : split_output(bytes)) {
    const std::int64_t end = offset + segment.end;
    // It may have begun before what we see.
    const bool is_cut = offset > 0 && (first_end < 0 || segment.begin <= first_end);
    if (is_cut || end <= read_until_) continue;
    // What has no end may go on; not when nothing came since the last look.
    const bool is_settled = segment.is_ended || end == open_end_;
    open_end_ = end;
    // Whether it is an inner one of tqdm's bars is told by what follows.
    if (segment.is_below && !is_settled && segment.text.find("%|") != std::string::npos) continue;
    const LineProgress found = find_counters(segment.text, is_settled);
    for (const Counter& counter : found.counters)
      stack_.see(counter, counter.kind == CounterKind::bar ? segment.lines_up : 0);
    if (found.rows) rows_ = std::max(rows_.value_or(0), *found.rows);
    if (is_settled || !found.counters.empty()) read_until_ = end;
  }
  show_output();
}

void ProgressTracker::show_output() {
  if ((stack_.is_empty() && !rows_) || (shown_ && shown_->source > ProgressSource::output)) return;
  Progress next;
  next.rows = rows_;
  if (!stack_.is_empty()) {
    const Counter& outermost = stack_.outermost();
    next.stage = stack_.stage();
    next.fraction = stack_.fraction();
    next.text = stack_.text();
    if (!outermost.is_percent) {
      next.done = to_integer(outermost.done);
      if (outermost.total > 0) next.total = to_integer(outermost.total);
    }
  }
  if (shown_ && shown_->stage >= next.stage && shown_->fraction &&
      (!next.fraction || *next.fraction < *shown_->fraction)) {
    next.fraction = shown_->fraction;
    next.stage = shown_->stage;
  }
  shown_ = std::move(next);
}

void ProgressTracker::tell(const Progress& told) {
  if (shown_ && shown_->source > told.source) return;
  if (!shown_ || shown_->source < told.source) {
    shown_ = Progress{};
    shown_->source = told.source;
  }
  Progress& shown = *shown_;
  if (told.fraction) {
    const double fraction = std::clamp(*told.fraction, 0.0, 1.0);
    const double before = shown.fraction.value_or(0);
    if (starts_over(before, fraction)) {
      ++shown.stage;
      shown.rows.reset();
    }
    if (fraction >= before || starts_over(before, fraction)) {
      shown.fraction = fraction;
      shown.done = told.done;
      shown.total = told.total;
    }
  }
  if (told.rows) shown.rows = std::max(shown.rows.value_or(0), *told.rows);
  if (!told.text.empty()) shown.text = told.text;
}

}  // namespace reeve
