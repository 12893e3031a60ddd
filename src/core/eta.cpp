#include "core/eta.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "core/limits.h"

namespace reeve {
namespace {

constexpr double range_factor_max = 5;
constexpr double stall_factor = 4;
constexpr std::size_t steps_min = 3;
constexpr std::size_t runs_min = 3;
constexpr std::size_t blocks_max = 8;
constexpr std::size_t trend_blocks_min = 5;
// A range is never narrower than this share on either side: nothing is that regular.
constexpr double margin_min = 0.05;

double to_seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

Duration to_duration(double seconds) {
  return Duration(std::llround(std::clamp(seconds, 0.0, 1e12) * 1000));
}

// Student's t: nine of ten values lie within it on both sides together. A fifth is added: what jobs
// do is less regular than the theory. With it, the claims of the simulations in the tests hold.
double student(std::size_t degrees) {
  constexpr std::array<double, 10> table{6.31, 6.31, 2.92, 2.35, 2.13,
                                         2.02, 1.94, 1.89, 1.86, 1.83};
  return 1.2 * (degrees < table.size() ? table[degrees] : 1.75);
}

struct Sample {
  double mean = 0;
  double deviation = 0;
};

Sample sample_of(const std::vector<double>& values) {
  Sample sample;
  for (const double value : values) sample.mean += value / static_cast<double>(values.size());
  double squares = 0;
  for (const double value : values) squares += (value - sample.mean) * (value - sample.mean);
  if (values.size() > 1)
    sample.deviation = std::sqrt(squares / static_cast<double>(values.size() - 1));
  return sample;
}

// The slope of a line through equally distant values, and its standard error.
struct Trend {
  double slope = 0;
  double error = 0;
};

Trend trend_of(const std::vector<double>& values, double mean) {
  const auto count = static_cast<double>(values.size());
  const double middle = (count - 1) / 2;
  double spread = 0;
  double products = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double x = static_cast<double>(i) - middle;
    spread += x * x;
    products += x * (values[i] - mean);
  }
  Trend trend{products / spread, 0};
  double squares = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double fitted = mean + trend.slope * (static_cast<double>(i) - middle);
    squares += (values[i] - fitted) * (values[i] - fitted);
  }
  if (values.size() > 2) trend.error = std::sqrt(squares / (count - 2) / spread);
  return trend;
}

// In seconds.
struct Range {
  double expected = 0;
  double low = 0;
  double high = 0;
};

// How long `left` blocks will take after those that took `times`.
Range range_of(const std::vector<double>& times, double left) {
  const auto count = static_cast<double>(times.size());
  const auto half = static_cast<std::ptrdiff_t>((times.size() + 1) / 2);
  const Sample all = sample_of(times);
  const Sample recent = sample_of({times.end() - half, times.end()});
  const double uncertainty =
      student(times.size() - 1) * all.deviation * std::sqrt(left + left * left / count);
  Range range{left * recent.mean, left * std::min(all.mean, recent.mean),
              left * std::max(all.mean, recent.mean)};
  const Trend trend = trend_of(times, all.mean);
  if (times.size() >= trend_blocks_min && std::abs(trend.slope) > 2 * trend.error) {
    const double to_come = (count + left) / 2;  // from the middle of the past to that of the rest
    const double drifted = left * std::max(all.mean + trend.slope * to_come, all.mean * 0.1);
    range.low = std::min(range.low, drifted);
    range.high = std::max(range.high, drifted);
    range.expected = (range.expected + drifted) / 2;
  }
  range.low = std::min(range.low - uncertainty, range.expected * (1 - margin_min));
  range.high = std::max(range.high + uncertainty, range.expected * (1 + margin_min));
  return range;
}

struct Unit {
  double seconds;
  std::string_view name;
};

Unit unit_for(double seconds) {
  if (seconds < 120) return {1, "second"};
  if (seconds < 2 * 3600) return {60, "minute"};
  if (seconds < 48 * 3600) return {3600, "hour"};
  return {86400, "day"};
}

// Below two minutes in steps of five seconds: nobody knows it better.
std::int64_t in_unit(double seconds, const Unit& unit) {
  if (unit.seconds == 1 && seconds > 10) return 5 * std::llround(seconds / 5);
  return std::llround(seconds / unit.seconds);
}

bool is_too_wide(double low, double high) {
  return high > low * range_factor_max && high - low > 30;
}

}  // namespace

std::string describe(const std::optional<Eta>& eta) {
  if (!eta) return "unknown";
  const Unit unit = unit_for(to_seconds(eta->high));
  const std::int64_t low = in_unit(to_seconds(eta->low), unit);
  const std::int64_t high = std::max<std::int64_t>(in_unit(to_seconds(eta->high), unit), 1);
  const char* plural = high == 1 ? "" : "s";
  if (low >= high) return fmt::format("{} {}{}", high, unit.name, plural);
  if (low == 0) return fmt::format("up to {} {}{}", high, unit.name, plural);
  return fmt::format("{} to {} {}{}", low, high, unit.name, plural);
}

