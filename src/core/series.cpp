#include "core/series.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <optional>
#include <utility>

#include "base/checksum.h"
#include "core/limits.h"

namespace reeve {
namespace {

constexpr std::string_view magic = "RVSE1\n";
constexpr std::size_t checksum_bytes = 8;
constexpr int merges_max = 40;  // 2 s doubled so often is beyond any job
// Values are kept as logarithms in 16 bits: a thousandth apart, up to 2^64.
constexpr double codes_each_doubling = 1023;

std::uint32_t to_code(float value) {
  const double logarithm = std::log2(1 + std::max(static_cast<double>(value), 0.0));
  return static_cast<std::uint32_t>(
      std::lround(std::clamp(logarithm * codes_each_doubling, 0.0, 65535.0)));
}

float from_code(std::uint32_t code) {
  return static_cast<float>(std::exp2(static_cast<double>(code) / codes_each_doubling) - 1);
}

void put_number(std::string& out, std::uint64_t value) {
  while (value >= 0x80) {
    out += static_cast<char>(value | 0x80);
    value >>= 7;
  }
  out += static_cast<char>(value);
}

void put_signed(std::string& out, std::int64_t value) {
  put_number(out,
             (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63));
}

void put_point(std::string& out, const SeriesPoint& point, Duration period,
               std::array<std::uint32_t, metrics_count>& before) {
  put_number(out, static_cast<std::uint64_t>((period - point.covered).count()));
  if (point.covered == Duration::zero()) return;
  for (std::size_t i = 0; i < metrics_count; ++i) {
    const std::uint32_t mean = to_code(point.mean[i]);
    put_signed(out, static_cast<std::int64_t>(mean) - before[i]);
    put_number(out, mean - std::min(mean, to_code(point.min[i])));
    put_number(out, std::max(mean, to_code(point.max[i])) - mean);
    before[i] = mean;
  }
}

// Reads what the functions above wrote; after a failure everything is nothing.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  std::optional<std::uint64_t> number() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 63 && !bytes_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(bytes_.front());
      bytes_.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
    bytes_ = {};
    return std::nullopt;
  }

  // A code that differs from `from` by what is read, upwards or downwards.
  enum class Way : std::uint8_t { up, down, either };
  std::optional<std::uint32_t> code(std::uint32_t from, Way way) {
    const auto value = number();
    if (!value || *value > 1U << 20) return std::nullopt;
    auto step = static_cast<std::int64_t>(*value);
    if (way == Way::either) step = (step >> 1) ^ -(step & 1);
    if (way == Way::down) step = -step;
    const std::int64_t code = static_cast<std::int64_t>(from) + step;
    if (code < 0 || code > 65535) return std::nullopt;
    return static_cast<std::uint32_t>(code);
  }

  [[nodiscard]] bool is_at_end() const { return bytes_.empty(); }

 private:
  std::string_view bytes_;
};

std::optional<SeriesPoint> read_point(Reader& reader, Duration period,
                                      std::array<std::uint32_t, metrics_count>& before) {
  SeriesPoint point;
  const auto missing = reader.number();
  if (!missing || std::cmp_greater(*missing, period.count())) return std::nullopt;
  point.covered = period - Duration(static_cast<std::int64_t>(*missing));
  if (point.covered == Duration::zero()) return point;
  for (std::size_t i = 0; i < metrics_count; ++i) {
    const auto mean = reader.code(before[i], Reader::Way::either);
    const auto min = mean ? reader.code(*mean, Reader::Way::down) : std::nullopt;
    const auto max = min ? reader.code(*mean, Reader::Way::up) : std::nullopt;
    if (!max) return std::nullopt;
    before[i] = *mean;
    point.mean[i] = from_code(*mean);
    point.min[i] = from_code(*min);
    point.max[i] = from_code(*max);
  }
  return point;
}

