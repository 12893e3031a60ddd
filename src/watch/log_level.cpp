#include "watch/log_level.h"

#include <algorithm>
#include <array>
#include <utility>

#include "watch/wording.h"

namespace reeve {
namespace {

constexpr std::size_t none = std::string_view::npos;

constexpr std::array<std::pair<std::string_view, LogLevel>, 42> level_words{{
    {"error", LogLevel::error},     {"eror", LogLevel::error},
    {"err", LogLevel::error},       {"critical", LogLevel::error},
    {"crit", LogLevel::error},      {"fatal", LogLevel::error},
    {"ftl", LogLevel::error},       {"severe", LogLevel::error},
    {"alert", LogLevel::error},     {"emergency", LogLevel::error},
    {"emerg", LogLevel::error},     {"panic", LogLevel::error},
    {"dpanic", LogLevel::error},    {"pnc", LogLevel::error},
    {"fail", LogLevel::error},      {"warning", LogLevel::warning},
    {"warn", LogLevel::warning},    {"wrn", LogLevel::warning},
    {"notice", LogLevel::low},      {"note", LogLevel::low},
    {"info", LogLevel::low},        {"inf", LogLevel::low},
    {"information", LogLevel::low}, {"informational", LogLevel::low},
    {"log", LogLevel::low},         {"debug", LogLevel::low},
    {"dbg", LogLevel::low},         {"verbose", LogLevel::low},
    {"trace", LogLevel::low},       {"trc", LogLevel::low},
    {"success", LogLevel::low},     {"fine", LogLevel::low},
    {"finer", LogLevel::low},       {"finest", LogLevel::low},
    {"config", LogLevel::low},      {"hint", LogLevel::low},
    {"detail", LogLevel::low},      {"status", LogLevel::low},
    {"statement", LogLevel::low},   {"debug1", LogLevel::low},
    {"dbug", LogLevel::low},        {"warnings", LogLevel::warning},
}};

// After ERROR at the beginning of a line, without a colon: a heading or a measure, not a level.
constexpr std::array<std::string_view, 37> headings{
    "rate",   "rates",      "summary",   "count",    "counts",    "code",       "codes",
    "log",    "logs",       "handling",  "handler",  "handlers",  "correction", "margin",
    "bar",    "bars",       "budget",    "analysis", "metric",    "metrics",    "level",
    "levels", "estimate",   "estimates", "function", "model",     "threshold",  "term",
    "terms",  "statistics", "table",     "report",   "tolerance", "reporting",  "types",
    "path",   "section"};

enum class Case : std::uint8_t { upper, other };

Case case_of(std::string_view word) {
  return std::ranges::all_of(word, is_upper) ? Case::upper : Case::other;
}

std::string_view trim_separators(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t:|-]>*");
  return begin == none ? std::string_view() : trim(text.substr(begin));
}

// `root:msg` after `ERROR:`, as Python writes it without further wishes.
std::string_view skip_logger_name(std::string_view text) {
  std::size_t end = 0;
  while (end < text.size() && (is_word(text[end]) || text[end] == '.')) ++end;
  const bool is_name = end > 0 && end < text.size() && text[end] == ':' &&
                       (end + 1 == text.size() || text[end + 1] != ':');
  return is_name ? text.substr(end + 1) : text;
}

std::optional<LogLevel> level_of_letter(char letter) {
  switch (letter) {
    case 'E':
    case 'F':
    case 'C':
      return LogLevel::error;
    case 'W':
      return LogLevel::warning;
    case 'I':
    case 'D':
    case 'V':
      return LogLevel::low;
    default:
      return std::nullopt;
  }
}

bool is_stamp(std::string_view word) {
  constexpr std::string_view other = ":.,/-+TZ_";
  constexpr std::array<std::string_view, 27> words{"Jan", "Feb", "Mar", "Apr", "May",  "Jun", "Jul",
                                                   "Aug", "Sep", "Oct", "Nov", "Dec",  "Mon", "Tue",
                                                   "Wed", "Thu", "Fri", "Sat", "Sun",  "AM",  "PM",
                                                   "UTC", "GMT", "Z",   "CET", "CEST", "EST"};
  while (word.ends_with(',') || word.ends_with(':')) word.remove_suffix(1);
  if (std::ranges::find(words, word) != words.end()) return true;
  if (word.ends_with("AM") || word.ends_with("PM") || word.ends_with("ms"))
    word.remove_suffix(2);
  else if (word.ends_with('s'))
    word.remove_suffix(1);
  return std::ranges::any_of(word, is_digit) && (is_digit(word[0]) || word[0] == '+') &&
         std::ranges::all_of(word, [&](char c) { return is_digit(c) || other.contains(c); });
}

// Of a commit: its title comes next.
bool is_hash(std::string_view word) {
  return word.size() >= 7 && word.size() <= 40 &&
         std::ranges::all_of(word, [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); });
}

