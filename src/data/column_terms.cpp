#include "data/column_terms.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace reeve {
namespace {

bool is_whole_type(std::string_view type) {
  constexpr std::array<std::string_view, 10> whole{"TINYINT", "SMALLINT", "INTEGER",   "BIGINT",
                                                   "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER",
                                                   "UBIGINT", "UHUGEINT"};
  return std::ranges::find(whole, type) != whole.end();
}

bool is_floating_type(std::string_view type) {
  return type == "FLOAT" || type == "DOUBLE";
}

bool is_number_type(std::string_view type) {
  return is_whole_type(type) || is_floating_type(type) || type.starts_with("DECIMAL");
}

bool can_hold(std::string_view stored, ColumnType wanted) {
  switch (wanted) {
    case ColumnType::text:
      return stored == "VARCHAR";
    case ColumnType::integer:
      return is_whole_type(stored);
    case ColumnType::number:
      return is_number_type(stored);
    case ColumnType::boolean:
      return stored == "BOOLEAN";
    case ColumnType::date:
      return stored == "DATE";
    case ColumnType::timestamp:
      return stored.starts_with("TIMESTAMP");
  }
  return false;
}

std::string_view words_for(ColumnType type) {
  switch (type) {
    case ColumnType::text:
      return "text";
    case ColumnType::integer:
      return "whole number";
    case ColumnType::number:
      return "number";
    case ColumnType::boolean:
      return "true or false";
    case ColumnType::date:
      return "date";
    case ColumnType::timestamp:
      return "time";
  }
  return "";
}

// Holds for a text that is a value of the type.
std::string type_test(ColumnType type, const std::string& text) {
  switch (type) {
    case ColumnType::text:
      return "true";
    case ColumnType::integer:
      // A cast would round 2.5.
      return fmt::format("regexp_full_match(trim({}), '[+-]?[0-9]+')", text);
    case ColumnType::number:
      return fmt::format("TRY_CAST({} AS DOUBLE) IS NOT NULL", text);
    case ColumnType::boolean:
      return fmt::format("lower(trim({})) IN ('true', 'false', 't', 'f', '1', '0')", text);
    case ColumnType::date:
      return fmt::format("TRY_CAST({} AS DATE) IS NOT NULL", text);
    case ColumnType::timestamp:
      return fmt::format(
          "(TRY_CAST({0} AS TIMESTAMP) IS NOT NULL OR TRY_CAST({0} AS TIMESTAMPTZ) IS NOT NULL)",
          text);
  }
  return "true";
}

// The value, or NULL for what only says that there is none. In a column of texts `NA` may be
// Namibia.
std::string present(const ColumnTerms& column, const std::string& value) {
  if (!column.stored_type.empty()) return value;
  const bool is_text = !column.range && column.type.value_or(ColumnType::text) == ColumnType::text;
  if (is_text) return fmt::format("nullif({}, '')", value);
  return fmt::format(
      "CASE WHEN trim({0}) IN ('', 'NA', 'N/A', 'NULL', 'null', 'None') THEN NULL ELSE {0} END",
      value);
}

std::string missing_test(const ColumnTerms& column, const std::string& value) {
  const std::string& stored = column.stored_type;
  if (stored.empty()) return fmt::format("({0} IS NULL OR {0} IN ('nan', 'NaN'))", value);
  if (is_floating_type(stored)) return fmt::format("({0} IS NULL OR isnan({0}))", value);
  if (stored == "VARCHAR") return fmt::format("({0} IS NULL OR {0} = '')", value);
  return value + " IS NULL";
}

std::string bound_test(std::string_view relation, const std::string& number, double bound,
                       std::vector<SqlValue>& values) {
  values.emplace_back(bound);
  return fmt::format(" OR {} {} ?", number, relation);
}

// Two cells: how many, and one of them.
std::string count_terms(const std::string& test, const std::string& value) {
  return fmt::format("count_if({0}), any_value(left(CAST({1} AS VARCHAR), 80)) FILTER (WHERE {0})",
                     test, value);
}

std::string amount_of(const std::optional<std::string>& count) {
  return fmt::format("{} value{}", count.value_or(""), count == "1" ? "" : "s");
}

bool is_some(const std::optional<std::string>& count) {
  return count && *count != "0";
}

std::string bounds_text(const Range& range) {
  if (range.min && range.max) return fmt::format("{} to {}", *range.min, *range.max);
  if (range.min) return fmt::format("{} or more", *range.min);
  return fmt::format("at most {}", range.max.value_or(0));
}

}  // namespace

