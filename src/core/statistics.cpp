#include "core/statistics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace reeve {
namespace {

constexpr std::int64_t mebibyte = 1 << 20;
constexpr std::int64_t gibibyte = 1 << 30;
// A program that waits for nothing uses a little more than one CPU by our clocks.
constexpr double cpu_tolerance = 0.05;

std::int64_t round_up(std::int64_t value, std::int64_t step) {
  return (value + step - 1) / step * step;
}

bool has_failed(const RunRow& row) {
  return row.state == "failed" || row.state == "timeout" || row.state == "lost";
}

// Empty: the row is in no group.
std::string key_of(const RunRow& row, GroupBy by) {
  switch (by) {
    case GroupBy::name:
      return row.name;
    case GroupBy::pipeline:
      return row.pipeline.empty() ? "-" : row.pipeline;
    case GroupBy::group:
      return row.group.empty() ? "-" : row.group;
    case GroupBy::reason:
      return has_failed(row) ? row.reason : "";
    case GroupBy::exit:
      if (!has_failed(row)) return "";
      return row.exit.empty() ? "none" : row.exit;
  }
  return "";
}

class Collector {
 public:
  void add(const RunRow& row) {
    ++group_.jobs;
    ++group_.states[row.state];
    if (has_failed(row)) ++group_.causes[row.reason];
    if (row.state != "completed" || !row.wall_ms) return;
    ++group_.completed;
    wall_ms_.push_back(*row.wall_ms);
    cpu_us_.push_back(row.cpu_us);
    peaks_.push_back(row.peak_bytes);
    granted_ += static_cast<double>(row.cpus);
    cpu_sum_us_ += static_cast<double>(row.cpu_us);
    wall_sum_ms_ += static_cast<double>(*row.wall_ms);
  }

  RunGroup finish(std::string key) {
    group_.key = std::move(key);
    if (group_.completed == 0) return std::move(group_);
    group_.wall_ms = distribution_of(std::move(wall_ms_));
    group_.cpu_us = distribution_of(std::move(cpu_us_));
    group_.peak_bytes = distribution_of(std::move(peaks_));
    group_.cpus_granted = granted_ / static_cast<double>(group_.completed);
    if (wall_sum_ms_ > 0) group_.cpus_used = cpu_sum_us_ / 1000 / wall_sum_ms_;
    if (group_.completed >= runs_for_advice) group_.advice = advise();
    return std::move(group_);
  }

 private:
  [[nodiscard]] Advice advise() const {
    Advice advice;
    const double cpus = std::ceil(group_.cpus_used - cpu_tolerance);
    advice.cpus = std::max<std::int64_t>(1, static_cast<std::int64_t>(cpus));
    if (group_.peak_bytes.max > 0)
      advice.memory = nice_memory(group_.peak_bytes.max + group_.peak_bytes.max / 4);
    advice.time = nice_time(Duration(group_.wall_ms.p95 + group_.wall_ms.p95 / 2));
    return advice;
  }

  RunGroup group_;
  std::vector<std::int64_t> wall_ms_;
  std::vector<std::int64_t> cpu_us_;
  std::vector<std::int64_t> peaks_;
  double granted_ = 0;
  double cpu_sum_us_ = 0;
  double wall_sum_ms_ = 0;
};

}  // namespace

Distribution distribution_of(std::vector<std::int64_t> values) {
  if (values.empty()) return {};
  std::ranges::sort(values);
  const auto at = [&](std::size_t percent) {
    return values[(values.size() * percent + 99) / 100 - 1];
  };
  return {at(50), at(95), values.back()};
}

std::vector<RunGroup> summarise(const std::vector<RunRow>& rows, GroupBy by) {
  std::map<std::string, Collector> collectors;
  for (const RunRow& row : rows)
    if (const std::string key = key_of(row, by); !key.empty()) collectors[key].add(row);
  std::vector<RunGroup> groups;
  for (auto& [key, collector] : collectors) groups.push_back(collector.finish(key));
  std::ranges::sort(groups, [](const RunGroup& a, const RunGroup& b) {
    return a.jobs != b.jobs ? a.jobs > b.jobs : a.key < b.key;
  });
  return groups;
}

RunGroup total_of(const std::vector<RunRow>& rows) {
  Collector collector;
  for (const RunRow& row : rows) collector.add(row);
  return collector.finish("");
}

std::int64_t nice_memory(std::int64_t bytes) {
  if (bytes <= 256 * mebibyte) return round_up(bytes, 32 * mebibyte);
  if (bytes <= gibibyte) return round_up(bytes, 64 * mebibyte);
  if (bytes <= 8 * gibibyte) return round_up(bytes, 512 * mebibyte);
  return round_up(bytes, gibibyte);
}

Duration nice_time(Duration time) {
  using std::chrono::hours;
  using std::chrono::minutes;
  using std::chrono::seconds;
  const auto up = [&](Duration step) { return Duration(round_up(time.count(), step.count())); };
  if (time <= minutes(1)) return std::max<Duration>(up(seconds(10)), seconds(10));
  if (time <= hours(1)) return up(minutes(1));
  return time <= hours(24) ? up(minutes(15)) : up(hours(1));
}

std::string memory_option(std::int64_t bytes) {
  if (bytes % gibibyte == 0) return fmt::format("{}G", bytes / gibibyte);
  return fmt::format("{}M", round_up(bytes, mebibyte) / mebibyte);
}

std::string time_option(Duration time) {
  const std::int64_t all = round_up(time.count(), 1000) / 1000;
  std::string out;
  if (all >= 3600) out += fmt::format("{}h", all / 3600);
  if (all / 60 % 60 != 0) out += fmt::format("{}m", all / 60 % 60);
  if (all % 60 != 0 || out.empty()) out += fmt::format("{}s", all % 60);
  return out;
}

}  // namespace reeve
