#include "pipeline/check_option.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <functional>
#include <optional>
#include <vector>

#include "base/json.h"
#include "base/text.h"
#include "core/validation_json.h"

namespace reeve {
namespace {

std::unexpected<Error> expected(std::string_view what, std::string_view value) {
  return failed(ErrorCode::invalid, fmt::format("expected {}, not `{}`", what, printable(value)));
}

struct Word {
  std::string text;
  std::size_t end = 0;  // behind it in the whole text
};

// The next word from `at` on; nothing at the end.
Result<std::optional<Word>> next_word(std::string_view text, std::size_t at) {
  while (at < text.size() && (text[at] == ' ' || text[at] == '\t' || text[at] == '\n')) ++at;
  if (at == text.size()) return std::nullopt;
  Word word;
  char quote = 0;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (quote != 0 && c == quote) {
      quote = 0;
    } else if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
    } else if (c == '\\' && quote != '\'' && at + 1 < text.size()) {
      word.text += text[++at];
    } else if (quote == 0 && (c == ' ' || c == '\t' || c == '\n')) {
      break;
    } else {
      word.text += c;
    }
  }
  if (quote != 0) return failed(ErrorCode::invalid, "a quote is not closed");
  word.end = at;
  return word;
}

std::vector<std::string> list_of(std::string_view text) {
  std::vector<std::string> items;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    if (comma > at) items.emplace_back(text.substr(at, comma - at));
    at = comma + 1;
  }
  return items;
}

template <typename T>
Result<void> set_word(T& member, const std::string& value) {
  return decode_json(json::value(value), member, "");
}

