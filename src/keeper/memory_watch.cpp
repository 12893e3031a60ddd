#include "keeper/memory_watch.h"

#include <algorithm>

#include "base/limits.h"
#include "contain/memory.h"

namespace reeve {

MemoryWatch::MemoryWatch(std::int64_t limit, std::int64_t now_ms)
    : limit_(limit),
      due_ms_(now_ms + limits::memory_look_first_ms),
      period_ms_(limits::memory_look_first_ms) {}

bool MemoryWatch::look(const std::vector<pid_t>& pids, std::int64_t now_ms) {
  const std::int64_t sum = resident_bytes(pids);
  peak_ = std::max(peak_, sum);
  const std::int64_t change = sum > last_ ? sum - last_ : last_ - sum;
  const bool is_steady = change <= last_ / 16;
  last_ = sum;
  if (limit_ > 0)
    period_ms_ = limits::memory_look_limited_ms;
  else if (is_steady)
    period_ms_ = std::min<std::int64_t>(period_ms_ * 2, limits::memory_look_seldom_ms);
  else
    period_ms_ = std::min<std::int64_t>(period_ms_ * 2, limits::memory_look_often_ms);
  due_ms_ = now_ms + period_ms_;
  return limit_ > 0 && sum > limit_ && proportional_bytes(pids) > limit_;
}

}  // namespace reeve
