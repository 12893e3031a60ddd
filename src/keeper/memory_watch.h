#pragma once
// Looks at the memory of a running attempt: for its peak, and for its limit where the kernel
// enforces none.
//
// Without a limit it looks seldom: 100 ms after the start, then in steps that double up to a
// minute while little changes, and each second while much does. A peak between two looks is missed.

#include <sys/types.h>

#include <cstdint>
#include <vector>

namespace reeve {

class MemoryWatch {
 public:
  // `limit` in bytes; 0: nothing is enforced here. Times are of one clock, in milliseconds.
  MemoryWatch(std::int64_t limit, std::int64_t now_ms);

  // When to look next.
  [[nodiscard]] std::int64_t due_ms() const { return due_ms_; }

  // Takes a look. True: they are over the limit, shared pages counted once.
  [[nodiscard]] bool look(const std::vector<pid_t>& pids, std::int64_t now_ms);

  // The largest sum of resident memory that was seen; 0 before the first look.
  [[nodiscard]] std::int64_t peak_bytes() const { return peak_; }

 private:
  std::int64_t limit_;
  std::int64_t due_ms_;
  std::int64_t period_ms_;
  std::int64_t last_ = 0;
  std::int64_t peak_ = 0;
};

}  // namespace reeve
