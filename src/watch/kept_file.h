#pragma once
// Small files of the kernel that are read again and again: kept open, since opening one costs more
// than reading it.

#include <array>
#include <string>
#include <string_view>

#include "base/fd.h"

namespace reeve::watch {

// What kept files share: how many of them may stay open (beyond it, one is opened for each look),
// and the buffer that they are read into.
class KeptFiles {
 public:
  explicit KeptFiles(int open_max) : left_(open_max) {}
  KeptFiles(const KeptFiles&) = delete;
  KeptFiles& operator=(const KeptFiles&) = delete;
  [[nodiscard]] int left() const { return left_; }

 private:
  friend class KeptFile;
  int left_;
  // The largest that is read is the list of a cgroup's processes: some 9,000 of them.
  std::array<char, 64 << 10> buffer_{};
};

// One such file. What it is of (a process, a cgroup) stays the same while it is open: a pid that
// was given to another process reads as gone.
class KeptFile {
 public:
  // `directory` is what a relative `name` is below, or AT_FDCWD. It and `files` must live longer.
  KeptFile(int directory, std::string name, KeptFiles& files);
  KeptFile(KeptFile&& other) noexcept = default;
  KeptFile& operator=(KeptFile&& other) noexcept;
  KeptFile(const KeptFile&) = delete;
  KeptFile& operator=(const KeptFile&) = delete;
  ~KeptFile() { close(); }

  // Its content from the beginning, zero-terminated; empty when it is not there, is empty or can't
  // be read. Good until the next read of any that share the buffer.
  [[nodiscard]] std::string_view read();

 private:
  void close();

  int directory_;
  std::string name_;
  KeptFiles* files_;
  Fd fd_;
};

}  // namespace reeve::watch