bool is_value_quoted(std::string_view value) {
  return value.starts_with('"') || value.starts_with('\'');
}

// The value of a key in `a=b c="d e"`; empty when it is not there.
std::string_view value_of(std::string_view line, std::string_view key) {
  for (std::size_t at = line.find(key); at != none; at = line.find(key, at + 1)) {
    const std::size_t end = at + key.size();
    if (at > 0 && line[at - 1] != ' ' && line[at - 1] != '\t') continue;
    if (end >= line.size() || line[end] != '=') continue;
    std::string_view value = line.substr(end + 1);
    if (!is_value_quoted(value)) return value.substr(0, value.find(' '));
    std::size_t close = 1;
    while (close < value.size() && value[close] != value[0]) close += value[close] == '\\' ? 2 : 1;
    return value.substr(1, std::min(close, value.size()) - 1);
  }
  return {};
}

// Walks over what stands before the level.
class PrefixWalk {
 public:
  explicit PrefixWalk(std::string_view line) : line_(line) {}

  std::optional<LeveledLine> walk() {
    constexpr int parts_max = 14;
    for (int part = 0; part < parts_max; ++part) {
      is_separated_ = is_first_ || is_after_group_;
      is_after_group_ = false;
      skip_separators();
      if (at_ >= line_.size()) return std::nullopt;
      const Step step = std::string_view("[({<").contains(line_[at_]) ? take_group() : take_word();
      if (step == Step::found) return found_;
      if (step == Step::prose) return std::nullopt;
    }
    return std::nullopt;
  }

 private:
  enum class Step : std::uint8_t { go_on, found, prose };

  void skip_separators() {
    constexpr std::string_view separators = "|:>*!=~-";
    while (at_ < line_.size()) {
      const char c = line_[at_];
      const bool is_dash_word = c == '-' && at_ + 1 < line_.size() && is_word(line_[at_ + 1]);
      const bool is_decoration = is_first_ && static_cast<unsigned char>(c) >= 0x80;
      if ((separators.contains(c) && !is_dash_word) || is_decoration)
        is_separated_ = true;
      else if (c != ' ' && c != '\t')
        return;
      ++at_;
    }
  }

  Step finish(LogLevel level, std::string_view message) {
    // `log level: ERROR` sets something.
    if (message.empty() && !is_first_) return Step::prose;
    found_ = {.level = level, .message = message};
    return Step::found;
  }

  Step take_group() {
    constexpr std::size_t group_bytes_max = 120;
    constexpr std::string_view pairs = "[](){}<>";
    const char close = pairs[pairs.find(line_[at_]) + 1];
    const std::size_t end = line_.find(close, at_);
    if (end == none || end - at_ > group_bytes_max) return Step::prose;
    const std::string_view content = trim(line_.substr(at_ + 1, end - at_ - 1));
    const bool is_angled = close == '>';
    at_ = end + 1;
    if (const auto level = level_in_group(content)) {
      const bool is_named = !is_angled || case_of(content) == Case::upper;
      if (is_named) return finish(*level, trim_separators(line_.substr(at_)));
    }
    if (is_angled && !content.starts_with("std")) return Step::prose;
    is_after_group_ = true;
    is_first_ = false;
    return Step::go_on;
  }

