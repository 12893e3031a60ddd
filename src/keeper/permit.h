#pragma once
// The permit of a start: who may decide whether its command runs, a keeper or a recovering daemon.
//
// One table of 8-byte slots for all starts, slot = start number modulo the number of slots. A slot
// holds (start << 2 | verdict); a slot that names another start says nothing about this one. It is
// read and written only by whoever holds the fcntl lock on its bytes. A keeper takes that lock
// first, then the permit, and keeps the lock until it has written its END. So a daemon that gets
// the lock knows that no keeper of the start is at work, and what it then finds or writes is final;
// one that does not get it is told by the kernel who holds it.

#include <cstdint>

#include "base/os.h"

namespace reeve {

enum class Verdict : std::int64_t { open = 0, taken = 1, voided = 2 };

inline constexpr std::int64_t permit_slots = 1 << 16;
inline constexpr std::int64_t permit_table_bytes = permit_slots * 8;

class Permit {
 public:
  // `table` is not owned, and must never be opened a second time by this process: closing any
  // descriptor of the file drops all locks.
  Permit(int table, std::int64_t start) : table_(table), start_(start) {}

  // True when nobody else holds the slot; then we do.
  [[nodiscard]] bool lock();
  void unlock();
  // The process that holds the slot; 0 when nobody does.
  [[nodiscard]] int holder() const;

  // Whether the slot names this start. A keeper writes it right after it has locked the slot.
  [[nodiscard]] bool is_named() const;

  // Under the lock: what was decided, after deciding for `wish` if nothing was.
  [[nodiscard]] OsResult<Verdict> decide(Verdict wish);

 private:
  [[nodiscard]] std::int64_t offset() const { return start_ % permit_slots * 8; }

  int table_;
  std::int64_t start_;
};

}  // namespace reeve