template <typename T>
std::optional<T> number_of(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

template <typename T>
struct Bounds {
  std::optional<T> least;
  std::optional<T> most;
};

// "3", "3..", "..3" or "1..3".
template <typename T>
Result<Bounds<T>> bounds_of(const std::string& text, std::string_view what) {
  Bounds<T> bounds;
  const auto dots = text.find("..");
  const std::string first = text.substr(0, dots);
  const std::string last = dots == std::string::npos ? first : text.substr(dots + 2);
  bounds.least = number_of<T>(first);
  bounds.most = number_of<T>(last);
  const bool is_wrong = (!first.empty() && !bounds.least) || (!last.empty() && !bounds.most);
  if (is_wrong) return expected(what, text);
  if (!bounds.least && !bounds.most) return expected(what, text);
  return bounds;
}

constexpr std::string_view amounts = "N, N.., ..N or N..M";

using Apply = Result<void> (*)(Check&, const std::string&);

struct Key {
  const char* name;
  const char* value;
  Apply apply;
};

Result<void> set_size(Check& check, const std::string& value) {
  const auto size = parse_size(value);
  if (!size) return expected("a size such as 512 or 4K", value);
  check.size_min = *size;
  return {};
}

Result<void> set_count(Check& check, const std::string& value) {
  const auto bounds = bounds_of<std::int64_t>(value, amounts);
  if (!bounds) return std::unexpected(bounds.error());
  check.count_min = bounds->least.value_or(0);
  check.count_max = bounds->most;
  return {};
}

Result<void> set_rows(Check& check, const std::string& value) {
  const auto bounds = bounds_of<std::int64_t>(value, amounts);
  if (!bounds) return std::unexpected(bounds.error());
  check.rows_min = bounds->least;
  check.rows_max = bounds->most;
  return {};
}

// "640" or "640..".
Result<void> set_side(std::optional<std::int64_t>& exact, std::optional<std::int64_t>& least,
                      const std::string& value) {
  const auto bounds = bounds_of<std::int64_t>(value, "N or N..");
  if (!bounds) return std::unexpected(bounds.error());
  if (bounds->least && bounds->most == bounds->least)
    exact = bounds->least;
  else if (bounds->least && !bounds->most)
    least = bounds->least;
  else
    return expected("N or N..", value);
  return {};
}

Result<void> set_newer(Check& check, const std::string& value) {
  if (value != "true" && value != "false") return expected("true or false", value);
  check.newer = value == "true";
  return {};
}

Result<void> set_format(Check& check, const std::string& value) {
  return set_word(check.format.emplace(), value);
}

constexpr std::array keys{
    Key{"name", "TEXT",
        [](Check& c, const std::string& v) -> Result<void> {
          c.name = v;
          return {};
        }},
    Key{"severity", "error|warning",
        [](Check& c, const std::string& v) { return set_word(c.severity, v); }},
    Key{"count", "1..", set_count},
    Key{"size", "1K", set_size},
    Key{"newer", "true", set_newer},
    Key{"width", "640 or 640..",
        [](Check& c, const std::string& v) { return set_side(c.width, c.width_min, v); }},
    Key{"height", "480 or 480..",
        [](Check& c, const std::string& v) { return set_side(c.height, c.height_min, v); }},
    Key{"format", "csv|tsv|jsonl|parquet", set_format},
    Key{"delimiter", ";",
        [](Check& c, const std::string& v) -> Result<void> {
          c.delimiter = v == "\\t" ? "\t" : v;
          return {};
        }},
    Key{"columns", "id,lat",
        [](Check& c, const std::string& v) -> Result<void> {
          c.columns = list_of(v);
          return {};
        }},
    Key{"order", "any|ordered|exact",
        [](Check& c, const std::string& v) { return set_word(c.order, v); }},
    Key{"rows", "1000..", set_rows},
    Key{"no_missing", "id,lat or *",
        [](Check& c, const std::string& v) -> Result<void> {
          c.no_missing = list_of(v);
          return {};
        }},
    Key{"unique", "id",
        [](Check& c, const std::string& v) -> Result<void> {
          c.unique = list_of(v);
          return {};
        }},
};

constexpr std::string_view range_key = "range:";
constexpr std::string_view type_key = "type:";

Result<void> apply_key(Check& check, const std::string& name, const std::string& value) {
  if (name.starts_with(range_key)) {
    const auto bounds = bounds_of<double>(value, "N.., ..N or N..M");
    if (!bounds) return std::unexpected(bounds.error());
    check.ranges[name.substr(range_key.size())] = {bounds->least, bounds->most};
    return {};
  }
  if (name.starts_with(type_key)) return set_word(check.types[name.substr(type_key.size())], value);
  std::vector<std::string_view> known{"range", "type"};
  for (const Key& key : keys) {
    if (name == key.name) return key.apply(check, value);
    known.emplace_back(key.name);
  }
  return detail::unknown_word("this key", name, known);
}

// Leaves `at` behind the last key.
Result<void> take_command(Check& check, std::string_view text, std::size_t at) {
  while (true) {
    const auto word = next_word(text, at);
    if (!word) return std::unexpected(word.error());
    const bool is_key =
        *word && ((*word)->text.starts_with("name=") || (*word)->text.starts_with("severity="));
    if (!is_key) break;
    const auto equals = (*word)->text.find('=');
    if (auto applied =
            apply_key(check, (*word)->text.substr(0, equals), (*word)->text.substr(equals + 1));
        !applied)
      return failed(applied.error(), (*word)->text.substr(0, equals));
    at = (*word)->end;
  }
  const auto begin = text.find_first_not_of(" \t\n", at);
  if (begin == std::string_view::npos) return failed(ErrorCode::invalid, "there is no command");
  check.shell = text.substr(begin);
  return {};
}

Result<void> take_keys(Check& check, std::string_view text, std::size_t at) {
  bool has_path = check.kind == CheckKind::log_clean;
  while (true) {
    const auto word = next_word(text, at);
    if (!word) return std::unexpected(word.error());
    if (!*word) break;
    at = (*word)->end;
    const auto equals = (*word)->text.find('=');
    if (!has_path) {
      check.path = (*word)->text;
      has_path = true;
      continue;
    }
    if (equals == std::string::npos) return expected("KEY=VALUE", (*word)->text);
    const std::string name = (*word)->text.substr(0, equals);
    if (auto applied = apply_key(check, name, (*word)->text.substr(equals + 1)); !applied)
      return failed(applied.error(), name);
  }
  if (!has_path) return failed(ErrorCode::invalid, "there is no path");
  return {};
}

}  // namespace

Result<Check> parse_check(std::string_view text) {
  if (text.starts_with('{')) {
    const auto parsed = parse_json(text);
    if (!parsed) return std::unexpected(parsed.error());
    return check_from_json(*parsed, "check");
  }
  const auto first = next_word(text, 0);
  if (!first) return std::unexpected(first.error());
  Check check;
  if (!*first || !decode_json(json::value((*first)->text), check.kind, ""))
    return expected("files, images, table, log_clean or command", *first ? (*first)->text : "");
  const auto taken = check.kind == CheckKind::command ? take_command(check, text, (*first)->end)
                                                      : take_keys(check, text, (*first)->end);
  if (!taken) return std::unexpected(taken.error());
  return check;
}

std::string check_help() {
  std::string out =
      "A check is: files|images|table PATH [KEY=VALUE…], log_clean, or command COMMAND.\nKeys:";
  for (const Key& key : keys) out += fmt::format(" {}={}", key.name, key.value);
  return out + " range:COLUMN=-90..90 type:COLUMN=integer|number|boolean|date|timestamp|text";
}

}  // namespace reeve
