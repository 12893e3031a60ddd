#include "data/table_check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "base/text.h"
#include "data/column_terms.h"
#include "data/table_source.h"

namespace reeve {
namespace {

constexpr std::size_t names_shown_max = 20;

std::string names_text(const std::vector<std::string>& names) {
  if (names.empty()) return "none";
  std::string out;
  for (std::size_t i = 0; i < std::min(names.size(), names_shown_max); ++i)
    out += (i == 0 ? "" : ", ") + names[i];
  return names.size() > names_shown_max ? out + ", \u2026" : out;
}

double number_of(const std::optional<std::string>& text) {
  double value = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), value);
  return value;
}

class TableJudge {
 public:
  TableJudge(const Check& check, const Database& database, const TableSource& source)
      : check_(check), database_(database), source_(source) {}

  FileLook judge() {
    judge_columns();
    choose_columns();
    judge_values();
    if (look_.trouble.empty() && look_.faults.empty()) judge_unique();
    look_.found = fmt::format("{} row{}, {} column{}", rows_, rows_ == 1 ? "" : "s",
                              source_.columns().size(), source_.columns().size() == 1 ? "" : "s");
    return std::move(look_);
  }

 private:
  void add(std::string found, std::string sentence) {
    look_.faults.push_back({std::move(found), std::move(sentence)});
  }
  void take(const SqlTrouble& trouble) {
    const TableTrouble told = to_table_trouble(trouble);
    if (told.is_fault)
      add("unreadable", "is not readable to its end: " + told.text);
    else
      look_.trouble = told.text;
  }

  [[nodiscard]] std::optional<std::size_t> find_column(const std::string& name) const {
    const auto& columns = source_.columns();
    const auto found = std::ranges::find(columns, name);
    if (found == columns.end()) return std::nullopt;
    return static_cast<std::size_t>(found - columns.begin());
  }

  // All that the check names.
  [[nodiscard]] std::vector<std::string> named_columns() const {
    std::vector<std::string> named = check_.columns;
    for (const auto& [column, type] : check_.types) named.push_back(column);
    for (const auto& [column, range] : check_.ranges) named.push_back(column);
    for (const std::string& column : check_.no_missing)
      if (column != "*") named.push_back(column);
    named.insert(named.end(), check_.unique.begin(), check_.unique.end());
    return named;
  }

  void judge_columns() {
    const auto& columns = source_.columns();
    const std::string found = "columns " + names_text(columns);
    std::vector<std::string> missing;
    std::set<std::string> seen;
    for (const std::string& name : named_columns()) {
      if (!seen.insert(name).second) continue;
      const auto count = std::ranges::count(columns, name);
      if (count == 0) missing.push_back(name);
      if (count > 1) add(found, fmt::format("has the column `{}` {} times", name, count));
    }
    if (!missing.empty())
      add(found, fmt::format("has no column `{}`; there {}", fmt::join(missing, "`, `"),
                             columns.size() == 1 ? "is " + names_text(columns)
                                                 : "are " + names_text(columns)));
    else if (check_.order == ColumnOrder::exact && columns != check_.columns)
      add(found, fmt::format("has the columns {}, expected exactly {}", names_text(columns),
                             names_text(check_.columns)));
    else if (check_.order == ColumnOrder::ordered && !are_ordered())
      add(found, fmt::format("has the columns {}, expected in the order {}", names_text(columns),
                             names_text(check_.columns)));
  }

  [[nodiscard]] bool are_ordered() const {
    auto at = source_.columns().begin();
    for (const std::string& name : check_.columns) {
      at = std::find(at, source_.columns().end(), name);
      if (at == source_.columns().end()) return false;
      ++at;
    }
    return true;
  }

  // Those whose values are looked at.
  void choose_columns() {
    const bool all = std::ranges::find(check_.no_missing, "*") != check_.no_missing.end();
    for (std::size_t i = 0; i < source_.columns().size(); ++i) {
      const std::string& name = source_.columns()[i];
      ColumnTerms column;
      column.name = name;
      column.stored_type = source_.type_of(i);
      if (const auto type = check_.types.find(name); type != check_.types.end())
        column.type = type->second;
      if (const auto range = check_.ranges.find(name); range != check_.ranges.end())
        column.range = range->second;
      column.no_missing =
          all || std::ranges::find(check_.no_missing, name) != check_.no_missing.end();
      if (!column.type && !column.range && !column.no_missing) continue;
      if (auto wrong = find_type_fault(column)) {
        add(column.stored_type, *wrong);
        continue;
      }
      wanted_.push_back(i);
      columns_.push_back(std::move(column));
    }
  }

