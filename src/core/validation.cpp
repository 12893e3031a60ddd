#include "core/validation.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstddef>

#include "base/text.h"
#include "core/glob.h"

namespace reeve {
namespace {

std::string short_text(std::string_view text, std::size_t most) {
  std::string out = printable(text);
  if (out.size() <= most) return out;
  std::size_t end = most - 3;
  while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xC0) == 0x80) --end;
  return out.substr(0, end) + "\u2026";
}

std::string plural(std::int64_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

// "3 files", "1 file or more", "at most 5 files".
std::string amount_text(std::int64_t least, const std::optional<std::int64_t>& most,
                        std::string_view one, std::string_view many) {
  if (most && *most == least) return plural(least, one, many);
  if (!most) return plural(least, one, many) + " or more";
  if (least <= 0) return "at most " + plural(*most, one, many);
  return fmt::format("{} to {} {}", least, *most, many);
}

std::string side_text(std::string_view word, const std::optional<std::int64_t>& exact,
                      const std::optional<std::int64_t>& least) {
  if (exact) return fmt::format("{} {}", word, *exact);
  if (least) return fmt::format("{} {} or more", word, *least);
  return "";
}

std::string range_text(const Range& range) {
  if (range.min && range.max) return fmt::format("{} to {}", *range.min, *range.max);
  if (range.min) return fmt::format("{} or more", *range.min);
  return fmt::format("at most {}", range.max.value_or(0));
}

std::string_view type_text(ColumnType type) {
  switch (type) {
    case ColumnType::text:
      return "text";
    case ColumnType::integer:
      return "whole numbers";
    case ColumnType::number:
      return "numbers";
    case ColumnType::boolean:
      return "true or false";
    case ColumnType::date:
      return "dates";
    case ColumnType::timestamp:
      return "times";
  }
  return "";
}

void add_table_words(const Check& check, std::vector<std::string>& parts) {
  if (!check.columns.empty())
    parts.push_back(fmt::format("columns {}{}", fmt::join(check.columns, ", "),
                                check.order == ColumnOrder::exact     ? " and no others"
                                : check.order == ColumnOrder::ordered ? " in this order"
                                                                      : ""));
  if (check.rows_min || check.rows_max)
    parts.push_back(amount_text(check.rows_min.value_or(0), check.rows_max, "row", "rows"));
  for (const auto& [column, type] : check.types)
    parts.push_back(fmt::format("{}: {}", column, type_text(type)));
  for (const auto& [column, range] : check.ranges)
    parts.push_back(fmt::format("{}: {}", column, range_text(range)));
  if (!check.no_missing.empty())
    parts.push_back(fmt::format("nothing missing in {}", fmt::join(check.no_missing, ", ")));
  if (!check.unique.empty())
    parts.push_back(fmt::format("unique {}", fmt::join(check.unique, ", ")));
}

// Which sentence of the outcome is shown as the reason of a verdict.
const CheckOutcome* find_decisive(const ValidationReport& report) {
  const auto first = [&](auto&& wanted) -> const CheckOutcome* {
    const auto found = std::ranges::find_if(report.checks, wanted);
    return found == report.checks.end() ? nullptr : &*found;
  };
  if (report.status == ResultsVerdict::invalid)
    return first([](const CheckOutcome& outcome) {
      return outcome.verdict == CheckVerdict::failed && outcome.severity == Severity::error;
    });
  if (report.status == ResultsVerdict::inconclusive)
    return first(
        [](const CheckOutcome& outcome) { return outcome.verdict == CheckVerdict::unknown; });
  return nullptr;
}

}  // namespace

std::string_view to_word(ResultsVerdict verdict) {
  static constexpr std::array<std::string_view, 4> words{"unchecked", "valid", "invalid",
                                                         "inconclusive"};
  return words[static_cast<std::size_t>(verdict)];
}

std::string expand_path(std::string_view path, const PathWords& words) {
  std::string out;
  for (std::size_t at = 0; at < path.size(); ++at) {
    const bool is_double = at + 1 < path.size() && path[at + 1] == path[at];
    if (is_double && (path[at] == '{' || path[at] == '}')) {
      out += path[at++];
      continue;
    }
    const auto end = path[at] == '{' ? path.find('}', at) : std::string_view::npos;
    if (end != std::string_view::npos) {
      const std::string word(path.substr(at + 1, end - at - 1));
      const auto param = words.params.find(word);
      const std::string* value = word == "name"                ? &words.name
                                 : param != words.params.end() ? &param->second
                                                               : nullptr;
      if (value != nullptr) {
        out += escape_glob(*value);
        at = end;
        continue;
      }
    }
    out += path[at];
  }
  return out;
}

std::string title(const Check& check) {
  if (!check.name.empty()) return short_text(check.name, limits::outcome_text_bytes_max);
  std::string out;
  switch (check.kind) {
    case CheckKind::files:
      out = "files " + check.path;
      break;
    case CheckKind::images:
      out = "images " + check.path;
      break;
    case CheckKind::table:
      out = "table " + check.path;
      break;
    case CheckKind::log_clean:
      out = "log_clean";
      break;
    case CheckKind::command:
      out = "command " + (check.shell.empty() ? shell_text(check.command) : check.shell);
      break;
  }
  return short_text(out, limits::outcome_text_bytes_max);
}

