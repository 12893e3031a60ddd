#include "data/table_source.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "base/text.h"
#include "core/limits.h"
#include "data/text_scan.h"

namespace reeve {
namespace {

// DuckDB reads CSV in pieces of so many of the longest lines, one for each thread; its own 16 leave
// nothing of a small memory.
constexpr std::size_t buffer_lines = 4;

std::unexpected<TableTrouble> fault(std::string text) {
  return std::unexpected(TableTrouble{true, std::move(text)});
}

// A name that DuckDB opens as that very file.
std::string place_of(const OpenedFile& file) {
  return quote_literal(fmt::format("/proc/self/fd/{}", file.file.get()));
}

std::string numbered(std::string_view letter, std::size_t count, std::string_view rest) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i)
    out += fmt::format("{}{}{}{}", i == 0 ? "" : ", ", letter, i, rest);
  return out;
}

// RFC 6901.
std::string json_pointer(std::string_view key) {
  std::string out = "/";
  for (const char c : key) out += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return out;
}

std::expected<TextScan, TableTrouble> scan(const OpenedFile& file, const ScanOptions& options) {
  auto scanned = scan_text(file.file.get(), options);
  if (!scanned) return std::unexpected(TableTrouble{false, scanned.error().message});
  if (!scanned->fault.empty()) return fault(scanned->fault);
  return std::move(*scanned);
}

}  // namespace

TableTrouble to_table_trouble(const SqlTrouble& trouble) {
  if (trouble.kind == SqlTrouble::Kind::data) return {true, trouble.text};
  return {false, trouble.text};
}

std::optional<TableFormat> table_format_of(std::string_view path) {
  std::string name(path);
  std::ranges::transform(name, name.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (name.ends_with(".gz")) name.resize(name.size() - 3);
  constexpr std::array<std::pair<std::string_view, TableFormat>, 7> endings{{
      {".csv", TableFormat::csv},
      {".tsv", TableFormat::tsv},
      {".tab", TableFormat::tsv},
      {".jsonl", TableFormat::jsonl},
      {".ndjson", TableFormat::jsonl},
      {".parquet", TableFormat::parquet},
      {".pq", TableFormat::parquet},
  }};
  for (const auto& [ending, format] : endings)
    if (name.ends_with(ending)) return format;
  return std::nullopt;
}

std::expected<TableSource, TableTrouble> TableSource::open(const OpenedFile& file,
                                                           const Check& check,
                                                           const Database& database) {
  const auto format = check.format ? check.format : table_format_of(file.path);
  if (!format)
    return std::unexpected(
        TableTrouble{false,
                     "its name does not tell the format; give format = csv, tsv, jsonl or "
                     "parquet"});
  TableSource source;
  source.format_ = *format;
  Opening opened;
  if (*format == TableFormat::csv)
    opened = source.open_csv(file, check.delimiter.empty() ? ',' : check.delimiter.front());
  if (*format == TableFormat::tsv) opened = source.open_csv(file, '\t');
  if (*format == TableFormat::jsonl) opened = source.open_jsonl(file, database);
  source.reader_ = *format == TableFormat::parquet ? fmt::format("read_parquet({})", place_of(file))
                                                   : source.reader_;
  if (*format == TableFormat::parquet) opened = source.open_parquet(database);
  if (!opened) return std::unexpected(opened.error());
  return source;
}

TableSource::Opening TableSource::open_csv(const OpenedFile& file, char delimiter) {
  const auto scanned = scan(file, {RecordShape::quoted, delimiter});
  if (!scanned) return std::unexpected(scanned.error());
  columns_ = scanned->header;
  // With one column an empty line may be a row without a value.
  if (columns_.size() > 1) rows_ = scanned->records - 1;
  // The strict mode refuses lines that end differently, which Python's csv writes easily; what else
  // it refuses the scan has looked for.
  reader_ = fmt::format(
      "read_csv({}, auto_detect = false, header = true, columns = {{{}}}, delim = {}, "
      "quote = '\"', escape = '\"', comment = '', null_padding = false, ignore_errors = false, "
      "strict_mode = {}, max_line_size = {}, buffer_size = {}, compression = '{}')",
      place_of(file), numbered("'c", columns_.size(), "': 'VARCHAR'"),
      quote_literal(std::string_view(&delimiter, 1)), scanned->has_mixed_ends ? "false" : "true",
      limits::table_line_bytes_max, buffer_lines * limits::table_line_bytes_max,
      scanned->is_compressed ? "gzip" : "none");
  return {};
}

TableSource::Opening TableSource::open_jsonl(const OpenedFile& file, const Database& database) {
  const auto scanned = scan(file, {RecordShape::lines, 0});
  if (!scanned) return std::unexpected(scanned.error());
  rows_ = scanned->records;
  reader_ = fmt::format("read_ndjson_objects({}, ignore_errors = false, compression = '{}')",
                        place_of(file), scanned->is_compressed ? "gzip" : "uncompressed");
  const auto others =
      database.query("SELECT count(*) FROM " + reader_ + " WHERE json_type(json) <> 'OBJECT'", {});
  if (!others) return std::unexpected(to_table_trouble(others.error()));
  if (others->front().front() != "0") return fault("not every line is an object");
  const std::string first =
      "SELECT unnest(json_keys(json)) FROM (SELECT json FROM " + reader_ + " LIMIT 1)";
  const std::string all =
      fmt::format("SELECT DISTINCT unnest(json_keys(json)) AS name FROM {} ORDER BY name LIMIT {}",
                  reader_, limits::table_columns_max + 1);
  for (const std::string& sql : {first, all}) {
    const auto keys = database.query(sql, {});
    if (!keys) return std::unexpected(to_table_trouble(keys.error()));
    for (const SqlRow& row : *keys)
      if (row.front() && std::ranges::find(columns_, *row.front()) == columns_.end())
        columns_.push_back(*row.front());
    if (columns_.size() > limits::table_columns_max)
      return fault(fmt::format("it has more than {} keys", limits::table_columns_max));
  }
  return {};
}

TableSource::Opening TableSource::open_parquet(const Database& database) {
  const auto described = database.query("DESCRIBE SELECT * FROM " + reader_, {});
  if (!described) return std::unexpected(to_table_trouble(described.error()));
  if (described->size() > limits::table_columns_max)
    return fault(fmt::format("it has more than {} columns", limits::table_columns_max));
  for (const SqlRow& row : *described) {
    columns_.push_back(row[0].value_or(""));
    types_.push_back(row[1].value_or(""));
  }
  return {};
}

std::string TableSource::relation(const std::vector<std::size_t>& wanted) const {
  std::string list;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const std::string value = format_ == TableFormat::jsonl
                                  ? fmt::format("json_extract_string(json, {})",
                                                quote_literal(json_pointer(columns_[wanted[i]])))
                                  : fmt::format("c{}", wanted[i]);
    list += fmt::format("{}{} AS v{}", i == 0 ? "" : ", ", value, i);
  }
  if (has_whole())
    list +=
        (list.empty() ? "hash(" : ", hash(") + numbered("c", columns_.size(), "") + ") AS whole";
  if (list.empty()) list = "1 AS one";
  std::string names;
  if (format_ == TableFormat::parquet)
    names = " AS file(" + numbered("c", columns_.size(), "") + ")";
  return "(SELECT " + list + " FROM " + reader_ + names + ")";
}

}  // namespace reeve
