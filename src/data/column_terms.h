#pragma once
// What one column is asked, in SQL, and what its answers mean.

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/validation.h"
#include "data/database.h"
#include "data/file_look.h"

namespace reeve {

struct ColumnTerms {
  std::string name;
  std::string stored_type;  // as DuckDB names it; empty: all values are texts
  std::optional<ColumnType> type;
  std::optional<Range> range;
  bool no_missing = false;
};

// A stored type that can't be what was asked for.
[[nodiscard]] std::optional<std::string> find_type_fault(const ColumnTerms& column);

// Cells that each column's terms take in the answer. The last two are the least and the greatest
// value of a column with a range.
inline constexpr std::size_t column_cells = 7;

// The terms for the column called `value`, with commas between; what they bind is added to
// `values`.
[[nodiscard]] std::string column_terms(const ColumnTerms& column, const std::string& value,
                                       std::vector<SqlValue>& values);

[[nodiscard]] std::vector<FileFault> column_faults(
    const ColumnTerms& column, std::span<const std::optional<std::string>> cells);

}  // namespace reeve