std::string count_words(std::optional<std::int64_t> least, std::optional<std::int64_t> most) {
  if (least && most && *least == *most) return std::to_string(*least);
  if (least && most && *least > 0) return fmt::format("{} to {}", *least, *most);
  if (most) return fmt::format("at most {}", *most);
  return fmt::format("{} or more", least.value_or(0));
}

std::string expectation(const Check& check) {
  std::vector<std::string> parts;
  if (check.kind == CheckKind::log_clean) parts.emplace_back("no error in the log");
  if (check.kind == CheckKind::command) parts.emplace_back("exit code 0");
  if (parts.empty()) {
    parts.push_back(amount_text(check.count_min, check.count_max, "file", "files"));
    if (check.size_min == 1) parts.emplace_back("not empty");
    if (check.size_min > 1) parts.push_back(plural(check.size_min, "byte", "bytes") + " or more");
    if (check.newer) parts.emplace_back("changed since the start");
    if (check.kind == CheckKind::images) parts.emplace_back("an image that decodes");
    for (const auto& side : {side_text("width", check.width, check.width_min),
                             side_text("height", check.height, check.height_min)})
      if (!side.empty()) parts.push_back(side);
    add_table_words(check, parts);
  }
  return short_text(fmt::format("{}", fmt::join(parts, "; ")), limits::outcome_text_bytes_max);
}

CheckOutcome begin_outcome(const Check& check) {
  CheckOutcome outcome;
  outcome.name = title(check);
  outcome.kind = check.kind;
  outcome.severity = check.severity;
  outcome.expected = expectation(check);
  return outcome;
}

void set_texts(CheckOutcome& outcome, std::string_view found, std::string_view message) {
  outcome.found = short_text(found, limits::outcome_text_bytes_max);
  outcome.message = short_text(message, limits::outcome_text_bytes_max);
}

void add_file(CheckOutcome& outcome, std::string_view file) {
  if (outcome.files.size() < limits::outcome_files_max)
    outcome.files.push_back(short_text(file, limits::outcome_file_bytes_max));
}

void add_metric(std::map<std::string, double>& sums, const std::string& name, double value) {
  const auto [entry, is_new] = sums.emplace(name, value);
  if (is_new) return;
  if (name.ends_with(".min"))
    entry->second = std::min(entry->second, value);
  else if (name.ends_with(".max"))
    entry->second = std::max(entry->second, value);
  else
    entry->second += value;
}

CheckOutcome unknown_outcome(const Check& check, std::string_view why) {
  CheckOutcome outcome = begin_outcome(check);
  outcome.verdict = CheckVerdict::unknown;
  set_texts(outcome, "", "it could not be checked: " + std::string(why));
  return outcome;
}

CheckOutcome judge_log(const Check& check, const LogFacts& log) {
  CheckOutcome outcome = begin_outcome(check);
  if (log.errors > 0) {
    outcome.verdict = CheckVerdict::failed;
    const std::string count = plural(log.errors, "error", "errors");
    set_texts(outcome, count,
              log.first_error.empty()
                  ? "the log tells of " + count
                  : fmt::format("the log tells of {}, first: {}", count, log.first_error));
  } else if (!log.trouble.empty()) {
    return unknown_outcome(check, log.trouble);
  } else {
    outcome.verdict = CheckVerdict::passed;
    set_texts(outcome, "no error", "the log tells of no error");
  }
  return outcome;
}

ResultsVerdict judge(const std::vector<CheckOutcome>& outcomes) {
  if (outcomes.empty()) return ResultsVerdict::unchecked;
  bool is_unknown = false;
  for (const CheckOutcome& outcome : outcomes) {
    if (outcome.verdict == CheckVerdict::failed && outcome.severity == Severity::error)
      return ResultsVerdict::invalid;
    is_unknown = is_unknown || outcome.verdict == CheckVerdict::unknown;
  }
  return is_unknown ? ResultsVerdict::inconclusive : ResultsVerdict::valid;
}

ValidationReport make_report(ValidationReport head, std::vector<CheckOutcome> outcomes) {
  head.status = judge(outcomes);
  head.files_checked = 0;
  head.errors_found = 0;
  head.warnings.clear();
  head.metrics_summary.clear();
  for (const CheckOutcome& outcome : outcomes) {
    head.files_checked += outcome.files_checked;
    const bool passed = outcome.verdict == CheckVerdict::passed;
    if (outcome.severity == Severity::error && outcome.verdict == CheckVerdict::failed)
      ++head.errors_found;
    if (outcome.severity == Severity::warning && !passed)
      head.warnings.push_back(outcome.name + ": " + outcome.message);
    for (const auto& [name, value] : outcome.metrics) add_metric(head.metrics_summary, name, value);
  }
  head.checks = std::move(outcomes);
  return head;
}

ValidationReport unknown_report(const ValidationReport& head, const std::vector<Check>& checks,
                                std::string_view why) {
  std::vector<CheckOutcome> outcomes;
  for (const Check& check : checks) outcomes.push_back(unknown_outcome(check, why));
  return make_report(head, std::move(outcomes));
}

std::string reason_of(const ValidationReport& report) {
  const CheckOutcome* decisive = find_decisive(report);
  if (decisive == nullptr) return "";
  return short_text(decisive->name + ": " + decisive->message, limits::outcome_text_bytes_max);
}

}  // namespace reeve
