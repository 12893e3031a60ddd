#include "daemon/clock.h"

#include <fmt/format.h>

#include "base/text.h"

namespace reeve {

Result<QueueClock> QueueClock::from_stamp(const std::string& stamp) {
  QueueClock clock;
  clock.boot_id_ = boot_id();
  if (stamp.empty()) {
    clock.offset_ = Duration(-boottime_ms());
    return clock;
  }
  // "<queue ms> <offset ms> <boot id>"
  const auto first = stamp.find(' ');
  const auto second = stamp.find(' ', first + 1);
  if (second == std::string::npos)
    return failed(ErrorCode::corrupt, "the clock's stamp is not readable: " + stamp);
  const auto at = parse_integer(stamp.substr(0, first));
  const auto offset = parse_integer(stamp.substr(first + 1, second - first - 1));
  if (!at || !offset)
    return failed(ErrorCode::corrupt, "the clock's stamp is not readable: " + stamp);
  clock.rebooted_ = stamp.substr(second + 1) != clock.boot_id_;
  clock.offset_ = clock.rebooted_ ? Duration(*at - boottime_ms()) : Duration(*offset);
  return clock;
}

Now QueueClock::now() const {
  return {Time{boottime_ms()} + offset_, utc_now()};
}

std::string QueueClock::stamp(Time at) const {
  return fmt::format("{} {} {}", at.ms, offset_.count(), boot_id_);
}

}  // namespace reeve
