#include "watch/json_line.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "watch/wording.h"

namespace reeve {
namespace {

constexpr std::size_t none = std::string_view::npos;

// Reads the members of the outermost object and jumps over what they hold.
class Members {
 public:
  explicit Members(std::string_view text) : text_(text) {}

  struct Member {
    std::string_view key;    // as written
    std::string_view value;  // as written, strings with their quotes
  };

  std::optional<Member> next() {
    at_ = text_.find_first_not_of(" \t,{", at_);
    if (at_ == none || text_[at_] != '"') return std::nullopt;
    const std::string_view key = take_string();
    at_ = text_.find_first_not_of(" \t:", at_);
    if (at_ == none) return std::nullopt;
    const std::size_t begin = at_;
    skip_value();
    return Member{key.substr(1, std::max<std::size_t>(key.size(), 2) - 2),
                  text_.substr(begin, at_ - begin)};
  }

 private:
  std::string_view take_string() {
    const std::size_t begin = at_++;
    while (at_ < text_.size() && text_[at_] != '"') at_ += text_[at_] == '\\' ? 2 : 1;
    at_ = std::min(at_ + 1, text_.size());
    return text_.substr(begin, at_ - begin);
  }

  void skip_value() {
    int depth = 0;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '"') {
        (void)take_string();
        if (depth == 0) return;
        continue;
      }
      if (depth == 0 && (c == ',' || c == '}' || c == ']')) return;
      if (c == '{' || c == '[') ++depth;
      if (c == '}' || c == ']') --depth;
      ++at_;
      if (depth == 0 && (c == '}' || c == ']')) return;
    }
  }

  std::string_view text_;
  std::size_t at_ = 1;
};

bool is_one_of(std::string_view key, std::initializer_list<std::string_view> keys) {
  return std::ranges::any_of(keys, [&](auto k) { return equals_ignoring_case(k, key); });
}

// Only what matters in a message: quotes and lines. Other escapes stay as they are.
std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    const char c = text[++i];
    if (c == 'n' || c == 'r')
      out += '\n';
    else if (c == 't')
      out += ' ';
    else if (c == '"' || c == '\\' || c == '/')
      out += c;
    else
      out.append({'\\', c});
  }
  return out;
}

std::string text_of(std::string_view value) {
  if (value.size() >= 2 && value.starts_with('"') && value.ends_with('"'))
    return unescaped(value.substr(1, value.size() - 2));
  return std::string(value);
}

std::optional<LogLevel> level_of(std::string_view value) {
  if (value.starts_with('"')) return level_from_word(text_of(value));
  int number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size()) return std::nullopt;
  // Smaller ones are syslog's, which count downwards, or something else: not told apart.
  if (number < 10 || number > 60) return std::nullopt;
  if (number >= 50 || number == 40) return number >= 50 ? LogLevel::error : LogLevel::warning;
  return LogLevel::low;
}

std::string_view last_line(std::string_view text) {
  text = trim(text);
  return text.substr(text.rfind('\n') + 1);
}

}  // namespace

std::optional<JsonLine> read_json_line(std::string_view line) {
  line = trim(line);
  if (!line.starts_with('{')) return std::nullopt;
  JsonLine found;
  std::string exception;
  std::string error;
  Members members(line);
  constexpr int members_max = 200;
  for (int i = 0; i < members_max; ++i) {
    const auto member = members.next();
    if (!member) break;
    const auto [key, value] = *member;
    if (is_one_of(key, {"level", "lvl", "severity", "levelname", "loglevel", "log.level", "@l",
                        "level_name", "severity_text"})) {
      if (const auto level = level_of(value)) found.level = level;
    } else if (is_one_of(key, {"msg", "message", "event", "@m", "@mt", "text"})) {
      if (found.message.empty() && value.starts_with('"')) found.message = text_of(value);
    } else if (is_one_of(key, {"exc_info", "exception", "stack_trace", "traceback", "exc_text"})) {
      if (value.starts_with('"')) exception = text_of(value);
    } else if (is_one_of(key, {"error", "err"})) {
      if (value.starts_with('"')) error = text_of(value);
    }
  }
  // A traceback ends with what happened; a Java trace begins with it.
  if (exception.contains("Traceback (most recent call last)"))
    found.message = last_line(exception);
  else if (found.message.empty())
    found.message = error.empty() ? exception : error;
  else if (!error.empty())
    found.message += ": " + error;
  std::ranges::replace(found.message, '\n', ' ');
  return found;
}

}  // namespace reeve
