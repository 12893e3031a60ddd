#pragma once
// The log of one attempt, read while it grows.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "core/finding.h"
#include "watch/log_scanner.h"

namespace reeve {

class WatchedLog {
 public:
  // `known_to`: findings up to this offset were told before, and are not told again.
  // The rules are `policy`'s, compiled with the first byte: most jobs of a second write none.
  WatchedLog(std::string path, LogPolicy policy, std::int64_t known_to);

  // Reads up to `bytes_max` more and adds what they tell. True when that much was there, so that
  // another call finds more. A log that is not there yet is empty; what its cap dropped is skipped.
  bool advance(std::size_t bytes_max, std::vector<Finding>& found);
  // Nothing has come for a while: tells what is open as far as it is known.
  void settle(std::vector<Finding>& found);
  [[nodiscard]] bool is_open() const { return scanner_ && scanner_->is_open(); }
  // Nobody writes any more, and everything was read.
  void finish(std::vector<Finding>& found);

  // How far it was read.
  [[nodiscard]] std::int64_t offset() const { return offset_; }
  // The last bytes that were read, a few kilobytes: where progress is looked for.
  [[nodiscard]] std::string_view tail() const { return tail_; }

 private:
  void skip_hole(const Fd& file);
  void keep_new(std::vector<Finding>& found, std::size_t from) const;

  std::string path_;
  LogPolicy policy_;
  std::optional<LogScanner> scanner_;
  std::int64_t known_to_;
  std::int64_t offset_ = 0;
  std::string tail_;
};

}  // namespace reeve