  // `ERROR`, `error    `, `E1122 12:00 a.cc:1`, `E 260101 12:00:00 web:1`, `core:error`,
  // `2026-01-01T00:00:00Z ERROR app`, `12:00:00: ERROR/MainProcess`.
  static std::optional<LogLevel> level_in_group(std::string_view content) {
    if (const auto level = level_from_word(content)) return level;
    if (content.size() > 3 && (is_digit(content[1]) || (content[1] == ' ' && is_digit(content[2]))))
      if (const auto level = level_of_letter(content[0])) return level;
    const std::size_t colon = content.rfind(':');
    if (colon != none && colon > 0 && is_word(content[colon - 1]))
      if (const auto level = level_from_word(content.substr(colon + 1))) return level;
    while (!content.empty()) {
      const std::size_t end = std::min(content.find_first_of(" \t:,/|"), content.size());
      const std::string_view word = content.substr(0, end);
      if (word.size() > 2 && case_of(word) == Case::upper)
        if (const auto level = level_from_word(word)) return level;
      content.remove_prefix(std::min(end + 1, content.size()));
    }
    return std::nullopt;
  }

  Step take_word() {
    const std::string_view rest = line_.substr(at_);
    const std::string_view word = rest.substr(0, rest.find_first_of(" \t"));
    std::size_t letters = 0;
    while (letters < word.size() && is_letter(word[letters])) ++letters;
    const std::string_view head = word.substr(0, letters);
    if (const auto level = level_from_word(head); level && is_level_here(head, rest))
      return finish(*level, message_after(head, rest));
    if (const auto step = take_glog(word, rest)) return *step;
    if (word.contains('=')) return take_pair(word);
    if (is_stamp(word)) {
      has_stamp_ = true;
    } else if (!is_name(word, rest)) {
      return Step::prose;
    }
    is_first_ = false;
    at_ += word.size();
    // The colon of `name:` separates it from a level behind it.
    if (word.ends_with(':')) --at_;
    return Step::go_on;
  }

  // The word is one of the levels: is this a place for them?
  [[nodiscard]] bool is_level_here(std::string_view head, std::string_view rest) const {
    const std::string_view after = rest.substr(head.size());
    const bool is_alone = after.empty() || after[0] == ' ' || after[0] == '\t';
    const bool is_separate = is_separated_ || has_stamp_;
    if (case_of(head) == Case::upper) {
      if (head.size() < 3 || !(is_separate || names_ > 0)) return false;
      if (after.starts_with(':')) return !after.starts_with("::");
      if (equals_ignoring_case(head, "fail")) return false;
      if (!is_alone) return std::string_view("|/]!").contains(after[0]);
      return !is_heading(after);
    }
    if (after.starts_with(':')) return is_separate && !after.starts_with("::");
    const bool is_padded = after.starts_with("  ") || after.starts_with('\t');
    return is_padded && has_stamp_;
  }

  static bool is_heading(std::string_view after) {
    after = trim(after);
    std::size_t letters = 0;
    while (letters < after.size() && is_letter(after[letters])) ++letters;
    return std::ranges::any_of(headings, [&](std::string_view heading) {
      return equals_ignoring_case(after.substr(0, letters), heading);
    });
  }

  static std::string_view message_after(std::string_view head, std::string_view rest) {
    std::string_view after = rest.substr(head.size());
    if (after.starts_with(':') && case_of(head) == Case::upper)
      after = skip_logger_name(after.substr(1));
    return trim_separators(after);
  }

  // `E1122 12:00:00.000000 123 file.cc:1] msg`; `12:00:00: E tensorflow/x.cc:1] msg`.
  std::optional<Step> take_glog(std::string_view word, std::string_view rest) {
    const auto level = level_of_letter(word[0]);
    if (!level) return std::nullopt;
    const bool is_glog = word.size() == 5 && std::ranges::all_of(word.substr(1), is_digit);
    const std::string_view next = trim(rest.substr(word.size()));
    const std::string_view next_word = next.substr(0, next.find(' '));
    const bool is_letter_alone =
        word.size() == 1 && has_stamp_ && (next_word.ends_with(']') || next_word.ends_with(':'));
    if (!is_letter_alone && !(is_glog && !next.empty() && is_digit(next[0]))) return std::nullopt;
    const std::size_t end = next.find("] ");
    return finish(*level, end == none ? next : trim(next.substr(end + 2)));
  }

