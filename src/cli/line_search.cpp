#include "cli/line_search.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <utility>
#include <vector>

namespace reeve::cli {
namespace {

// Longer lines are looked at piece by piece, so that a line of any length costs this much memory;
// the pieces overlap, and a match that is longer than that may be missed.
constexpr std::size_t window_bytes = 64UL << 10;
constexpr std::size_t overlap_bytes = 4UL << 10;
// More of a line is not shown, but what stands around its match.
constexpr std::size_t shown_bytes_max = 8UL << 10;
constexpr std::size_t around_bytes = 400;
// The C library unrolls repetitions: `(a{255}){255}` has 65,025 parts.
constexpr std::int64_t parts_max = 20'000;
// Where a match stands in its line is looked for in so much of it, in time that grows with the
// square.
constexpr std::size_t located_bytes_max = 2UL << 10;
constexpr std::string_view ellipsis = "…";

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

// The highest number of `{2}`, `{2,}` or `{2,5}` that begins at `at`, which then is its end.
std::int64_t repetition(std::string_view pattern, std::size_t& at) {
  const auto close = std::min(pattern.find('}', at), pattern.size() - 1);
  const std::string_view inside = pattern.substr(at + 1, close - at - 1);
  at = close;
  const auto comma = inside.find(',');
  std::int64_t most = 1;
  for (const std::string_view number :
       {inside.substr(0, comma), comma == std::string_view::npos ? "" : inside.substr(comma + 1)}) {
    std::int64_t value = 0;
    std::from_chars(number.data(), number.data() + number.size(), value);
    most = std::max(most, value);
  }
  return std::min(most, parts_max + 1);
}

// The end of the bracket expression that begins at `at`.
std::size_t bracket_end(std::string_view pattern, std::size_t at) {
  std::size_t i = at + 1;
  if (i < pattern.size() && pattern[i] == '^') ++i;
  if (i < pattern.size() && pattern[i] == ']') ++i;
  while (i < pattern.size() && pattern[i] != ']') {
    if (pattern[i] == '[' && i + 1 < pattern.size() && pattern[i + 1] == ':')
      i = std::min(pattern.find(":]", i + 2), pattern.size() - 2) + 1;
    ++i;
  }
  return std::min(i, pattern.size() - 1);
}

struct Shape {
  std::int64_t parts = 0;
  bool has_back_reference = false;
};

// Roughly what the compiled expression will be made of.
Shape shape_of(std::string_view pattern) {
  Shape shape;
  std::vector<std::int64_t> outer;  // parts before each open group
  std::int64_t sum = 0;
  std::int64_t last = 0;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '(') {
      outer.push_back(sum);
      sum = last = 0;
    } else if (c == ')' && !outer.empty()) {
      last = std::max<std::int64_t>(sum, 1);
      sum = outer.back() + last;
      outer.pop_back();
    } else if (c == '{' && last > 0) {
      const std::int64_t times = repetition(pattern, i);
      sum = std::min(sum + last * (times - 1), parts_max * 2);
      last = std::min(last * times, parts_max * 2);
    } else if (c == '\\' && i + 1 < pattern.size()) {
      ++i;
      if (pattern[i] >= '1' && pattern[i] <= '9') shape.has_back_reference = true;
      last = 1;
      ++sum;
    } else if (c != '*' && c != '+' && c != '?') {
      if (c == '[') i = bracket_end(pattern, i);
      last = 1;
      ++sum;
    }
  }
  for (const std::int64_t before : outer) sum += before;
  shape.parts = sum;
  return shape;
}

