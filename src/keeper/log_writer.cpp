#include "keeper/log_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/limits.h"

namespace reeve {
namespace {

constexpr std::int64_t block = 4096;
// The hole grows in steps of this size, so that a long log costs few system calls.
constexpr std::int64_t punch_step_max = 1 << 20;

std::int64_t utc_ms() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
}

}  // namespace

LogWriter::Drained LogWriter::drain(int pipe) {
  // Static: it stays out of memory until a job writes, and off the stack.
  static char buffer[limits::output_buffer_bytes];
  const ssize_t got = read(pipe, buffer, sizeof buffer);
  if (got < 0) return errno == EINTR ? Drained::some : Drained::nothing;
  if (got == 0) return Drained::end;
  append(buffer, static_cast<std::size_t>(got));
  return static_cast<std::size_t>(got) < limits::output_small_read_bytes ? Drained::little
                                                                         : Drained::some;
}

bool LogWriter::open_log() {
  if (log_) return true;
  log_.reset(openat(directory_, name_, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600));
  if (!log_) loss_errno_ = errno;
  return static_cast<bool>(log_);
}

void LogWriter::append(const char* data, std::size_t size) {
  if (!open_log()) {
    lost_ += static_cast<std::int64_t>(size);
    return;
  }
  if (!can_punch_ && length_ >= bytes_max_) {
    lost_ += static_cast<std::int64_t>(size);
    return;
  }
  note_loss();
  index_chunk();
  while (size > 0) {
    const ssize_t wrote = write(log_.get(), data, size);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) {
      loss_errno_ = errno;
      lost_ += static_cast<std::int64_t>(size);
      return;
    }
    length_ += wrote;
    data += wrote;
    size -= static_cast<std::size_t>(wrote);
  }
  if (length_ > bytes_max_) punch();
}

// Says in the log itself that bytes are missing at this place.
void LogWriter::note_loss() {
  if (lost_ == lost_told_) return;
  char text[160];
  const int length =
      snprintf(text, sizeof text, "\n[reeve: %lld bytes of output were lost here: %s]\n",
               static_cast<long long>(lost_ - lost_told_), strerror(loss_errno_));
  if (write(log_.get(), text, static_cast<std::size_t>(length)) != length) return;
  length_ += length;
  lost_told_ = lost_;
  write_index_header();
}

void LogWriter::punch() {
  const std::int64_t head = (bytes_max_ / 2 + block - 1) / block * block;
  const std::int64_t tail_begin = (length_ - bytes_max_ / 2) / block * block;
  const std::int64_t from = gap_end_ > 0 ? gap_end_ : head;
  const std::int64_t step = bytes_max_ / 16 < punch_step_max ? bytes_max_ / 16 : punch_step_max;
  if (tail_begin - from < step) return;
  if (fallocate(log_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, from, tail_begin - from) !=
      0) {
    // A file system without holes: the rest is counted and dropped.
    can_punch_ = false;
    loss_errno_ = EFBIG;
    return;
  }
  gap_begin_ = head;
  gap_end_ = tail_begin;
  write_index_header();
}

void LogWriter::index_chunk() {
  const std::int64_t now = utc_ms();
  if (index_ && now - indexed_at_ms_ < limits::index_interval_ms && now >= indexed_at_ms_) return;
  if (!index_) {
    char name[300];
    snprintf(name, sizeof name, "%s.idx", name_);
    index_.reset(openat(directory_, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!index_) return;  // the log is what counts
    write_index_header();
    index_offset_ = sizeof(LogIndexHeader);
  }
  const LogIndexEntry entry{length_, now};
  if (pwrite(index_.get(), &entry, sizeof entry, index_offset_) != sizeof entry) return;
  index_offset_ += static_cast<std::int64_t>(sizeof entry);
  indexed_at_ms_ = now;
}

void LogWriter::write_index_header() {
  if (!index_) return;
  LogIndexHeader header{{}, gap_begin_, gap_end_, lost_};
  memcpy(header.magic, log_index_magic, sizeof header.magic);
  (void)!pwrite(index_.get(), &header, sizeof header, 0);
}

}  // namespace reeve