  void judge_values() {
    std::string list = "count(*)";
    std::vector<SqlValue> values;
    for (std::size_t i = 0; i < columns_.size(); ++i)
      list += ", " + column_terms(columns_[i], fmt::format("v{}", i), values);
    if (source_.has_whole()) list += ", bit_xor(whole)";
    const auto answer =
        database_.query("SELECT " + list + " FROM " + source_.relation(wanted_), values);
    if (!answer) return take(answer.error());
    const SqlRow& row = answer->front();
    rows_ = static_cast<std::int64_t>(number_of(row[0]));
    if (source_.rows() && *source_.rows() != rows_) {
      look_.trouble = fmt::format("{} rows were read of {} that are there", rows_, *source_.rows());
      return;
    }
    look_.metrics["rows"] = static_cast<double>(rows_);
    judge_rows();
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const std::span<const std::optional<std::string>> cells(row.data() + 1 + i * column_cells,
                                                              column_cells);
      for (FileFault& fault : column_faults(columns_[i], cells))
        look_.faults.push_back(std::move(fault));
      add_metrics(columns_[i], cells);
    }
  }

  void judge_rows() {
    const std::string found = fmt::format("{} row{}", rows_, rows_ == 1 ? "" : "s");
    const bool is_few = check_.rows_min && rows_ < *check_.rows_min;
    const bool is_many = check_.rows_max && rows_ > *check_.rows_max;
    if (is_few || is_many)
      add(found,
          fmt::format("has {}, expected {}", found, count_words(check_.rows_min, check_.rows_max)));
  }

  void add_metrics(const ColumnTerms& column, std::span<const std::optional<std::string>> cells) {
    if (!column.range || look_.metrics.size() + 2 > limits::outcome_metrics_max) return;
    const std::string name = printable(column.name).substr(0, 100);
    if (cells[column_cells - 2]) look_.metrics[name + ".min"] = number_of(cells[column_cells - 2]);
    if (cells[column_cells - 1]) look_.metrics[name + ".max"] = number_of(cells[column_cells - 1]);
  }

  void judge_unique() {
    if (check_.unique.empty()) return;
    std::vector<std::size_t> keys;
    std::string example;
    std::string names;
    for (const std::string& name : check_.unique) {
      names += fmt::format("{}v{}", keys.empty() ? "" : ", ", keys.size());
      example += fmt::format("{}coalesce(left(CAST(v{} AS VARCHAR), 80), '(nothing)')",
                             keys.empty() ? "" : " || ', ' || ", keys.size());
      keys.push_back(*find_column(name));
    }
    const auto answer = database_.query(
        fmt::format("SELECT count(*), any_value({}) FROM (SELECT {} FROM {} GROUP BY {} "
                    "HAVING count(*) > 1)",
                    example, names, source_.relation(keys), names),
        {});
    if (!answer) return take(answer.error());
    const SqlRow& row = answer->front();
    if (row[0] == "0") return;
    add(fmt::format("{} repeated", row[0].value_or("")),
        fmt::format("has {} value{} of {} more than once, such as `{}`", row[0].value_or(""),
                    row[0] == "1" ? "" : "s", fmt::join(check_.unique, ", "), row[1].value_or("")));
  }

  const Check& check_;
  const Database& database_;
  const TableSource& source_;
  FileLook look_;
  std::vector<std::size_t> wanted_;
  std::vector<ColumnTerms> columns_;  // of the wanted ones
  std::int64_t rows_ = 0;
};

}  // namespace

FileLook look_at_table(const OpenedFile& file, const Check& check, const DatabaseLimits& limits) {
  FileLook look;
  // A new one for each file: a fault within DuckDB spoils the one in which it happened.
  const auto database = Database::open(limits);
  if (!database) {
    look.trouble = database.error().text;
    return look;
  }
  const auto source = TableSource::open(file, check, *database);
  if (source) return TableJudge(check, *database, *source).judge();
  if (source.error().is_fault)
    look.faults.push_back({"unreadable", "is no proper table: " + source.error().text});
  else
    look.trouble = source.error().text;
  return look;
}

}  // namespace reeve
