#include "data/database.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace reeve {
namespace {

// Beside its memory: what spills there is at most so many times as much.
constexpr std::int64_t scratch_factor = 8;

SqlTrouble::Kind kind_of(duckdb_error_type type) {
  switch (type) {
    case DUCKDB_ERROR_INVALID:
    case DUCKDB_ERROR_OUT_OF_RANGE:
    case DUCKDB_ERROR_CONVERSION:
    case DUCKDB_ERROR_MISMATCH_TYPE:
    case DUCKDB_ERROR_INVALID_INPUT:
    case DUCKDB_ERROR_INVALID_TYPE:
    case DUCKDB_ERROR_SERIALIZATION:
    case DUCKDB_ERROR_NOT_IMPLEMENTED:
      return SqlTrouble::Kind::data;
    default:
      return SqlTrouble::Kind::none_of_the_data;
  }
}

// The first lines say what is wrong; then come hints about DuckDB's options.
std::string first_words(std::string_view text) {
  constexpr std::string_view invalid = "Invalid Input Error: ";
  if (text.starts_with(invalid)) text.remove_prefix(invalid.size());
  for (const std::string_view hints : {"\n\nLINE ", "\n\n", "\nPossible ", "\nThis can happen",
                                       "\nDatabase is launched", "\n  file ="})
    text = text.substr(0, text.find(hints));
  std::string out;
  while (!text.empty()) {
    // Files go by such names here, which say nothing to people.
    constexpr std::string_view place = "/proc/self/fd/";
    const bool is_quote = text.front() == '"' || text.front() == '\'';
    const std::string_view inner = text.substr(is_quote ? 1 : 0);
    if (inner.starts_with(place)) {
      const std::size_t end = inner.find_first_not_of("0123456789", place.size());
      text = end == std::string_view::npos ? "" : inner.substr(end + (is_quote ? 1 : 0));
      out += "it";
      continue;
    }
    out += text.front() == '\n' ? ' ' : text.front();
    text.remove_prefix(1);
  }
  while (out.ends_with(' ')) out.pop_back();
  return out;
}

SqlTrouble trouble_of(const char* text, duckdb_error_type type) {
  return {kind_of(type), text == nullptr ? "no reason was given" : first_words(text)};
}

std::unexpected<SqlTrouble> broken(std::string text) {
  return std::unexpected(SqlTrouble{SqlTrouble::Kind::none_of_the_data, std::move(text)});
}

class Configuration {
 public:
  Configuration() { is_good_ = duckdb_create_config(&handle_) == DuckDBSuccess; }
  Configuration(const Configuration&) = delete;
  Configuration& operator=(const Configuration&) = delete;
  ~Configuration() { duckdb_destroy_config(&handle_); }

  void set(const char* name, const std::string& value) {
    is_good_ = is_good_ && duckdb_set_config(handle_, name, value.c_str()) == DuckDBSuccess;
  }
  [[nodiscard]] bool is_good() const { return is_good_; }
  [[nodiscard]] duckdb_config handle() const { return handle_; }

 private:
  duckdb_config handle_ = nullptr;
  bool is_good_ = false;
};

class Answer {
 public:
  Answer() = default;
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;
  ~Answer() { duckdb_destroy_result(&result_); }
  duckdb_result* operator&() { return &result_; }  // NOLINT(google-runtime-operator)

 private:
  duckdb_result result_{};
};

class Statement {
 public:
  Statement() = default;
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  ~Statement() { duckdb_destroy_prepare(&handle_); }

