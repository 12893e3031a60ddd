#pragma once
// Reading an attempt's log file, while it grows too, without the daemon.

#include <cstdint>
#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace reeve {

class LogReader {
 public:
  static Result<LogReader> open(const std::string& path);

  // The next bytes, at most 256 KiB; empty at the present end. Where the cap dropped bytes, a line
  // says how many, once.
  [[nodiscard]] std::string read();
  // How many bytes the cap had dropped from what was passed. Where a call of `read` raises it, what
  // that call gave is the line that says so.
  [[nodiscard]] std::int64_t dropped() const { return dropped_; }
  // Goes to the last `lines` lines of what is there.
  void seek_to_last_lines(std::int64_t lines);

 private:
  explicit LogReader(Fd file, std::string path) : file_(std::move(file)), path_(std::move(path)) {}

  Fd file_;
  std::string path_;
  std::int64_t offset_ = 0;
  std::int64_t dropped_ = 0;
};

}  // namespace reeve
