#include "watch/line_splitter.h"

#include <algorithm>
#include <cstring>

#include "core/limits.h"

namespace reeve {
namespace {

constexpr std::size_t none = std::string_view::npos;
constexpr char escape = '\x1b';

std::size_t find_byte(std::string_view text, char byte) {
  const void* found = std::memchr(text.data(), byte, text.size());
  return found == nullptr ? none
                          : static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

std::size_t find_last_byte(std::string_view text, char byte) {
  const void* found = ::memrchr(text.data(), byte, text.size());
  return found == nullptr ? none
                          : static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

std::size_t find_line_end(std::string_view text) {
  const std::size_t feed = find_byte(text, '\n');
  const std::size_t carriage_return = find_byte(text.substr(0, feed), '\r');
  return std::min(feed, carriage_return);
}

std::size_t find_last_line_end(std::string_view text) {
  const std::size_t feed = find_last_byte(text, '\n');
  const std::size_t after = feed == none ? 0 : feed + 1;
  const std::size_t carriage_return = find_last_byte(text.substr(after), '\r');
  return carriage_return == none ? feed : after + carriage_return;
}

std::int64_t count_lines(std::string_view text) {
  return std::count(text.begin(), text.end(), '\n');
}

bool is_final(char c) {
  return c >= '@' && c <= '~';
}

// What an escape sequence at the front of `text` takes (ECMA-48, section 5.4); it never reaches
// over the end of its line.
std::size_t sequence_length(std::string_view text) {
  text = text.substr(0, find_line_end(text));
  if (text.size() < 2) return text.size();
  if (text[1] == '[') {
    std::size_t at = 2;
    while (at < text.size() && text[at] >= ' ' && text[at] <= '?') ++at;
    return std::min(at + 1, text.size());
  }
  if (text[1] == ']') {  // a title or a link: until BEL, or ESC and a backslash
    const std::size_t bell = text.find('\a');
    const std::size_t terminator = text.find("\x1b\\", 2);
    if (bell == none && terminator == none) return text.size();
    return bell < terminator ? bell + 1 : terminator + 2;
  }
  if (text[1] >= ' ' && text[1] <= '/') return std::min<std::size_t>(3, text.size());
  return is_final(text[1]) ? 2 : 1;
}

// Sequences that put the cursor elsewhere: what follows is not part of the words before.
bool moves_cursor(std::string_view sequence) {
  constexpr std::string_view movements = "ABEFGHf";
  return sequence.size() >= 3 && sequence[1] == '[' && movements.contains(sequence.back());
}

}  // namespace

LineBlock::Place LineBlock::locate(std::size_t line_begin) {
  std::size_t begin = line_begin;
  if (line_begin > 0 && !cuts.empty()) {
    // The byte before is a line's end, which stands in both; what precedes this line's first shown
    // byte in the log, such as a colour, belongs to the line.
    const std::size_t end = line_begin - 1;
    const auto after = std::ranges::upper_bound(cuts, end, {}, &Cut::shown);
    if (after != cuts.begin())
      begin = std::prev(after)->raw + (line_begin - std::prev(after)->shown);
  }
  line += count_lines(raw.substr(counted, begin - counted));
  counted = begin;
  return {.offset = offset + static_cast<std::int64_t>(begin), .line = line};
}

std::optional<LineBlock> LineSplitter::next(std::string_view& bytes) {
  while (!bytes.empty()) {
    if (is_skipping_) {
      if (!skip_rest(bytes)) return std::nullopt;
      continue;
    }
    if (!pending_.empty()) return complete(bytes);
    const std::string_view window = bytes.substr(0, limits::log_line_bytes_max);
    const std::size_t end = find_last_line_end(window);
    if (end != none) {
      bytes.remove_prefix(end + 1);
      return make_block(window.substr(0, end + 1), Ending::is_whole);
    }
    bytes.remove_prefix(window.size());
    if (window.size() == limits::log_line_bytes_max) return make_block(window, Ending::is_cut);
    pending_ = window;
  }
  return std::nullopt;
}

bool LineSplitter::skip_rest(std::string_view& bytes) {
  const std::size_t end = find_line_end(bytes);
  is_skipping_ = end == none;
  const std::size_t taken = is_skipping_ ? bytes.size() : end + 1;
  if (!is_skipping_ && bytes[end] == '\n') ++line_;
  offset_ += static_cast<std::int64_t>(taken);
  bytes.remove_prefix(taken);
  return !is_skipping_;
}

std::optional<LineBlock> LineSplitter::complete(std::string_view& bytes) {
  const std::string_view window = bytes.substr(0, limits::log_line_bytes_max - pending_.size());
  const std::size_t end = find_line_end(window);
  const std::size_t taken = end == none ? window.size() : end + 1;
  pending_.append(window.substr(0, taken));
  bytes.remove_prefix(taken);
  if (end == none && pending_.size() < limits::log_line_bytes_max) return std::nullopt;
  raw_.swap(pending_);
  pending_.clear();
  return make_block(raw_, end == none ? Ending::is_cut : Ending::is_whole);
}

std::optional<LineBlock> LineSplitter::last() {
  if (pending_.empty()) return std::nullopt;
  raw_.swap(pending_);
  pending_.clear();
  return make_block(raw_, Ending::is_whole);
}

void LineSplitter::skip(std::int64_t count) {
  offset_ += static_cast<std::int64_t>(pending_.size()) + count;
  pending_.clear();
  is_skipping_ = false;
}

LineBlock LineSplitter::make_block(std::string_view raw, Ending ending) {
  LineBlock block{.text = raw, .raw = raw, .cuts = {}, .offset = offset_, .line = line_};
  offset_ += static_cast<std::int64_t>(raw.size());
  line_ += count_lines(raw);
  is_skipping_ = ending == Ending::is_cut;
  if (find_byte(raw, escape) != none || find_byte(raw, '\r') != none) clean(block);
  return block;
}

void LineSplitter::clean(LineBlock& block) {
  clean_.clear();
  std::string_view rest = block.raw;
  while (!rest.empty()) {
    const std::size_t plain = std::min(find_byte(rest, escape), rest.size());
    clean_.append(rest.substr(0, plain));
    rest.remove_prefix(plain);
    if (rest.empty()) break;
    const std::string_view sequence = rest.substr(0, sequence_length(rest));
    if (moves_cursor(sequence)) clean_ += '\n';
    rest.remove_prefix(sequence.size());
    block.cuts.push_back({.shown = clean_.size(), .raw = block.raw.size() - rest.size()});
  }
  std::ranges::replace(clean_, '\r', '\n');
  block.text = clean_;
}

}  // namespace reeve
