#include "watch/traceback.h"

#include <fmt/format.h>

#include <algorithm>

#include "watch/wording.h"

namespace reeve {
namespace {

constexpr std::size_t none = std::string_view::npos;
constexpr std::string_view header = "Traceback (most recent call last)";
constexpr std::string_view group_header = "+ Exception Group ";
constexpr std::string_view frame = "  File \"";
// Other programs may write in between.
constexpr int foreign_lines_max = 24;
// Notes, further lines of the message, quotes around a remote traceback.
constexpr int lines_between_max = 12;

// `  File "x.py", line 3`, as a syntax error has it, without a function.
bool is_syntax_place(std::string_view line) {
  const std::size_t at = line.rfind("\", line ");
  if (!line.starts_with(frame) || at == none) return false;
  const std::string_view number = line.substr(at + 8);
  return !number.empty() && std::ranges::all_of(number, is_digit);
}

bool is_link(std::string_view line) {
  return line == "During handling of the above exception, another exception occurred:" ||
         line == "The above exception was the direct cause of the following exception:";
}

}  // namespace

std::optional<Traceback> Traceback::begin(std::string_view line) {
  Traceback traceback;
  traceback.lines_left_ = foreign_lines_max;
  const std::size_t at = line.find(header);
  if (at == none) {
    if (!is_syntax_place(line)) return std::nullopt;
    traceback.is_headless_ = true;
    traceback.read_place(line);
    return traceback;
  }
  std::string_view before = line.substr(0, at);
  if (before.ends_with(group_header)) {
    // Its lines are drawn further to the right.
    before.remove_suffix(group_header.size());
    while (before.ends_with(' ')) before.remove_suffix(1);
    traceback.is_group_ = true;
  }
  // Somebody writes about tracebacks.
  if (before.find_first_of("\"'`") != none) return std::nullopt;
  traceback.prefix_ = before;
  traceback.is_prefix_known_ = before.empty();
  return traceback;
}

// Each line has what stood before the header, or none has: a logger writes it once. A time is
// another one in each line, but as long. Nothing for a line of somebody else.
std::optional<std::string_view> Traceback::without_prefix(std::string_view line) {
  if (line.starts_with(prefix_)) {
    is_prefix_known_ = true;
    return line.substr(prefix_.size());
  }
  const std::string_view rest = line.substr(std::min(prefix_.size(), line.size()));
  const bool has_time = prefix_.find_first_of("0123456789") != none;
  const bool is_as_long = has_time && !rest.empty() && line[prefix_.size() - 1] == prefix_.back();
  if (is_as_long && (rest.starts_with("  ") || ends_traceback(rest))) {
    is_prefix_known_ = true;
    return rest;
  }
  if (!is_prefix_known_ && (line.starts_with(frame) || line.starts_with("  |"))) {
    prefix_.clear();
    is_prefix_known_ = true;
    return line;
  }
  // After a header that was indented, what is not indented may still belong to it.
  return line.empty() || trim(prefix_).empty() ? std::optional(line) : std::nullopt;
}

Traceback::Step Traceback::take(std::string_view line) {
  const auto body = without_prefix(line);
  if (!body) {
    if (--lines_left_ <= 0) return Step::over;
    return state_ == State::frames ? Step::taken : Step::foreign;
  }
  if (is_group_) return take_in_group(*body);
  return state_ == State::frames ? take_frame(*body) : take_after(*body);
}

Traceback::Step Traceback::take_frame(std::string_view line) {
  if (line.starts_with(frame)) read_place(line);
  if (line.empty() || line[0] == ' ' || line[0] == '\t') return Step::taken;
  if (ends_traceback(line)) {
    end_with(line);
    return Step::taken;
  }
  if (line.contains(header)) return Step::over;
  if (--lines_left_ > 0 && !is_headless_) return Step::taken;
  return Step::over;
}

Traceback::Step Traceback::take_after(std::string_view line) {
  if (is_link(line)) {
    state_ = State::chained;
    return Step::taken;
  }
  if (line.contains(header)) {
    if (state_ != State::chained) return Step::over;
    state_ = State::frames;
    lines_left_ = foreign_lines_max;
    is_group_ = line.contains(group_header);
    message_.clear();
    return Step::taken;
  }
  if (--lines_left_ <= 0) return Step::over;
  return line.empty() || line == "\"\"\"" ? Step::taken : Step::foreign;
}

// `  | ExceptionGroup: words (2 sub-exceptions)`, then `    | ValueError: 1` for each of them.
Traceback::Step Traceback::take_in_group(std::string_view line) {
  const std::string_view text = trim(line);
  const bool is_drawn = line.starts_with(' ') && (text.starts_with('|') || text.starts_with('+'));
  if (!is_drawn) {
    is_group_ = false;
    return message_.empty() ? take_frame(line) : take_after(line);
  }
  const std::size_t bar = line.find('|');
  if (bar == none || bar + 2 > line.size()) return Step::taken;
  const std::string_view inner = line.substr(bar + 2);
  if (inner.starts_with(frame) && message_.empty()) read_place(inner);
  if (!ends_traceback(inner)) return Step::taken;
  if (message_.empty()) {
    end_with(inner);
  } else if (!has_member_) {
    message_ += fmt::format(": {}", inner);
    has_member_ = true;
  }
  return Step::taken;
}

void Traceback::read_place(std::string_view line) {
  const std::size_t begin = frame.size();
  const std::size_t end = line.find("\", line ", begin);
  if (end == none) return;
  std::string_view rest = line.substr(end + 8);
  const std::size_t comma = std::min(rest.find(", in "), rest.size());
  place_ = fmt::format("{}:{}", line.substr(begin, end - begin), rest.substr(0, comma));
  if (comma < rest.size()) place_ += fmt::format(" in {}", rest.substr(comma + 5));
}

void Traceback::end_with(std::string_view line) {
  message_ = message_text(line);
  state_ = State::ended;
  lines_left_ = lines_between_max;
}

}  // namespace reeve