// A long line, cut to what stands around the match.
FoundLine cut_line(std::string_view line, std::optional<Pattern::Span> match, bool has_begin,
                   bool has_end) {
  FoundLine out;
  out.is_match = match.has_value();
  const Pattern::Span span = match.value_or(Pattern::Span{});
  std::size_t begin = 0;
  std::size_t end = line.size();
  if (line.size() > shown_bytes_max || !has_begin || !has_end) {
    begin = span.begin > around_bytes ? span.begin - around_bytes : 0;
    end = std::min(line.size(), std::min(span.end, begin + shown_bytes_max) + around_bytes);
  }
  const bool cut_before = begin > 0 || !has_begin;
  if (cut_before) out.text += ellipsis;
  const std::size_t shift = out.text.size();
  out.text += line.substr(begin, end - begin);
  out.span = {span.begin - begin + shift, std::min(span.end, end) - begin + shift};
  if (end < line.size() || !has_end) out.text += ellipsis;
  return out;
}

}  // namespace

void Pattern::Free::operator()(regex_t* compiled) const {
  ::regfree(compiled);
  delete compiled;
}

Result<Pattern> Pattern::make(const std::string& text, Options options) {
  Pattern pattern;
  pattern.options_ = options;
  const bool has_operators = text.find_first_of("\\^$.[]|()*+?{}") != std::string::npos;
  if (options.is_plain || !has_operators) {
    pattern.plain_ = options.ignore_case ? lower(text) : text;
    return pattern;
  }
  if (text.find('\0') != std::string::npos)
    return failed(ErrorCode::invalid, "a pattern has no NUL bytes");
  const Shape shape = shape_of(text);
  if (shape.has_back_reference)
    return failed(ErrorCode::invalid,
                  "the pattern has a back-reference (\\1), which could take for ever");
  if (shape.parts > parts_max)
    return failed(ErrorCode::invalid, "the pattern's repetitions are too large");
  // The C library tries each place of a line in turn, which takes the square of its length for
  // expressions such as `(a+)+$`. Anchored at the beginning it looks at each byte once.
  for (auto& [compiled, expression] : {std::pair(&pattern.where_, text),
                                       std::pair(&pattern.whether_, "\\`[^\n]*(" + text + ")")}) {
    auto made = std::make_unique<regex_t>();
    const int code = ::regcomp(made.get(), expression.c_str(),
                               REG_EXTENDED | (options.ignore_case ? REG_ICASE : 0));
    if (code != 0) {
      std::array<char, 200> words{};
      ::regerror(code, made.get(), words.data(), words.size());
      return failed(ErrorCode::invalid, std::string("the pattern is not valid: ") + words.data());
    }
    compiled->reset(made.release());
  }
  return pattern;
}

bool Pattern::matches(std::string_view text, Part part) const {
  regmatch_t bounds{0, static_cast<regoff_t>(text.size())};
  const int flags =
      REG_STARTEND | (part.has_begin ? 0 : REG_NOTBOL) | (part.has_end ? 0 : REG_NOTEOL);
  return ::regexec(whether_.get(), text.empty() ? "" : text.data(), 0, &bounds, flags) == 0;
}

std::optional<Pattern::Span> Pattern::locate(std::string_view text, Part part) const {
  regmatch_t match{0, static_cast<regoff_t>(text.size())};
  const int flags =
      REG_STARTEND | (part.has_begin ? 0 : REG_NOTBOL) | (part.has_end ? 0 : REG_NOTEOL);
  if (::regexec(where_.get(), text.empty() ? "" : text.data(), 1, &match, flags) != 0)
    return std::nullopt;
  return Span{static_cast<std::size_t>(match.rm_so), static_cast<std::size_t>(match.rm_eo)};
}

