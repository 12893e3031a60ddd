#include "keeper/permit.h"

#include <fcntl.h>
#include <unistd.h>

namespace reeve {
namespace {

struct flock slot_lock(short type, std::int64_t offset) {
  struct flock slot{};
  slot.l_type = type;
  slot.l_whence = SEEK_SET;
  slot.l_start = offset;
  slot.l_len = 8;
  return slot;
}

}  // namespace

bool Permit::lock() {
  struct flock slot = slot_lock(F_WRLCK, offset());
  return fcntl(table_, F_SETLK, &slot) == 0;
}

void Permit::unlock() {
  struct flock slot = slot_lock(F_UNLCK, offset());
  fcntl(table_, F_SETLK, &slot);
}

int Permit::holder() const {
  struct flock slot = slot_lock(F_WRLCK, offset());
  if (fcntl(table_, F_GETLK, &slot) != 0 || slot.l_type == F_UNLCK) return 0;
  return slot.l_pid;
}

bool Permit::is_named() const {
  std::int64_t slot = 0;
  return pread(table_, &slot, sizeof slot, offset()) == sizeof slot && slot >> 2 == start_;
}

OsResult<Verdict> Permit::decide(Verdict wish) {
  std::int64_t slot = 0;
  if (pread(table_, &slot, sizeof slot, offset()) != sizeof slot)
    return os_failed("read the permit");
  if (slot >> 2 == start_) return static_cast<Verdict>(slot & 3);
  slot = start_ << 2 | static_cast<std::int64_t>(wish);
  if (pwrite(table_, &slot, sizeof slot, offset()) != sizeof slot)
    return os_failed("take the permit");
  return wish;
}

}  // namespace reeve
