#pragma once
// What keepers write down: one line for each record in a journal that all keepers of a daemon
// share, appended by one write(2), so that lines never mix. Format: docs/formats.md.
//
//   kind job attempt start n1 n2 … checksum\n        all numbers, the checksum in hexadecimal

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/ids.h"

namespace reeve {

enum class RecordKind : char {
  started = 'S',  // keeper pid, main pid, boottime ms, utc ms
  exited = 'X',   // wait status, launch step, launch errno, stopped, boottime ms, utc ms
  ended = 'E',    // see the fields below
  stuck = 'K',    // number of processes that do not end
  paused = 'P',   // 1: all processes are frozen; 0: they go on
};

// Positions in Record::numbers.
namespace started_field {
inline constexpr std::size_t keeper_pid = 0, main_pid = 1, boottime_ms = 2, utc_ms = 3, count = 4;
}
namespace exited_field {
inline constexpr std::size_t wait_status = 0, launch_step = 1, launch_errno = 2, stopped = 3,
                             boottime_ms = 4, utc_ms = 5, count = 6;
}
namespace ended_field {
inline constexpr std::size_t leftovers = 0, cgroup_spent = 1, log_bytes = 2, log_lost = 3,
                             gap_begin = 4, gap_end = 5, user_us = 6, system_us = 7,
                             max_rss_bytes = 8, max_rss_sampled = 9, read_bytes = 10,
                             write_bytes = 11, is_idle = 12, oom_kills = 13, memory_hit = 14,
                             memory_peak = 15, machine_oom_kills = 16, disturbed_from = 17,
                             has_results = 18, count = 19;
}

struct Record {
  RecordKind kind = RecordKind::started;
  AttemptKey key;
  std::array<std::int64_t, 19> numbers{};
};

// How many of the numbers a record of this kind has; 0 for what is no kind.
[[nodiscard]] constexpr std::size_t field_count(RecordKind kind) {
  switch (kind) {
    case RecordKind::started:
      return started_field::count;
    case RecordKind::exited:
      return exited_field::count;
    case RecordKind::ended:
      return ended_field::count;
    case RecordKind::stuck:
    case RecordKind::paused:
      return 1;
  }
  return 0;
}

inline constexpr std::size_t record_bytes_max = 500;

// Writes the line into `buffer` (at least record_bytes_max) and returns its length.
std::size_t format_record(const Record& record, char* buffer);
// `line` without its newline; nothing when it is torn or damaged.
[[nodiscard]] std::optional<Record> parse_record(std::string_view line);

}  // namespace reeve
