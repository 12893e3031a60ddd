#pragma once
// DuckDB with nothing in it, which reads files of one directory and can do nothing else.

#include <duckdb.h>

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

namespace reeve {

struct DatabaseLimits {
  std::int64_t memory = 0;  // bytes
  unsigned threads = 1;
  std::string directory;  // the only one that it may read from
  std::string scratch;    // for what does not fit into memory; empty: it has to fit
};

struct SqlTrouble {
  enum class Kind : std::uint8_t {
    data,  // what was read is not what it should be
    none_of_the_data,
  };
  Kind kind = Kind::none_of_the_data;
  std::string text;  // first sentence of the message
};

template <typename T>
using SqlResult = std::expected<T, SqlTrouble>;

// NULL is nothing.
using SqlRow = std::vector<std::optional<std::string>>;
// Numbers and texts that take the places of `?`.
using SqlValue = std::variant<double, std::string>;

class Database {
 public:
  [[nodiscard]] static SqlResult<Database> open(const DatabaseLimits& limits);

  // `sql` is text of ours. Results are small: all of it is kept.
  [[nodiscard]] SqlResult<std::vector<SqlRow>> query(const std::string& sql,
                                                     const std::vector<SqlValue>& values) const;

 private:
  struct Close {
    void operator()(duckdb_database handle) const { duckdb_close(&handle); }
  };
  struct Disconnect {
    void operator()(duckdb_connection handle) const { duckdb_disconnect(&handle); }
  };

  Database() = default;
  [[nodiscard]] SqlResult<void> confine(const DatabaseLimits& limits) const;

  // The connection goes first.
  std::unique_ptr<std::remove_pointer_t<duckdb_database>, Close> database_;
  std::unique_ptr<std::remove_pointer_t<duckdb_connection>, Disconnect> connection_;
};

// 'it''s': a literal of SQL.
[[nodiscard]] std::string quote_literal(std::string_view text);

}  // namespace reeve
