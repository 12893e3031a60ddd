#include "core/retention.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <utility>

namespace reeve {
namespace {

constexpr std::string_view staging_name = ".staging";

std::int64_t bytes_of(const RetentionItem& item, const JobParts& parts) {
  return (parts.results ? item.results_bytes : 0) + (parts.logs ? item.log_bytes : 0);
}

JobParts parts_over_age(const RetentionItem& item, const RetentionPolicy& policy) {
  const auto is_over = [&](const std::optional<Duration>& limit) {
    return limit && item.age >= *limit;
  };
  JobParts parts;
  parts.results = item.there.results && is_over(policy.results_age);
  parts.logs = item.there.logs && is_over(policy.logs_age);
  const bool is_rest_gone = parts.results == item.there.results && parts.logs == item.there.logs;
  parts.record = is_over(policy.record_age) && is_rest_gone;
  return parts;
}

}  // namespace

std::string to_words(const JobParts& parts) {
  std::string out;
  const auto add = [&](bool has, const char* word) {
    if (has) out += (out.empty() ? "" : ", ") + std::string(word);
  };
  add(parts.results, "results");
  add(parts.logs, "logs");
  add(parts.record, "record");
  return out;
}

std::int32_t to_bits(const JobParts& parts) {
  return (parts.results ? 1 : 0) + (parts.logs ? 2 : 0) + (parts.record ? 4 : 0);
}

JobParts parts_from_bits(std::int32_t bits) {
  return {(bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0};
}

std::vector<Removal> choose_removals(std::vector<RetentionItem> items,
                                     const RetentionPolicy& policy) {
  std::ranges::sort(items, {},
                    [](const RetentionItem& item) { return std::pair(item.ended_at, item.id); });
  std::int64_t total = 0;
  for (const RetentionItem& item : items) total += item.results_bytes + item.log_bytes;
  const auto may_go = [&](const RetentionItem& item) {
    return item.has_ended && !item.is_kept && !item.is_under_way && !item.is_latest;
  };
  std::vector<Removal> out;
  std::map<JobId, std::size_t> chosen;
  for (const RetentionItem& item : items) {
    if (!may_go(item)) continue;
    const JobParts parts = parts_over_age(item, policy);
    if (!parts.any()) continue;
    const std::int64_t bytes = bytes_of(item, parts);
    chosen[item.id] = out.size();
    out.push_back({item.id, item.name, item.ended_at, parts, bytes, RemovalCause::age});
    total -= bytes;
  }
  for (const RetentionItem& item : items) {
    if (!policy.bytes_max || total <= *policy.bytes_max) break;
    if (!may_go(item)) continue;
    const auto before = chosen.find(item.id);
    JobParts parts = before == chosen.end() ? JobParts{} : out[before->second].parts;
    JobParts more{item.there.results && policy.size_takes_results && !parts.results,
                  item.there.logs && policy.size_takes_logs && !parts.logs, false};
    const std::int64_t bytes = bytes_of(item, more);
    if (bytes == 0) continue;
    total -= bytes;
    if (before == chosen.end()) {
      out.push_back({item.id, item.name, item.ended_at, more, bytes, RemovalCause::size});
      continue;
    }
    Removal& removal = out[before->second];
    removal.parts.results |= more.results;
    removal.parts.logs |= more.logs;
    removal.bytes += bytes;
  }
  return out;
}

bool is_run_date(std::string_view text) {
  constexpr std::string_view shape = "dddd-dd-dd_dd-dd-dd";
  if (text.size() != shape.size()) return false;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const bool is_digit = std::isdigit(static_cast<unsigned char>(text[i])) != 0;
    if (shape[i] == 'd' ? !is_digit : text[i] != shape[i]) return false;
  }
  return true;
}

std::optional<RunPlace> place_in_root(std::string_view path) {
  const auto last = path.rfind('/');
  if (last == std::string_view::npos || last == 0) return std::nullopt;
  const auto middle = path.rfind('/', last - 1);
  if (middle == std::string_view::npos || middle == 0 || !path.starts_with('/'))
    return std::nullopt;
  const std::string_view directory = path.substr(middle + 1, last - middle - 1);
  const std::string_view leaf = path.substr(last + 1);
  if (directory != staging_name && !is_run_date(directory)) return std::nullopt;
  if (leaf.empty() || leaf.starts_with('.')) return std::nullopt;
  return RunPlace{std::string(path.substr(0, middle)), std::string(directory), std::string(leaf)};
}

}  // namespace reeve
