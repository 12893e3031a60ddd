#pragma once
// Cuts the bytes of a log into blocks of whole lines that patterns can be tried on.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace reeve {

// Whole lines of a log, as a reader of a terminal would see them: each ends with a line feed (the
// last one may lack it), escape sequences are gone, and a carriage return begins a new line.
struct LineBlock {
  struct Cut {
    std::size_t shown = 0;  // from here on in `text`,
    std::size_t raw = 0;    // what is shown stands this far in `raw`
  };

  std::string_view text;  // valid until the splitter is used again
  std::string_view raw;   // the bytes it was made from, likewise
  std::vector<Cut> cuts;  // empty where both are the same, byte for byte
  std::int64_t offset = 0;

  struct Place {
    std::int64_t offset = 0;
    std::int64_t line = 0;
  };
  // Of the line that begins at this position of `text`. To be asked in ascending order.
  [[nodiscard]] Place locate(std::size_t line_begin);

  std::int64_t line = 1;    // of the byte
  std::size_t counted = 0;  // at this position of `raw`
};

// Holds at most two lines of limits::log_line_bytes_max. What a line has beyond that is left out.
class LineSplitter {
 public:
  // Takes what it can from the front of `bytes`; nothing once all are taken and no line is whole.
  // The blocks are cut where the pieces happen to end, but the lines in them never depend on it.
  [[nodiscard]] std::optional<LineBlock> next(std::string_view& bytes);
  // The line whose end has not come.
  [[nodiscard]] std::optional<LineBlock> last();
  // The log does not hold the next `count` bytes: a line begins after them.
  void skip(std::int64_t count);

 private:
  enum class Ending : bool { is_whole, is_cut };

  bool skip_rest(std::string_view& bytes);
  [[nodiscard]] std::optional<LineBlock> complete(std::string_view& bytes);
  [[nodiscard]] LineBlock make_block(std::string_view raw, Ending ending);
  void clean(LineBlock& block);

  std::string pending_;  // the beginning of a line
  std::string raw_;      // what a block was made from, when it is not the caller's
  std::string clean_;
  std::int64_t offset_ = 0;  // of the first byte that is in no block yet
  std::int64_t line_ = 1;
  bool is_skipping_ = false;  // until the end of a line that was too long
};

}  // namespace reeve