  Step take_pair(std::string_view word) {
    const std::string_view key = word.substr(0, word.find('='));
    if (key.empty() || !std::ranges::all_of(key, [](char c) { return is_word(c) || c == '.'; }))
      return Step::prose;
    const std::string_view value = value_of(line_.substr(at_), key);
    if (is_level_key(key)) {
      const auto level = level_from_word(value);
      if (!level || trim(line_).size() == word.size()) return Step::prose;
      return finish(*level, message_of_pairs());
    }
    const std::size_t quotes = is_value_quoted(word.substr(key.size() + 1)) ? 2 : 0;
    at_ += std::max(word.size(), key.size() + 1 + value.size() + quotes);
    at_ = std::min(at_, line_.size());
    is_first_ = false;
    return Step::go_on;
  }

  static bool is_level_key(std::string_view key) {
    constexpr std::array<std::string_view, 6> keys{"level",     "lvl",      "severity",
                                                   "levelname", "loglevel", "log.level"};
    return std::ranges::any_of(keys, [&](auto k) { return equals_ignoring_case(k, key); });
  }

  [[nodiscard]] std::string_view message_of_pairs() const {
    for (const std::string_view key : {"msg", "message", "event", "error", "err"})
      if (const std::string_view value = value_of(line_, key); !value.empty()) return value;
    return trim(line_);
  }

  // A name of a logger, a file, a host, a program: no prose.
  [[nodiscard]] bool is_name(std::string_view word, std::string_view rest) {
    constexpr int names_max = 4;
    constexpr std::string_view quotes = "\"'`";
    if (++names_ > names_max || quotes.contains(word[0]) || word[0] == '+') return false;
    if (is_hash(word)) return false;
    if (word.ends_with(':')) return true;
    if (word.ends_with('.') || word.ends_with(',')) return false;
    if (word.find_first_of("./:[@#_0123456789") != none) return true;
    if (has_stamp_ && word == "main") return true;
    const std::string_view next = trim(rest.substr(word.size()));
    if (next.starts_with("- ") || next.starts_with("| ") || next.starts_with("::")) return true;
    // A host in a line of syslog stands before the program.
    return has_stamp_ && next.substr(0, next.find(' ')).ends_with(':');
  }

  std::string_view line_;
  std::size_t at_ = 0;
  bool is_first_ = true;
  bool is_after_group_ = false;
  bool is_separated_ = true;  // a colon, a bracket, a dash or the like stands before this word
  bool has_stamp_ = false;
  int names_ = 0;
  LeveledLine found_;
};

// `step 3: ERROR: loss is nan`: after some prose, but in capitals, between two colons.
std::optional<LeveledLine> find_shouted(std::string_view line) {
  constexpr std::size_t prose_bytes_max = 200;
  for (const std::string_view word : {": ERROR: ", ": FATAL: ", ": CRITICAL: ", " *** ERROR: "}) {
    const std::size_t at = line.substr(0, prose_bytes_max).find(word);
    if (at != none && line.substr(0, at).find_first_of("\"'`") == none)
      return LeveledLine{.level = LogLevel::error, .message = trim(line.substr(at + word.size()))};
  }
  return std::nullopt;
}

}  // namespace

std::optional<LogLevel> level_from_word(std::string_view word) {
  for (const auto& [known, level] : level_words)
    if (equals_ignoring_case(word, known)) return level;
  return std::nullopt;
}

std::optional<LeveledLine> read_level(std::string_view line) {
  // Indented lines belong to something else, `# ` is a comment or a heading, `|` draws a table.
  if (line.empty() || std::string_view(" \t|").contains(line[0]) || line.starts_with("# "))
    return std::nullopt;
  if (auto found = PrefixWalk(line).walk()) return found;
  return find_shouted(line);
}

}  // namespace reeve
