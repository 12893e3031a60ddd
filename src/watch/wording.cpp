#include "watch/wording.h"

#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <span>

#include "base/text.h"
#include "core/limits.h"

namespace reeve {
namespace {

constexpr std::size_t none = std::string_view::npos;

char lower(char c) {
  return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
}

re2::StringPiece piece(std::string_view text) {
  return {text.data(), text.size()};
}

// Patterns of ours, looked for anywhere in the text.
class Wording {
 public:
  explicit Wording(const char* pattern) : compiled_(pattern, options()) {}
  [[nodiscard]] bool is_in(std::string_view text) const {
    return RE2::PartialMatch(piece(text), compiled_);
  }
  [[nodiscard]] const RE2& compiled() const { return compiled_; }

 private:
  static RE2::Options options() {
    RE2::Options options(RE2::Latin1);
    options.set_max_mem(1 << 20);
    return options;
  }
  RE2 compiled_;
};

// A dotted name at the beginning, and where it ends.
std::string_view dotted_name(std::string_view line) {
  std::size_t end = 0;
  while (end < line.size() && (is_word(line[end]) || line[end] == '.' || line[end] == '$')) ++end;
  if (end == 0 || is_digit(line[0]) || line[0] == '.' || line[end - 1] == '.') return {};
  return line.substr(0, end);
}

bool names_exception(std::string_view name) {
  const std::string_view last = name.substr(name.rfind('.') + 1);
  if (last.empty() || !is_upper(last[0] == '_' && last.size() > 1 ? last[1] : last[0]))
    return false;
  return std::ranges::any_of(
      std::initializer_list<std::string_view>{"Error", "Exception", "Interrupt", "Failure", "Exit",
                                              "Fault", "Panic", "StopIteration"},
      [&](std::string_view end) { return last.ends_with(end); });
}

bool contains_one(std::string_view text, std::span<const std::string_view> words) {
  return std::ranges::any_of(words, [&](auto word) { return text.contains(word); });
}

std::string shown(std::string_view text, std::size_t bytes_max) {
  text = trim(text);
  const bool is_plain = std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
  if (is_plain && text.size() <= bytes_max) return std::string(text);
  // Escaped bytes grow, so that more than this is never needed.
  std::string out = printable(text.substr(0, bytes_max));
  std::ranges::replace(out, '\t', ' ');
  if (out.size() <= bytes_max && text.size() <= bytes_max) return out;
  constexpr std::string_view ellipsis = "\u2026";
  out.resize(std::min(out.size(), bytes_max - ellipsis.size()));
  while (!out.empty() && (static_cast<unsigned char>(out.back()) & 0xC0) == 0x80) out.pop_back();
  if (!out.empty() && static_cast<unsigned char>(out.back()) >= 0xC0) out.pop_back();
  return out.append(ellipsis);
}

}  // namespace

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, lower, lower);
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view spaces = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(spaces);
  if (begin == none) return {};
  return text.substr(begin, text.find_last_not_of(spaces) - begin + 1);
}

bool is_plain_value(std::string_view message) {
  static const Wording value(
      R"re((?i)^[=:]?\s*(?:[-+]?\d+%?|0\s*[,;|/].*|)re"
      R"re([-+]?\d*\.\d+(?:e[-+]?\d+)?%?(?:[\s,;(|/].*)?|)re"
      R"re([-+]?\d+(?:\.\d+)?e[-+]?\d+|[-+]?(?:nan|inf)|(?:\d+(?:\.\d*)?[\s|)re"
      R"re(,]+)+(?:\d[\d.]*%?)?[\s|]*|)re"
      R"re((?:none|null|nil|false|true|off|on|yes|no|ok|ignore|warn|raise|strict|skip|coerce|)re"
      R"re(log|)re"
      R"re(continue|replace|n/a|-|""|''|\[\]|\{\})[,;.]?|)re"
      R"re((?:0|no|none|zero|without)\s+(?:\w+\s+)?(?:errors?|failures?|failed|problems?|)re"
      R"re(issues?)\b.*)$)re");
  return value.is_in(trim(message));
}

