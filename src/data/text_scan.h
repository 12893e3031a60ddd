#pragma once
// The shape of a text file of records, CSV or JSON lines, seen in one pass over all of it: what a
// lenient reader would pass over in silence. Compressed with gzip or not.

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace reeve {

enum class RecordShape : std::uint8_t {
  lines,   // each line is a record
  quoted,  // fields of a record may be quoted, and then hold line ends
};

struct TextScan {
  std::string fault;                // what is wrong with it, ends a sentence; empty: nothing
  std::vector<std::string> header;  // fields of the first record, of shape `quoted`
  std::int64_t records = 0;         // without empty lines, the header included
  bool is_compressed = false;
  bool has_mixed_ends = false;  // lines end with \n and with \r\n, or with \r
};

struct ScanOptions {
  RecordShape shape = RecordShape::quoted;
  char delimiter = ',';
};

// Stops at the first fault. Fails when the file can't be read.
[[nodiscard]] Result<TextScan> scan_text(int file, const ScanOptions& options);

}  // namespace reeve
