#pragma once
// What is seen of one running attempt: its log, its signs of life, its progress and its use.
//
// One thread calls all of it.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/ids.h"
#include "core/lifecycle.h"
#include "watch/watched_log.h"

namespace reeve {

class AttemptWatch {
 public:
  explicit AttemptWatch(const Job& job);

  [[nodiscard]] const AttemptKey& key() const { return key_; }

  // Reads a piece of what has been appended to the log. True when more is there.
  bool read_log(std::vector<Observed>& seen);
  // Nothing of it lives any more: `read_log` tells fact::Examined when it has come to the end.
  void end() { is_ended_ = true; }

 private:
  AttemptKey key_;
  WatchedLog log_;
  bool is_ended_ = false;
};

}  // namespace reeve