bool announces_retry(std::string_view line) {
  static const Wording retry(
      R"re((?i)\bre-?try(?:ing)? (?:in|after|again|now|with|attempt)|\bretrying\b|)re"
      R"re(\b(?:will|to) (?:be )?re-?tr(?:y|ied)|\b[1-9]\d* (?:retries|tries|attempts) (?:left|)re"
      R"re(remaining)|)re"
      R"re(\btry(?:ing)? again\b|Retry\(total=|\breconnecting\b)re");
  static const Wording given_up(
      R"re((?i)giv(?:e|ing|en) up|no (?:more )?(?:retries|attempts|tries)|exhausted|)re"
      R"re(retries exceeded|\bnot (?:be )?re-?tr|won't retry|without retry|max(?:imum)? retries|)re"
      R"re(\bafter \d+ (?:retries|attempts|tries)|please (?:re)?try|(?:^|\W)0 (?:retries|)re"
      R"re(attempts))re");
  static const Wording counted(
      R"re((?i)\b(?:attempt|try|retry|tries)(?:\s+#?|\s*[(:=\[#]\s*)(\d{1,6})\s*(?:/|of|)re"
      R"re(out of)\s*(\d{1,6})\b)re");
  // Most lines of a log have none of these.
  constexpr std::array<std::string_view, 8> signs{"etr", "ttempt", "again", "tries",
                                                  "ETR", "TTEMPT", "try ",  "econnect"};
  if (!contains_one(line, signs) || given_up.is_in(line)) return false;
  int number = 0;
  int count = 0;
  if (RE2::PartialMatch(piece(line), counted.compiled(), &number, &count)) return number < count;
  return retry.is_in(line);
}

bool is_shrugged_off(std::string_view line) {
  static const Wording words(
      R"re((?i)\(ignor(?:ed|ing)\)|(?:safely|can|may|will) be (?:safely )?ignored?|)re"
      R"re(safely ignored?|)re"
      R"re(\bnon-?fatal\b|\bnot fatal\b|\bas expected\b|\bexpected (?:error|failure|exception)|)re"
      R"re(\(expected\)|\bharmless\b|)re"
      // What TensorFlow tells of any machine without a GPU, and pip of most.
      R"re(Unable to register cu\w+ factory|failed call to cuInit|pip's dependency resolver)re");
  constexpr std::array<std::string_view, 8> signs{"gnor",      "fatal", "pected", "armless",
                                                  "Non-Fatal", "IGNOR", " cu",    "pip's"};
  return contains_one(line, signs) && words.is_in(line);
}

std::string_view without_carrier(std::string_view line) {
  static const Wording carrier(
      R"re(^(?:\[(?:rank|default|worker|node|proc)?\d+(?:,\d+)?\](?:<std(?:out|err)>)?: ?|)re"
      R"re(\d{1,5}: |\([\w.-]+ pid=\d+(?:, ip=[\d.]+)?\) |[\w.-]+[-_]\d+ +\| |)re"
      R"re(\[?\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[-+]\d\d:?\d\d)?\]?:? +|)re"
      R"re(\[?\d\d:\d\d:\d\d(?:[.,]\d+)?\]?:? +|)re"
      R"re([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d (?:\S+ \S+?(?:\[\d+\])?: )?))re");
  constexpr int carriers_max = 3;
  constexpr std::size_t carrier_bytes_max = 120;
  const auto may_be_carrier = [](std::string_view text) {
    return is_digit(text[0]) || is_upper(text[0]) || text[0] == '[' || text[0] == '(' ||
           text.substr(0, carrier_bytes_max).contains(" | ");
  };
  for (int i = 0; i < carriers_max && !line.empty() && may_be_carrier(line); ++i) {
    re2::StringPiece head = piece(line.substr(0, carrier_bytes_max));
    const std::size_t before = head.size();
    if (!RE2::Consume(&head, carrier.compiled())) break;
    line.remove_prefix(before - head.size());
  }
  return line;
}

bool is_exception_line(std::string_view line) {
  if (line.starts_with("Uncaught ")) line.remove_prefix(9);
  const std::string_view name = dotted_name(line);
  if (name.empty() || !names_exception(name)) return false;
  const std::string_view rest = line.substr(name.size());
  // Java tells no message where there is none; the name says whose exception it is.
  if (rest.empty()) return name.contains('.');
  const bool has_message = rest[0] == ':' && (rest.size() == 1 || rest[1] == ' ');
  if (!has_message) return false;
  const bool is_lookup = name.ends_with("KeyError") || name.ends_with("IndexError");
  return is_lookup || !is_plain_value(rest.substr(1));
}

bool ends_traceback(std::string_view line) {
  const std::string_view name = dotted_name(line);
  if (name.empty()) return false;
  const std::string_view rest = line.substr(name.size());
  const bool has_message = rest.starts_with(": ") || rest == ":";
  // Ray: `RayTaskError(ValueError): words`.
  const bool has_inner = rest.starts_with('(') && rest.contains("): ");
  if (!rest.empty() && !has_message && !has_inner) return false;
  const std::string_view last = name.substr(name.rfind('.') + 1);
  return name.contains('.') || is_upper(last[0]) || last[0] == '_';
}

std::string message_text(std::string_view line) {
  return shown(line, limits::finding_message_bytes_max);
}

std::string place_text(std::string_view place) {
  return shown(place, limits::finding_place_bytes_max);
}

}  // namespace reeve
