#pragma once
// A log as what was shown: lines, and the pieces of lines that programs write over each other.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace reeve {

// What stands between two line ends, carriage returns, backspaces or movements of the cursor.
// Colours and other escapes are left out.
struct OutputSegment {
  std::string text;        // at most `segment_bytes_max` of it
  std::int64_t begin = 0;  // offset of its first byte in what was split
  std::int64_t end = 0;    // of the byte after it
  int lines_up = 0;        // how far the cursor was moved up after it: a bar below another one
  bool is_below = false;   // written after a line end and a carriage return, as inner bars are
  bool is_ended = false;   // something follows: the program has written it to its end
};

inline constexpr std::size_t segment_bytes_max = 1024;

// Segments with nothing in them are left out.
[[nodiscard]] std::vector<OutputSegment> split_output(std::string_view bytes);

}  // namespace reeve
