#pragma once
// A file without a name that holds a text, for a program that reads it from its start.

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace reeve {

[[nodiscard]] inline Result<Fd> memory_file(std::string_view text) {
  Fd file(::memfd_create("text", MFD_CLOEXEC));
  if (!file) return failed(OsError{errno, "make a file in memory"});
  while (!text.empty()) {
    const ssize_t wrote = ::write(file.get(), text.data(), text.size());
    if (wrote <= 0) return failed(OsError{errno, "write a file in memory"});
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
  ::lseek(file.get(), 0, SEEK_SET);
  return file;
}

}  // namespace reeve
