#pragma once
// Whether a directory holds anything. Allocates nothing: the keeper asks, too.

#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace reeve {

enum class Holding : std::uint8_t { nothing, something, unknown };

// `directory`: a descriptor that was opened for reading, at its beginning. `unknown`: it could not
// be read.
[[nodiscard]] inline Holding look_into(int directory) {
  alignas(std::int64_t) char entries[512];
  while (true) {
    const long got = syscall(SYS_getdents64, directory, entries, sizeof entries);
    if (got < 0) return Holding::unknown;
    if (got == 0) return Holding::nothing;
    for (long at = 0; at < got;) {
      // struct linux_dirent64: inode, offset, record length, type, name.
      std::uint16_t length = 0;
      std::memcpy(&length, entries + at + 16, sizeof length);
      const char* const name = entries + at + 19;
      if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0) return Holding::something;
      at += length;
    }
  }
}

}  // namespace reeve
