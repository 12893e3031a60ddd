#include "core/output_segments.h"

#include <algorithm>
#include <utility>

namespace reeve {
namespace {

constexpr char escape = '\x1b';

struct Escape {
  std::size_t length = 0;  // reaches the end of the bytes when it is cut there
  char kind = 0;           // the last byte of a control sequence; 0: another escape
  int count = 1;           // its first parameter
};

// ECMA-48: control sequences (ESC [ … letter), commands to the terminal (ESC ] … BEL or ESC \),
// and escapes of two bytes.
Escape read_escape(std::string_view text) {
  if (text.size() < 2) return {text.size()};
  if (text[1] == '[') {
    const auto end = text.find_first_not_of("0123456789;:<=>?", 2);
    if (end == std::string_view::npos) return {text.size()};
    int count = 0;
    for (std::size_t i = 2; i < end && text[i] >= '0' && text[i] <= '9' && count < 1000; ++i)
      count = count * 10 + (text[i] - '0');
    return {end + 1, text[end], std::max(count, 1)};
  }
  if (text[1] == ']') {
    const auto end = text.find_first_of("\a\x1b", 2);
    if (end == std::string_view::npos) return {text.size()};
    return {std::min(text.size(), end + (text[end] == escape ? 2 : 1))};
  }
  return {2};
}

class Splitter {
 public:
  explicit Splitter(std::string_view bytes) : bytes_(bytes) {}

  std::vector<OutputSegment> split() {
    while (at_ < bytes_.size()) step();
    end_segment(false);
    return std::move(segments_);
  }

 private:
  void step() {
    const char c = bytes_[at_];
    if (c == escape) {
      const Escape found = read_escape(bytes_.substr(at_));
      if (found.kind != 0 && found.kind != 'm') {
        end_segment(true);
        if (found.kind == 'A' && !segments_.empty()) segments_.back().lines_up += found.count;
      }
      at_ += found.length;
      return;
    }
    if (c == '\n' || c == '\r' || c == '\b') {
      end_segment(true);
      ++at_;
      return;
    }
    if (current_.text.empty() && c == ' ') {  // what was written over with blanks
      ++at_;
      return;
    }
    if (current_.text.empty()) {
      current_.begin = static_cast<std::int64_t>(at_);
      const auto before = bytes_.substr(0, at_);
      current_.is_below = before.substr(0, before.find_last_not_of(' ') + 1).ends_with("\n\r");
    }
    if (current_.text.size() < segment_bytes_max) current_.text += c == '\t' ? ' ' : c;
    ++at_;
  }

  void end_segment(bool is_ended) {
    OutputSegment segment = std::exchange(current_, {});
    while (segment.text.ends_with(' ')) segment.text.pop_back();
    if (segment.text.empty()) return;
    segment.end = static_cast<std::int64_t>(at_);
    segment.is_ended = is_ended;
    segments_.push_back(std::move(segment));
  }

  std::string_view bytes_;
  std::size_t at_ = 0;
  OutputSegment current_;
  std::vector<OutputSegment> segments_;
};

}  // namespace

std::vector<OutputSegment> split_output(std::string_view bytes) {
  return Splitter(bytes).split();
}

}  // namespace reeve