std::optional<Pattern::Span> Pattern::find(std::string_view text, Part part) const {
  if (where_ == nullptr) {
    const std::size_t at = options_.ignore_case ? lower(text).find(plain_) : text.find(plain_);
    if (at == std::string_view::npos) return std::nullopt;
    return Span{at, at + plain_.size()};
  }
  if (!matches(text, part)) return std::nullopt;
  if (text.size() <= located_bytes_max) return locate(text, part).value_or(Span{});
  // Where the first match ends: what matches goes on to do so when more follows.
  std::size_t least = 0;
  std::size_t end = text.size();
  while (least < end) {
    const std::size_t middle = least + (end - least) / 2;
    if (matches(text.substr(0, middle), {part.has_begin, false}))
      end = middle;
    else
      least = middle + 1;
  }
  const std::size_t from = end > located_bytes_max ? end - located_bytes_max : 0;
  const Part near{part.has_begin && from == 0, part.has_end && end == text.size()};
  const auto span = locate(text.substr(from, end - from), near);
  return span ? Span{from + span->begin, from + span->end} : Span{from, end};
}

LineSearch::LineSearch(const Pattern& pattern, Options options,
                       std::function<void(const FoundLine&)> tell)
    : pattern_(pattern), options_(options), tell_(std::move(tell)) {}

bool LineSearch::is_done() const {
  return options_.matches_max > 0 && matches_ >= options_.matches_max && after_left_ == 0;
}

void LineSearch::feed(std::string_view chunk) {
  while (!chunk.empty() && !is_done()) {
    const auto newline = chunk.find('\n');
    const std::string_view part = chunk.substr(0, newline);
    if (newline == std::string_view::npos) return take(part);
    chunk.remove_prefix(newline + 1);
    if (window_.empty() && !is_long_ && part.size() <= window_bytes) {
      end_line(part);  // the usual case, without a copy
      continue;
    }
    take(part);
    end_line(std::exchange(window_, {}));
  }
}

void LineSearch::take(std::string_view part) {
  while (!part.empty()) {
    const std::size_t size = std::min(part.size(), window_bytes - window_.size());
    window_ += part.substr(0, size);
    part.remove_prefix(size);
    if (window_.size() == window_bytes && !part.empty()) search_window();
  }
}

void LineSearch::search_window() {
  if (!long_ || !long_->is_match) {
    const bool can_match = options_.matches_max == 0 || matches_ < options_.matches_max;
    const auto match =
        can_match ? pattern_.find(window_, {!is_long_, false}) : std::optional<Pattern::Span>();
    if (match || !long_) long_ = cut_line(window_, match, !is_long_, false);
  }
  window_.erase(0, window_.size() - overlap_bytes);
  is_long_ = true;
}

void LineSearch::end_line(std::string_view line) {
  ++number_;
  if (line.ends_with('\r')) line.remove_suffix(1);
  std::optional<FoundLine> found = std::exchange(long_, std::nullopt);
  const bool has_begin = !std::exchange(is_long_, false);
  const bool can_match = options_.matches_max == 0 || matches_ < options_.matches_max;
  if (can_match && (!found || !found->is_match))
    if (const auto match = pattern_.find(line, {has_begin, true}))
      found = cut_line(line, match, has_begin, true);
  const bool is_match = found && found->is_match;
  if (!is_match && after_left_ == 0 && options_.before == 0) return;
  if (!found) found = cut_line(line, std::nullopt, has_begin, true);
  found->number = number_;
  if (is_match) {
    ++matches_;
    after_left_ = options_.after;
    for (FoundLine& earlier : std::exchange(before_, {})) tell_line(std::move(earlier));
    tell_line(std::move(*found));
  } else if (after_left_ > 0) {
    --after_left_;
    tell_line(std::move(*found));
  } else {
    before_.push_back(std::move(*found));
    if (std::ssize(before_) > options_.before) before_.pop_front();
  }
}

void LineSearch::tell_line(FoundLine line) {
  line.follows_gap = told_ > 0 && line.number > told_ + 1;
  told_ = line.number;
  tell_(line);
}

void LineSearch::skip_line() {
  end_line(std::exchange(window_, {}));
  ++number_;
}

void LineSearch::finish() {
  if (!is_done() && (!window_.empty() || is_long_)) end_line(std::exchange(window_, {}));
}

}  // namespace reeve::cli