std::string progress_line(const Progress& progress, const std::optional<Eta>& eta) {
  // What was read from a later stage says nothing of those that may follow.
  const bool is_of_stage = progress.stage > 1 && eta && eta->basis == EtaBasis::progress;
  return fmt::format("Progress: {}, ETA{}: {}", describe(progress),
                     is_of_stage ? " of the stage" : "", describe(eta));
}

void EtaEstimator::observe(const Progress& progress, Duration active) {
  if (!progress.fraction) return;
  const Point point{to_seconds(active), *progress.fraction};
  const bool is_new =
      progress.stage != stage_ || (!points_.empty() && point.fraction < points_.back().fraction);
  if (is_new) {
    points_.clear();
    step_min_ = 0;
    stage_ = progress.stage;
  }
  const bool has_moved = points_.empty() || (point.fraction > points_.back().fraction + step_min_ &&
                                             point.seconds > points_.back().seconds);
  if (!has_moved) return;
  points_.push_back(point);
  if (points_.size() > limits::eta_points_max) merge_points();
}

void EtaEstimator::merge_points() {
  std::vector<Point> kept;
  for (std::size_t i = 0; i < points_.size(); i += 2) kept.push_back(points_[i]);
  if (points_.size() % 2 == 0) kept.push_back(points_.back());
  points_ = std::move(kept);
  const double covered = points_.back().fraction - points_.front().fraction;
  step_min_ = covered / static_cast<double>(limits::eta_points_max);
}

// The paces of blocks of equal progress; the mean of those to come is a Student's t around that of
// the past. Where the pace has a trend, or the last blocks differ from all, that is taken into the
// range as well.
std::optional<Eta> EtaEstimator::estimate(Duration active) const {
  if (points_.size() < steps_min + 1 || points_.back().fraction >= 1) return std::nullopt;
  double longest = 0;
  for (std::size_t i = 1; i < points_.size(); ++i)
    longest = std::max(longest, points_[i].seconds - points_[i - 1].seconds);
  const double since = std::max(0.0, to_seconds(active) - points_.back().seconds);
  if (since > stall_factor * longest + 5) return std::nullopt;

  const std::vector<double> times = block_times();
  const double covered = points_.back().fraction - points_.front().fraction;
  const double left = (1 - points_.back().fraction) / covered * static_cast<double>(times.size());
  Range range = range_of(times, left);
  // Of the present step some has passed; when it takes longer than usual, so may the rest.
  range.expected = std::max(range.expected - since, 0.0);
  range.low = std::clamp(range.low - since, 0.0, range.expected);
  range.high = std::max(range.high - std::min(since, longest), range.expected + longest / 2);
  if (is_too_wide(std::max(range.low, 0.02 * range.expected), range.high)) return std::nullopt;
  return Eta{to_duration(range.expected), to_duration(range.low), to_duration(range.high),
             EtaBasis::progress};
}

// What lies between two points is divided evenly.
std::vector<double> EtaEstimator::block_times() const {
  const std::size_t blocks = std::min(blocks_max, points_.size() - 1);
  const double first = points_.front().fraction;
  const double covered = points_.back().fraction - first;
  std::vector<double> times;
  double before = points_.front().seconds;
  std::size_t at = 1;
  for (std::size_t block = 1; block <= blocks; ++block) {
    const double until = first + covered * static_cast<double>(block) / static_cast<double>(blocks);
    while (at + 1 < points_.size() && points_[at].fraction < until) ++at;
    const Point& from = points_[at - 1];
    const Point& to = points_[at];
    const double share =
        std::clamp((until - from.fraction) / (to.fraction - from.fraction), 0.0, 1.0);
    const double reached = from.seconds + share * (to.seconds - from.seconds);
    times.push_back(reached - before);
    before = reached;
  }
  return times;
}

std::optional<Eta> estimate_from_runs(const std::vector<Duration>& earlier, Duration active) {
  std::vector<double> logarithms;
  for (const Duration run : earlier)
    if (run.count() > 0) logarithms.push_back(std::log(to_seconds(run)));
  if (logarithms.size() < runs_min) return std::nullopt;
  const Sample sample = sample_of(logarithms);
  std::ranges::sort(logarithms);
  const std::size_t count = logarithms.size();
  const double median = (logarithms[(count - 1) / 2] + logarithms[count / 2]) / 2;
  const double reach = std::max(
      student(count - 1) * sample.deviation * std::sqrt(1 + 1 / static_cast<double>(count)),
      margin_min);
  const double passed = to_seconds(active);
  const double low = std::exp(sample.mean - reach);
  const double high = std::exp(sample.mean + reach);
  if (passed >= high || is_too_wide(low, high)) return std::nullopt;
  const double usual = std::exp(median);
  const double expected = passed < usual ? usual : (passed + high) / 2;
  return Eta{to_duration(expected - passed), to_duration(std::max(low, passed) - passed),
             to_duration(high - passed), EtaBasis::earlier_runs};
}

}  // namespace reeve
