#pragma once
// The index beside a log, "<log>.idx": one header, then one entry for each chunk.

#include <cstdint>

namespace reeve {

// What lies in [gap_begin, gap_end) was dropped by the log's cap: the file has a hole there, and
// offsets beyond it are what they were. `lost` bytes could not be written (disk full).
struct LogIndexHeader {
  char magic[8];
  std::int64_t gap_begin;
  std::int64_t gap_end;
  std::int64_t lost;
};
inline constexpr char log_index_magic[8] = {'R', 'V', 'I', 'D', 'X', '1', '\n', '\0'};

struct LogIndexEntry {
  std::int64_t offset;  // of the chunk's first byte
  std::int64_t utc_ms;  // when the keeper read it
};

}  // namespace reeve
