#pragma once
// The queue's clock (see base/time.h), carried over restarts and reboots.

#include <string>

#include "base/result.h"
#include "base/time.h"
#include "core/lifecycle.h"

namespace reeve {

class QueueClock {
 public:
  // Goes on from a stamp, or starts at 0 when it is empty. In the same boot the time between
  // counts; after a reboot the clock goes on where the last stamp was.
  static Result<QueueClock> from_stamp(const std::string& stamp);

  [[nodiscard]] Now now() const;
  // Where `at` stands, for the next daemon.
  [[nodiscard]] std::string stamp(Time at) const;
  // Time = milliseconds since boot + this.
  [[nodiscard]] Duration offset() const { return offset_; }
  // The stamp was of an earlier boot of this machine.
  [[nodiscard]] bool has_rebooted() const { return rebooted_; }

 private:
  std::string boot_id_;
  Duration offset_{0};
  bool rebooted_ = false;
};

}  // namespace reeve