std::optional<std::string> find_type_fault(const ColumnTerms& column) {
  if (column.stored_type.empty()) return std::nullopt;
  if (column.type && !can_hold(column.stored_type, *column.type))
    return fmt::format("has {} in the column `{}`, expected {}s", column.stored_type, column.name,
                       words_for(*column.type));
  if (column.range && !is_number_type(column.stored_type) && column.stored_type != "VARCHAR")
    return fmt::format("has {} in the column `{}`, expected numbers", column.stored_type,
                       column.name);
  return std::nullopt;
}

std::string column_terms(const ColumnTerms& column, const std::string& value,
                         std::vector<SqlValue>& values) {
  const std::string there = "(" + present(column, value) + ")";
  const std::string number = fmt::format("TRY_CAST({} AS DOUBLE)", there);
  const std::string is_missing =
      column.no_missing ? missing_test(column, there) : std::string("false");
  const bool is_tested = column.type && column.stored_type.empty();
  const std::string is_wrong =
      is_tested ? fmt::format("{} IS NOT NULL AND NOT {}", there, type_test(*column.type, there))
                : "false";
  std::string terms = fmt::format("count_if({})", is_missing) + ", ";
  terms += count_terms(is_wrong, value) + ", ";
  if (!column.range) return terms + "NULL, NULL, NULL, NULL";
  // Each use binds its own values: the test stands twice.
  const auto outside = [&] {
    std::string test = fmt::format("{0} IS NOT NULL AND ({1} IS NULL OR isnan({1})", there, number);
    if (column.range->min) test += bound_test("<", number, *column.range->min, values);
    if (column.range->max) test += bound_test(">", number, *column.range->max, values);
    return test + ")";
  };
  terms += fmt::format("count_if({})", outside()) + ", ";
  terms +=
      fmt::format("any_value(left(CAST({} AS VARCHAR), 80)) FILTER (WHERE {})", value, outside()) +
      ", ";
  return terms + fmt::format(
                     "min({0}) FILTER (WHERE isfinite({0})), "
                     "max({0}) FILTER (WHERE isfinite({0}))",
                     number);
}

std::vector<FileFault> column_faults(const ColumnTerms& column,
                                     std::span<const std::optional<std::string>> cells) {
  std::vector<FileFault> faults;
  if (is_some(cells[0]))
    faults.push_back(
        {amount_of(cells[0]) + " missing",
         fmt::format("has {} missing in the column `{}`", amount_of(cells[0]), column.name)});
  if (is_some(cells[1])) {
    const std::string_view words = words_for(column.type.value_or(ColumnType::text));
    faults.push_back(
        {fmt::format("`{}`", cells[2].value_or("")),
         fmt::format("has {} in the column `{}` that {} no {}, such as `{}`", amount_of(cells[1]),
                     column.name, cells[1] == "1" ? "is" : "are", words, cells[2].value_or(""))});
  }
  if (is_some(cells[3]))
    faults.push_back(
        {fmt::format("`{}`", cells[4].value_or("")),
         fmt::format("has {} in the column `{}` outside of {}, such as `{}`", amount_of(cells[3]),
                     column.name, bounds_text(*column.range), cells[4].value_or(""))});
  return faults;
}

}  // namespace reeve