// Takes `other` into `point`, weighed with the time that each covers.
void merge_into(SeriesPoint& point, const SeriesPoint& other) {
  if (other.covered == Duration::zero()) return;
  if (point.covered == Duration::zero()) {
    point = other;
    return;
  }
  const auto ours = static_cast<float>(point.covered.count());
  const auto theirs = static_cast<float>(other.covered.count());
  for (std::size_t i = 0; i < metrics_count; ++i) {
    point.min[i] = std::min(point.min[i], other.min[i]);
    point.max[i] = std::max(point.max[i], other.max[i]);
    point.mean[i] = (point.mean[i] * ours + other.mean[i] * theirs) / (ours + theirs);
  }
  point.covered += other.covered;
}

std::unexpected<Error> is_corrupt() {
  return failed(ErrorCode::corrupt, "the series of what a job used is damaged");
}

}  // namespace

Series::Series() : period_(limits::series_period_first) {}

Series::Series(Duration period, std::vector<SeriesPoint> points)
    : period_(period), points_(std::move(points)) {
  until_ = period_ * static_cast<std::int64_t>(points_.size());
}

void Series::add(Duration from, Duration until, const Reading& reading) {
  from = std::max(from, until_);
  if (until <= from || until > limits::series_period_first * (std::int64_t{1} << merges_max))
    return;
  until_ = until;
  while (until > period_ * static_cast<std::int64_t>(limits::series_points_max)) merge_points();
  SeriesPoint part{reading, reading, reading, Duration::zero()};
  while (from < until) {
    const auto slot = static_cast<std::size_t>(from / period_);
    const Duration end = std::min(until, period_ * static_cast<std::int64_t>(slot + 1));
    if (points_.size() <= slot) points_.resize(slot + 1);
    part.covered = end - from;
    merge_into(points_[slot], part);
    from = end;
  }
}

void Series::merge_points() {
  period_ *= 2;
  for (std::size_t i = 0; i < points_.size(); ++i) {
    if (i % 2 == 0)
      points_[i / 2] = points_[i];
    else
      merge_into(points_[i / 2], points_[i]);
  }
  points_.resize((points_.size() + 1) / 2);
}

std::string Series::encode() const {
  std::string out(magic);
  put_number(out, static_cast<std::uint64_t>(std::countr_zero(
                      static_cast<std::uint64_t>(period_ / limits::series_period_first))));
  put_number(out, points_.size());
  std::array<std::uint32_t, metrics_count> before{};
  for (const SeriesPoint& point : points_) put_point(out, point, period_, before);
  const std::uint64_t sum = fnv1a(out);
  for (std::size_t i = 0; i < checksum_bytes; ++i) out += static_cast<char>(sum >> (8 * i));
  return out;
}

Result<Series> Series::decode(std::string_view bytes) {
  if (bytes.size() < magic.size() + checksum_bytes || !bytes.starts_with(magic))
    return is_corrupt();
  std::uint64_t sum = 0;
  const std::string_view told = bytes.substr(bytes.size() - checksum_bytes);
  for (std::size_t i = 0; i < checksum_bytes; ++i)
    sum |= static_cast<std::uint64_t>(static_cast<unsigned char>(told[i])) << (8 * i);
  bytes.remove_suffix(checksum_bytes);
  if (fnv1a(bytes) != sum) return is_corrupt();
  Reader reader(bytes.substr(magic.size()));
  const auto merges = reader.number();
  const auto count = reader.number();
  if (!merges || !count || *merges > merges_max || *count > limits::series_points_max)
    return is_corrupt();
  const Duration period = limits::series_period_first * (std::int64_t{1} << *merges);
  std::vector<SeriesPoint> points;
  std::array<std::uint32_t, metrics_count> before{};
  for (std::uint64_t i = 0; i < *count; ++i) {
    const auto point = read_point(reader, period, before);
    if (!point) return is_corrupt();
    points.push_back(*point);
  }
  if (!reader.is_at_end()) return is_corrupt();
  return Series(period, std::move(points));
}

}  // namespace reeve
