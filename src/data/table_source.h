#pragma once
// A file as a table: its columns, and how DuckDB reads it. No name and no text of the file ever
// stands in a statement.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/validation.h"
#include "data/database.h"
#include "data/found_files.h"

namespace reeve {

struct TableTrouble {
  bool is_fault = false;  // of the file; else nobody can say
  std::string text;       // ends a sentence
};

class TableSource {
 public:
  // `file` stays open as long as the source is used.
  [[nodiscard]] static std::expected<TableSource, TableTrouble> open(const OpenedFile& file,
                                                                     const Check& check,
                                                                     const Database& database);

  // As they stand in the file. Of JSON lines: the keys of the first line, then the other ones.
  [[nodiscard]] const std::vector<std::string>& columns() const { return columns_; }
  // The type of a column in words of the file's own; empty where all values are texts.
  [[nodiscard]] std::string type_of(std::size_t column) const {
    return types_.empty() ? "" : types_[column];
  }
  // What follows FROM: the wanted columns under the names v0, v1 … and, where only that makes all
  // of the file be read, a column `whole`.
  [[nodiscard]] std::string relation(const std::vector<std::size_t>& wanted) const;
  [[nodiscard]] bool has_whole() const { return format_ == TableFormat::parquet; }
  // How many rows there must be, where that is known without DuckDB.
  [[nodiscard]] std::optional<std::int64_t> rows() const { return rows_; }

 private:
  using Opening = std::expected<void, TableTrouble>;

  [[nodiscard]] Opening open_csv(const OpenedFile& file, char delimiter);
  [[nodiscard]] Opening open_jsonl(const OpenedFile& file, const Database& database);
  [[nodiscard]] Opening open_parquet(const Database& database);

  TableFormat format_ = TableFormat::csv;
  std::vector<std::string> columns_;
  std::vector<std::string> types_;
  std::string reader_;  // the table function that reads it
  std::optional<std::int64_t> rows_;
};

// "data.csv.gz" is CSV; nothing for what the name does not tell.
[[nodiscard]] std::optional<TableFormat> table_format_of(std::string_view path);

[[nodiscard]] TableTrouble to_table_trouble(const SqlTrouble& trouble);

}  // namespace reeve
