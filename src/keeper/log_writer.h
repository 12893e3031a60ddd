#pragma once
// From the job's pipe into the attempt's log file, byte for byte.
//
// Beside the log stands an index, "<log>.idx", made with the first output: a header and one
// {offset, time} for each chunk (see base/log_index.h). The cap keeps the first half and the last
// half: what is between is punched out of the file, offsets stay, and the index tells the gap.
// What can't be written (disk full) is counted, and told in the log once writing works again; the
// job is never blocked by it.

#include <cstddef>
#include <cstdint>

#include "base/fd.h"
#include "base/log_index.h"

namespace reeve {

class LogWriter {
 public:
  // The log is made in `directory` with the first output: most file systems take longer to make a
  // file than a keeper takes for everything else. `name` must live as long as this.
  LogWriter(int directory, const char* name, std::int64_t bytes_max)
      : directory_(directory), name_(name), bytes_max_(bytes_max) {}

  enum class Drained { some, little, nothing, end };
  // Moves what the pipe holds, at most one buffer. `little`: it was less than a busy writer leaves.
  Drained drain(int pipe);

  [[nodiscard]] std::int64_t bytes() const { return length_; }
  [[nodiscard]] std::int64_t lost() const { return lost_; }
  [[nodiscard]] std::int64_t gap_begin() const { return gap_begin_; }
  [[nodiscard]] std::int64_t gap_end() const { return gap_end_; }

 private:
  bool open_log();
  void append(const char* data, std::size_t size);
  void note_loss();
  void punch();
  void index_chunk();
  void write_index_header();

  Fd log_;
  Fd index_;
  int directory_;
  const char* name_;
  std::int64_t bytes_max_;
  std::int64_t length_ = 0;
  std::int64_t lost_ = 0;
  std::int64_t lost_told_ = 0;
  int loss_errno_ = 0;
  std::int64_t gap_begin_ = 0;
  std::int64_t gap_end_ = 0;
  bool can_punch_ = true;
  std::int64_t index_offset_ = 0;
  std::int64_t indexed_at_ms_ = 0;
};

}  // namespace reeve
