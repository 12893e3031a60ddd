#include "watch/log_scanner.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/limits.h"
#include "watch/json_line.h"
#include "watch/log_level.h"
#include "watch/wording.h"

namespace reeve {
namespace {

// Places in the counts for what the job's own patterns find.
constexpr std::size_t rule_fail_on = rules_max;
constexpr std::size_t rule_warn_on = rules_max + 1;
// Enough of a line to know its level.
constexpr std::size_t previous_bytes_max = 512;
// The readers of single lines look at so much of it; what an error says stands in front.
constexpr std::size_t head_bytes_max = 4096;

const char* id_of(std::size_t rule) {
  if (rule == rule_fail_on) return "fail_on";
  return rule == rule_warn_on ? "warn_on" : default_rules()[rule].id;
}

std::size_t traceback_rule() {
  const auto rules = default_rules();
  const auto found = std::ranges::find(rules, Reader::traceback, &Rule::reader);
  return static_cast<std::size_t>(found - rules.begin());
}

// What a traceback was logged as, by the line before it or the words in front of it.
bool is_logged_below_error(std::string_view line) {
  const auto leveled = read_level(line);
  return leveled && leveled->level != LogLevel::error;
}

// `error: mse`: a line of a configuration that somebody shows.
bool is_setting(std::string_view line) {
  constexpr std::string_view key = "error: ";
  return line.starts_with(key) && std::ranges::all_of(line.substr(key.size()), [](char c) {
           return (c >= 'a' && c <= 'z') || c == '_';
         });
}

// Python tells these of what it could not raise, and goes on.
bool tells_of_unraised(std::string_view line) {
  return line.starts_with("Exception ignored in") || line.starts_with("--- Logging error ---");
}

std::string_view line_before(std::string_view block, std::size_t begin, std::string_view previous) {
  if (begin < 2) return begin == 0 ? previous : std::string_view();
  const std::size_t end = begin - 1;
  const std::size_t start = block.rfind('\n', end - 1);
  const std::size_t from = start == std::string_view::npos ? 0 : start + 1;
  return block.substr(from, end - from);
}

}  // namespace

LogScanner::LogScanner(std::shared_ptr<const RuleSet> rules)
    : rules_(std::move(rules)), memory_(rules_->make_memory()) {}

void LogScanner::feed(std::string_view bytes, std::vector<Finding>& out) {
  while (auto block = splitter_.next(bytes)) take_block(std::move(*block), out);
}

void LogScanner::skip(std::int64_t count) {
  splitter_.skip(count);
  previous_.clear();
}

void LogScanner::settle(std::vector<Finding>& out) {
  close(out);
}

void LogScanner::finish(std::vector<Finding>& out) {
  if (auto block = splitter_.last()) take_block(std::move(*block), out);
  close(out);
  end_session(TestSession::End::none, out);
}

void LogScanner::take_block(LineBlock block, std::vector<Finding>& out) {
  rules_->find_candidates(block.text, memory_, candidates_);
  auto candidate = candidates_.cbegin();
  std::size_t begin = 0;
  while (begin < block.text.size()) {
    while (candidate != candidates_.cend() && candidate->begin < begin) ++candidate;
    const bool is_left = candidate != candidates_.cend();
    if (!is_attentive()) {
      if (!is_left) break;
      begin = candidate->begin;
    }
    const std::size_t end = std::min(block.text.find('\n', begin), block.text.size());
    const bool is_candidate = is_left && candidate->begin == begin;
    take_line(block, begin, end, is_candidate ? &*candidate : nullptr, out);
    begin = end + 1;
  }
  previous_ = line_before(block.text, block.text.size(), "").substr(0, previous_bytes_max);
}

void LogScanner::take_line(LineBlock& block, std::size_t begin, std::size_t end,
                           const Candidate* candidate, std::vector<Finding>& out) {
  const std::string_view line = block.text.substr(begin, std::min(end - begin, head_bytes_max));
  const auto session_end = session_ ? session_->end(line) : TestSession::End::none;
  if (open_ && continue_open(line, out)) return;
  if (candidate != nullptr) {
    if (!session_) session_ = TestSession::begin(line);
    const bool is_whole_wanted = candidate->is_wanted && end - begin > head_bytes_max;
    const std::string_view text = is_whole_wanted ? block.text.substr(begin, end - begin) : line;
    if (auto found = classify(text, *candidate, line_before(block.text, begin, previous_))) {
      close(out);
      const LineBlock::Place place = block.locate(begin);
      found->finding.offset = place.offset;
      found->finding.line = place.line;
      open_ = std::move(found);
    }
  }
  if (session_end != TestSession::End::none) {
    close(out);
    end_session(session_end, out);
  }
}

bool LogScanner::continue_open(std::string_view line, std::vector<Finding>& out) {
  if (open_->traceback) return continue_traceback(line, out);
  if (merge_traceback(line)) return true;
  Open& open = *open_;
  if (announces_retry(line) && !read_json_line(line)) {
    open.finding.severity = Severity::warning;
    close(out);
    return true;
  }
  if (open.follow_lines > 0) {
    --open.follow_lines;
    if (const auto more = rules_->follow(open.rule, line)) {
      judge(open, line);
      if (open.finding.place.empty()) open.finding.place = place_text(more->place);
      if (!more->cause.empty()) open.cause = message_text(more->cause);
      if (!more->message.empty()) {
        std::string& message = open.finding.message;
        message = open.has_message ? fmt::format("{}: {}", message, message_text(more->message))
                                   : message_text(more->message);
        open.has_message = true;
      }
      if (open.follow_lines == 0) close(out);
      return true;
    }
    if (open.follow_lines > 0) return false;
  }
  if (!open.has_message && !trim(line).empty()) {
    std::string& message = open.finding.message;
    message = message.ends_with(':') ? fmt::format("{} {}", message, message_text(line))
                                     : message_text(line);
    judge(open, line);
    close(out);
    return true;
  }
  if (open.has_message) close(out);
  return false;
}

bool LogScanner::continue_traceback(std::string_view line, std::vector<Finding>& out) {
  Open& open = *open_;
  const std::string known = open.traceback->message();
  const Traceback::Step step = open.traceback->take(line);
  if (step == Traceback::Step::over) {
    close(out);
    return false;
  }
  if (open.traceback->message() != known) judge(open, line);
  return step == Traceback::Step::taken;
}

// The traceback belongs to the error that was logged just before it.
bool LogScanner::merge_traceback(std::string_view line) {
  auto traceback = Traceback::begin(line);
  if (!traceback) return false;
  const Rule& rule = default_rules()[std::min(open_->rule, default_rules().size() - 1)];
  if (open_->rule >= rules_max || rule.reader != Reader::level) return false;
  open_->traceback = std::move(traceback);
  open_->rule = traceback_rule();
  open_->may_have_cause = true;
  return true;
}

// What is known of a line before any rule is tried.
struct LogScanner::Sight {
  std::string_view line;
  std::string_view before;  // the line before it
  std::string_view body;    // without what carried it here
  std::optional<JsonLine> json;
  bool is_low = false;       // it was logged below ERROR
  bool is_error = false;     // it was logged as an error,
  std::string_view message;  // namely this

