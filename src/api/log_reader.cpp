#include "api/log_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/log_index.h"

namespace reeve {
namespace {

constexpr std::size_t chunk = 256 << 10;

// All zero when there is no index or no gap.
LogIndexHeader read_header(const std::string& log) {
  LogIndexHeader header{};
  const Fd file(::open((log + ".idx").c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file || ::pread(file.get(), &header, sizeof header, 0) != sizeof header ||
      std::memcmp(header.magic, log_index_magic, sizeof header.magic) != 0)
    return {};
  return header;
}

}  // namespace

Result<LogReader> LogReader::open(const std::string& path) {
  Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file) return failed(OsError{errno, "open the log"});
  return LogReader(std::move(file), path);
}

std::string LogReader::read() {
  std::string data(chunk, '\0');
  const ssize_t got = ::pread(file_.get(), data.data(), data.size(), offset_);
  data.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  if (data.empty()) return data;
  // Asked after the bytes were read: what was dropped by then may have been read as zeros.
  const LogIndexHeader header = read_header(path_);
  const std::int64_t end = offset_ + std::ssize(data);
  if (header.gap_end <= offset_ || header.gap_begin >= end) {
    offset_ = end;
    return data;
  }
  if (offset_ < header.gap_begin) {
    data.resize(static_cast<std::size_t>(header.gap_begin - offset_));
    offset_ = header.gap_begin;
    return data;
  }
  const std::int64_t dropped = header.gap_end - offset_;
  offset_ = header.gap_end;
  dropped_ += dropped;
  return fmt::format("\n[reeve: {} bytes were dropped here by the log's cap]\n", dropped);
}

void LogReader::seek_to_last_lines(std::int64_t lines) {
  struct stat info{};
  if (::fstat(file_.get(), &info) != 0) return;
  std::int64_t at = info.st_size;
  std::string block(chunk, '\0');
  bool is_first = true;
  while (at > 0) {
    const std::int64_t from = std::max<std::int64_t>(0, at - std::ssize(block));
    const ssize_t got =
        ::pread(file_.get(), block.data(), static_cast<std::size_t>(at - from), from);
    if (got <= 0) break;
    for (std::int64_t i = got - 1; i >= 0; --i) {
      // The newline that ends the last line does not begin another one.
      const bool is_last_byte = std::exchange(is_first, false);
      if (block[static_cast<std::size_t>(i)] != '\n' || is_last_byte) continue;
      if (--lines == 0) {
        offset_ = from + i + 1;
        return;
      }
    }
    at = from;
  }
  offset_ = 0;
}

}  // namespace reeve