  [[nodiscard]] SqlResult<void> prepare(duckdb_connection connection, const std::string& sql) {
    if (duckdb_prepare(connection, sql.c_str(), &handle_) == DuckDBSuccess) return {};
    // The library tells no type here; what a file is like shows while a statement is prepared.
    const char* text = duckdb_prepare_error(handle_);
    const std::string_view words = text == nullptr ? "" : text;
    const bool is_of_data = words.starts_with("Invalid Input Error") ||
                            words.starts_with("Invalid Error") ||
                            words.starts_with("Not implemented Error");
    return std::unexpected(
        trouble_of(text, is_of_data ? DUCKDB_ERROR_INVALID_INPUT : DUCKDB_ERROR_UNKNOWN_TYPE));
  }
  [[nodiscard]] bool bind(idx_t place, const SqlValue& value) {
    if (const auto* number = std::get_if<double>(&value))
      return duckdb_bind_double(handle_, place, *number) == DuckDBSuccess;
    const auto& text = std::get<std::string>(value);
    return duckdb_bind_varchar_length(handle_, place, text.data(), text.size()) == DuckDBSuccess;
  }
  [[nodiscard]] duckdb_prepared_statement handle() const { return handle_; }

 private:
  duckdb_prepared_statement handle_ = nullptr;
};

}  // namespace

std::string quote_literal(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    out += c;
    if (c == '\'') out += c;
  }
  return out + "'";
}

SqlResult<Database> Database::open(const DatabaseLimits& limits) {
  Configuration configuration;
  configuration.set("memory_limit", fmt::format("{}B", limits.memory));
  configuration.set("threads", fmt::format("{}", limits.threads));
  configuration.set("autoload_known_extensions", "false");
  configuration.set("autoinstall_known_extensions", "false");
  if (!configuration.is_good()) return broken("DuckDB does not know its settings");
  Database made;
  duckdb_database database = nullptr;
  char* error = nullptr;
  const auto state = duckdb_open_ext(nullptr, &database, configuration.handle(), &error);
  if (state != DuckDBSuccess) {
    const std::string text = error == nullptr ? "" : first_words(error);
    duckdb_free(error);
    return broken("DuckDB does not start: " + text);
  }
  made.database_.reset(database);
  duckdb_connection connection = nullptr;
  if (duckdb_connect(database, &connection) != DuckDBSuccess)
    return broken("DuckDB does not start");
  made.connection_.reset(connection);
  if (auto confined = made.confine(limits); !confined) return std::unexpected(confined.error());
  return made;
}

// The last of them locks the others.
SqlResult<void> Database::confine(const DatabaseLimits& limits) const {
  const std::string allowed = "[" + quote_literal(limits.directory) +
                              (limits.scratch.empty() ? "" : ", " + quote_literal(limits.scratch)) +
                              "]";
  const std::string settings[] = {
      "SET temp_directory = " + quote_literal(limits.scratch),
      limits.scratch.empty()
          ? ""
          : fmt::format("SET max_temp_directory_size = '{}B'", limits.memory * scratch_factor),
      "SET allowed_directories = " + allowed,
      "SET enable_external_access = false",
      "SET preserve_insertion_order = false",
      "SET lock_configuration = true",
  };
  for (const std::string& setting : settings) {
    if (setting.empty()) continue;
    if (auto set = query(setting, {}); !set) return std::unexpected(set.error());
  }
  return {};
}

SqlResult<std::vector<SqlRow>> Database::query(const std::string& sql,
                                               const std::vector<SqlValue>& values) const {
  Statement statement;
  if (auto prepared = statement.prepare(connection_.get(), sql); !prepared)
    return std::unexpected(prepared.error());
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!statement.bind(i + 1, values[i])) return broken("DuckDB does not take a value");
  Answer answer;
  if (duckdb_execute_prepared(statement.handle(), &answer) != DuckDBSuccess)
    return std::unexpected(
        trouble_of(duckdb_result_error(&answer), duckdb_result_error_type(&answer)));
  std::vector<SqlRow> rows;
  const idx_t columns = duckdb_column_count(&answer);
  for (idx_t row = 0; row < duckdb_row_count(&answer); ++row) {
    SqlRow& cells = rows.emplace_back();
    for (idx_t column = 0; column < columns; ++column) {
      char* text = duckdb_value_varchar(&answer, column, row);
      cells.push_back(text == nullptr ? std::nullopt : std::optional<std::string>(text));
      duckdb_free(text);
    }
  }
  return rows;
}

}  // namespace reeve
