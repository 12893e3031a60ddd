#pragma once
// What a job used while it ran, for charts: a series of constant size, however long it runs.
//
// Points of two seconds at first. When there are limits::series_points_max of them, neighbours are
// merged and each then stands for twice the time. Minimum, mean and maximum are kept, so that a
// peak stays visible.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace reeve {

enum class Metric : std::uint8_t {
  cpu,        // percent of one core
  memory,     // bytes
  read,       // bytes a second, from disks
  written,    // bytes a second, to disks
  processes,  //
  threads,
};
inline constexpr std::size_t metrics_count = 6;

// One value of each metric, in the order of the enumeration; not negative.
using Reading = std::array<float, metrics_count>;

struct SeriesPoint {
  Reading min{};
  Reading mean{};
  Reading max{};
  Duration covered{0};  // of the point's time; zero: nobody looked (a pause, no daemon)
};

class Series {
 public:
  Series();
  // What was used on average within [from, until), counted from the job's start. Of what was
  // covered before nothing is changed; an empty span is ignored.
  void add(Duration from, Duration until, const Reading& reading);

  [[nodiscard]] Duration period() const { return period_; }  // of each point
  [[nodiscard]] const std::vector<SeriesPoint>& points() const { return points_; }

  // At most about 100 kB, usually a tenth. Values are kept to 0.1 %.
  [[nodiscard]] std::string encode() const;
  // Code `corrupt` for what encode has not written, whatever it is.
  [[nodiscard]] static Result<Series> decode(std::string_view bytes);

 private:
  Series(Duration period, std::vector<SeriesPoint> points);
  void merge_points();

  Duration period_;
  Duration until_{0};
  std::vector<SeriesPoint> points_;
};

}  // namespace reeve
