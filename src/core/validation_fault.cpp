// What is wrong with a check as it was asked for.

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "core/glob.h"
#include "core/validation.h"

namespace reeve {
namespace {

using Fault = std::optional<std::string>;

bool is_of_files(CheckKind kind) {
  return kind == CheckKind::files || kind == CheckKind::images || kind == CheckKind::table;
}
bool is_of_images(CheckKind kind) {
  return kind == CheckKind::images;
}
bool is_of_tables(CheckKind kind) {
  return kind == CheckKind::table;
}
bool is_of_commands(CheckKind kind) {
  return kind == CheckKind::command;
}

// Which kinds a member belongs to, and whether it was given.
struct Member {
  const char* name;
  bool (*belongs)(CheckKind);
  bool (*is_given)(const Check&);
};

constexpr std::array members{
    Member{"path", is_of_files, [](const Check& c) { return !c.path.empty(); }},
    Member{"count_min", is_of_files, [](const Check& c) { return c.count_min != 1; }},
    Member{"count_max", is_of_files, [](const Check& c) { return c.count_max.has_value(); }},
    Member{"size_min", is_of_files, [](const Check& c) { return c.size_min != 1; }},
    Member{"newer", is_of_files, [](const Check& c) { return c.newer; }},
    Member{"width", is_of_images, [](const Check& c) { return c.width.has_value(); }},
    Member{"height", is_of_images, [](const Check& c) { return c.height.has_value(); }},
    Member{"width_min", is_of_images, [](const Check& c) { return c.width_min.has_value(); }},
    Member{"height_min", is_of_images, [](const Check& c) { return c.height_min.has_value(); }},
    Member{"format", is_of_tables, [](const Check& c) { return c.format.has_value(); }},
    Member{"delimiter", is_of_tables, [](const Check& c) { return !c.delimiter.empty(); }},
    Member{"columns", is_of_tables, [](const Check& c) { return !c.columns.empty(); }},
    Member{"order", is_of_tables, [](const Check& c) { return c.order != ColumnOrder::any; }},
    Member{"types", is_of_tables, [](const Check& c) { return !c.types.empty(); }},
    Member{"rows_min", is_of_tables, [](const Check& c) { return c.rows_min.has_value(); }},
    Member{"rows_max", is_of_tables, [](const Check& c) { return c.rows_max.has_value(); }},
    Member{"ranges", is_of_tables, [](const Check& c) { return !c.ranges.empty(); }},
    Member{"no_missing", is_of_tables, [](const Check& c) { return !c.no_missing.empty(); }},
    Member{"unique", is_of_tables, [](const Check& c) { return !c.unique.empty(); }},
    Member{"command", is_of_commands, [](const Check& c) { return !c.command.empty(); }},
    Member{"shell", is_of_commands, [](const Check& c) { return !c.shell.empty(); }},
};

std::size_t bytes_of(const std::vector<std::string>& words) {
  std::size_t bytes = 0;
  for (const std::string& word : words) bytes += word.size();
  return bytes;
}

Fault find_size_fault(const Check& check) {
  const std::size_t words = check.columns.size() + check.types.size() + check.ranges.size() +
                            check.no_missing.size() + check.unique.size();
  if (words > limits::check_words_max)
    return fmt::format("it names more than {} columns", limits::check_words_max);
  std::size_t bytes = check.name.size() + check.path.size() + check.shell.size();
  for (const auto* list : {&check.columns, &check.no_missing, &check.unique, &check.command})
    bytes += bytes_of(*list);
  for (const auto& [column, type] : check.types) bytes += column.size();
  for (const auto& [column, range] : check.ranges) bytes += column.size();
  if (bytes > limits::check_bytes_max)
    return fmt::format("it has more than {} bytes", limits::check_bytes_max);
  return std::nullopt;
}

Fault find_bounds_fault(std::string_view what, const std::optional<std::int64_t>& least,
                        const std::optional<std::int64_t>& most) {
  if ((least && *least < 0) || (most && *most < 0)) return fmt::format("{} is negative", what);
  if (least && most && *least > *most)
    return fmt::format("{}: the least, {}, is more than the most, {}", what, *least, *most);
  return std::nullopt;
}

// The first `{word}` that is neither `name` nor a parameter.
Fault find_word_fault(std::string_view path, const std::map<std::string, std::string>& params) {
  PathWords words{"name", params};
  for (auto& [name, value] : words.params) value = "value";
  const std::string rest = expand_path(path, words);
  const auto open = rest.find('{');
  const bool is_double = path.find("{{") != std::string_view::npos;
  if (open == std::string::npos || is_double) return std::nullopt;
  return fmt::format("`{}` is neither {{name}} nor a parameter of the pipeline",
                     printable(rest.substr(open, rest.find('}', open) - open + 1)));
}

Fault find_path_fault(const Check& check, const std::map<std::string, std::string>& params) {
  if (check.path.find('\0') != std::string::npos) return "a NUL byte is in the path";
  const auto parsed = parse_glob(check.path);
  if (!parsed)
    return fmt::format("the path `{}`: {}", printable(check.path), parsed.error().message);
  if (auto fault = find_word_fault(check.path, params)) return fault;
  if (auto fault = find_bounds_fault("count", check.count_min, check.count_max)) return fault;
  return find_bounds_fault("size_min", check.size_min, std::nullopt);
}

Fault find_image_fault(const Check& check) {
  if (auto fault = find_bounds_fault("width", check.width, check.width_min)) return fault;
  if (check.width && check.width_min) return "give width or width_min, not both";
  if (auto fault = find_bounds_fault("height", check.height, check.height_min)) return fault;
  if (check.height && check.height_min) return "give height or height_min, not both";
  return std::nullopt;
}

Fault find_table_fault(const Check& check) {
  if (auto fault = find_bounds_fault("rows", check.rows_min, check.rows_max)) return fault;
  if (!check.delimiter.empty()) {
    const char c = check.delimiter.front();
    const bool is_usable =
        check.delimiter.size() == 1 && (c == '\t' || (c >= ' ' && c < 0x7F)) && c != '"';
    if (!is_usable) return "the delimiter is one ASCII character, and no quote";
    if (check.format && *check.format != TableFormat::csv)
      return "a delimiter has a meaning only for CSV";
  }
  if (check.order != ColumnOrder::any && check.columns.empty())
    return "an order has a meaning only together with columns";
  for (const auto& [column, range] : check.ranges) {
    if (!range.min && !range.max)
      return fmt::format("the range of `{}` has neither min nor max", printable(column));
    if (range.min && range.max && *range.min > *range.max)
      return fmt::format("the range of `{}`: min is more than max", printable(column));
  }
  return std::nullopt;
}

Fault find_command_fault(const Check& check) {
  if (check.command.empty() == check.shell.empty()) return "give one of command and shell";
  if (!check.command.empty() && check.command.front().empty()) return "the program has no name";
  const auto has_nul = [](const std::string& text) { return text.find('\0') != std::string::npos; };
  if (std::ranges::any_of(check.command, has_nul) || has_nul(check.shell))
    return "a NUL byte is in the command";
  return std::nullopt;
}

Fault find_check_fault(const Check& check, const std::map<std::string, std::string>& params) {
  for (const Member& member : members)
    if (!member.belongs(check.kind) && member.is_given(check))
      return fmt::format("`{}` has no meaning here", member.name);
  if (auto fault = find_size_fault(check)) return fault;
  if (is_of_files(check.kind))
    if (auto fault = find_path_fault(check, params)) return fault;
  if (is_of_images(check.kind)) return find_image_fault(check);
  if (is_of_tables(check.kind)) return find_table_fault(check);
  if (is_of_commands(check.kind)) return find_command_fault(check);
  return std::nullopt;
}

}  // namespace

std::optional<std::string> find_fault(const Validation& validation,
                                      const std::map<std::string, std::string>& params) {
  if (validation.checks.size() > limits::checks_max)
    return fmt::format("there are {} checks, and {} are the most", validation.checks.size(),
                       limits::checks_max);
  if (validation.time_limit <= Duration(0)) return "the time limit of the checks must be above 0";
  for (std::size_t i = 0; i < validation.checks.size(); ++i)
    if (auto fault = find_check_fault(validation.checks[i], params))
      return fmt::format("check {} ({}): {}", i + 1, title(validation.checks[i]), *fault);
  return std::nullopt;
}

}  // namespace reeve