  Sight(std::string_view its_line, std::string_view line_before)
      : line(its_line), before(line_before), body(without_carrier(its_line)) {
    if (body.starts_with('{')) json = read_json_line(body);
    if (json) return;
    const auto leveled = read_level(line);
    is_low = leveled && leveled->level != LogLevel::error;
    is_error = leveled && !is_low;
    if (is_error) message = leveled->message;
  }
};

std::optional<LogScanner::Open> LogScanner::classify(std::string_view line,
                                                     const Candidate& candidate,
                                                     std::string_view before) const {
  const Sight sight(line.substr(0, head_bytes_max), before);
  auto found = classify_by_rules(sight, candidate.triggered);
  if (candidate.is_wanted && !found) {
    Open wanted;
    wanted.rule = rule_fail_on;
    wanted.finding.message = message_text(line);
    found = std::move(wanted);
  }
  if (!found) return std::nullopt;
  if (is_shrugged_off(sight.line) || announces_retry(sight.line) ||
      (!found->traceback && tells_of_unraised(before)))
    found->finding.severity = Severity::warning;
  judge(*found, line);
  return found;
}

std::optional<LogScanner::Open> LogScanner::classify_by_rules(const Sight& sight,
                                                              RuleBits triggered) const {
  const auto rules = default_rules();
  for (std::size_t i = 0; i < rules.size() && triggered.any(); ++i) {
    if (!triggered.test(i)) continue;
    Open found;
    found.finding.severity = rules[i].severity;
    found.rule = i;
    found.may_have_cause = (triggered & rules_->causes()).any();
    if (read(sight, rules[i], found)) return found;
  }
  return std::nullopt;
}

bool LogScanner::read(const Sight& sight, const Rule& rule, Open& found) const {
  if (rule.reader == Reader::traceback) return read_traceback(sight, found);
  if (sight.json) {
    const bool is_error = sight.json->level == LogLevel::error && rule.reader == Reader::level;
    const std::string& message = sight.json->message;
    if (is_error) found.finding.message = message_text(message.empty() ? sight.body : message);
    return is_error;
  }
  if (sight.is_low && !rule.at_any_level) return false;
  switch (rule.reader) {
    case Reader::pattern:
      return read_pattern(sight, rule, found);
    case Reader::level:
      found.finding.message = message_text(sight.message);
      found.has_message = !sight.message.empty();
      return sight.is_error && !(found.has_message && is_plain_value(sight.message)) &&
             !is_setting(sight.line);
    case Reader::exception:
      found.finding.message = message_text(sight.body);
      found.has_message = !found.finding.message.ends_with(':');
      return is_exception_line(sight.body);
    case Reader::traceback:
    case Reader::test_session:
      return false;
  }
  return false;
}

bool LogScanner::read_traceback(const Sight& sight, Open& found) {
  found.traceback = Traceback::begin(sight.line);
  if (sight.is_low || is_logged_below_error(sight.before) || tells_of_unraised(sight.before) ||
      announces_retry(sight.before))
    found.finding.severity = Severity::warning;
  found.may_have_cause = true;
  return found.traceback.has_value();
}

bool LogScanner::read_pattern(const Sight& sight, const Rule& rule, Open& found) const {
  const auto reading = rules_->read(found.rule, sight.body);
  if (!reading || (!reading->message.empty() && is_plain_value(reading->message))) return false;
  const std::string_view whole = sight.message.empty() ? sight.body : sight.message;
  found.finding.message = message_text(rule.tells_line_before     ? sight.before
                                       : reading->message.empty() ? whole
                                                                  : reading->message);
  found.finding.place = place_text(reading->place);
  found.has_message = !reading->message.empty() || reading->place.empty();
  found.follow_lines = rule.follow == nullptr ? 0 : rule.follow_lines;
  found.may_have_cause |= found.follow_lines > 0;
  return true;
}

void LogScanner::judge(Open& found, std::string_view line) const {
  const Opinion opinion = rules_->opinion(line);
  if (opinion == Opinion::none) return;
  if (opinion == Opinion::ignore) {
    found.is_ignored = true;
    return;
  }
  found.rule = opinion == Opinion::fail ? rule_fail_on : rule_warn_on;
  found.finding.severity = opinion == Opinion::fail ? Severity::error : Severity::warning;
}

void LogScanner::close(std::vector<Finding>& out) {
  if (!open_) return;
  Open open = std::move(*open_);
  open_.reset();
  if (open.is_ignored) return;
  std::string& message = open.finding.message;
  if (open.traceback) {
    const std::string& raised = open.traceback->message();
    if (!raised.empty())
      message = message.empty() ? raised : fmt::format("{} ({})", raised, message);
    if (message.empty()) message = "a traceback without its last line";
    open.finding.place = place_text(open.traceback->place());
  }
  if (!open.cause.empty()) message += fmt::format(" (caused by {})", open.cause);
  message = message_text(message);
  if (open.rule < rules_max && open.may_have_cause)
    if (const auto cause = rules_->find_cause(message)) open.rule = *cause;
  tell(std::move(open.finding), open.rule, out);
}

void LogScanner::tell(Finding finding, std::size_t rule, std::vector<Finding>& out) {
  finding.rule = id_of(rule);
  const std::int64_t count = ++counts_[rule];
  if (session_) {
    if (held_.size() < limits::findings_held_max) held_.push_back(std::move(finding));
    return;
  }
  if (count > limits::findings_kept_max) {
    ++(finding.severity == Severity::error ? errors_ : warnings_);
    return;
  }
  if (count == limits::findings_kept_max)
    finding.message += " (further ones of this rule are only counted)";
  deliver(std::move(finding), out);
}

void LogScanner::end_session(TestSession::End end, std::vector<Finding>& out) {
  if (!session_) return;
  session_.reset();
  const bool is_failed = end == TestSession::End::failed;
  for (Finding& finding : std::exchange(held_, {})) {
    // What failing tests are told by counts; what tests provoke does not.
    const bool is_verdict = finding.rule == "test_failed";
    if (end == TestSession::End::passed || (is_failed && !is_verdict))
      finding.severity = Severity::warning;
    deliver(std::move(finding), out);
  }
}

void LogScanner::deliver(Finding finding, std::vector<Finding>& out) {
  ++(finding.severity == Severity::error ? errors_ : warnings_);
  out.push_back(std::move(finding));
}

}  // namespace reeve
