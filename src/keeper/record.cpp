#include "keeper/record.h"

#include <charconv>

#include "base/checksum.h"

namespace reeve {
namespace {

bool take_number(std::string_view& line, std::int64_t& value) {
  if (line.empty() || line.front() != ' ') return false;
  const auto [end, error] = std::from_chars(line.data() + 1, line.data() + line.size(), value);
  if (error != std::errc{}) return false;
  line.remove_prefix(static_cast<std::size_t>(end - line.data()));
  return true;
}

}  // namespace

std::size_t format_record(const Record& record, char* buffer) {
  char* at = buffer;
  char* const limit = buffer + record_bytes_max;
  const auto put = [&](std::int64_t value) {
    *at++ = ' ';
    at = std::to_chars(at, limit, value).ptr;
  };
  *at++ = static_cast<char>(record.kind);
  put(record.key.job.value);
  put(record.key.attempt);
  put(record.key.start);
  for (std::size_t i = 0; i < field_count(record.kind); ++i) put(record.numbers[i]);
  const std::uint64_t sum = fnv1a({buffer, static_cast<std::size_t>(at - buffer)});
  *at++ = ' ';
  at = std::to_chars(at, limit, sum, 16).ptr;
  *at++ = '\n';
  return static_cast<std::size_t>(at - buffer);
}

std::optional<Record> parse_record(std::string_view line) {
  const auto space = line.rfind(' ');
  if (space == std::string_view::npos) return std::nullopt;
  std::uint64_t sum = 0;
  const char* const end = line.data() + line.size();
  const auto parsed = std::from_chars(line.data() + space + 1, end, sum, 16);
  if (parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
  // Written in small letters: a capital one is a flipped bit.
  if (line.find_first_of("ABCDEF", space) != std::string_view::npos) return std::nullopt;
  line = line.substr(0, space);
  if (line.empty() || fnv1a(line) != sum) return std::nullopt;
  Record record;
  record.kind = static_cast<RecordKind>(line.front());
  const std::size_t count = field_count(record.kind);
  line.remove_prefix(1);
  std::int64_t attempt = 0;
  std::int64_t start = 0;
  if (count == 0 || !take_number(line, record.key.job.value) || !take_number(line, attempt) ||
      !take_number(line, start))
    return std::nullopt;
  record.key.attempt = static_cast<std::int32_t>(attempt);
  record.key.start = start;
  for (std::size_t i = 0; i < count; ++i)
    if (!take_number(line, record.numbers[i])) return std::nullopt;
  if (!line.empty()) return std::nullopt;
  return record;
}

}  // namespace reeve
