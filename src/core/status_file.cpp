#include "core/status_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parser.hpp>
#include <cmath>

#include "base/json.h"
#include "base/text.h"
#include "core/limits.h"
#include "core/notify_message.h"

namespace reeve {
namespace {

std::unexpected<Error> wrong(std::string_view key, std::string_view expected) {
  return failed(ErrorCode::invalid,
                fmt::format("status file: {}: expected {}", short_line(key), expected));
}

// Python writes NaN and Infinity, which are no JSON: they become texts.
std::string quote_not_numbers(std::string_view text) {
  std::string out;
  bool is_inside = false;
  while (!text.empty()) {
    std::size_t length = is_inside && text[0] == '\\' && text.size() > 1 ? 2 : 1;
    if (text[0] == '"') is_inside = !is_inside;
    std::string_view word;
    for (const std::string_view name : {"NaN", "Infinity", "-Infinity"})
      if (!is_inside && text.starts_with(name)) word = name;
    length = std::max(length, word.size());
    out += word.empty() ? text.substr(0, length) : fmt::format("\"{}\"", word);
    text.remove_prefix(length);
  }
  return out;
}

Result<json::value> parse(std::string_view text) {
  json::parse_options options;
  options.max_depth = 8;
  options.allow_invalid_utf8 = true;
  json::parser parser({}, options);
  boost::system::error_code error;
  const std::string quoted = quote_not_numbers(text);
  parser.write(quoted.data(), quoted.size(), error);
  if (error)
    return failed(ErrorCode::invalid,
                  fmt::format("status file: not valid JSON ({})", error.message()));
  return parser.release();
}

std::optional<std::int64_t> count_in(const json::value* value) {
  boost::system::error_code error;
  if (value == nullptr || !value->is_number()) return std::nullopt;
  const auto number = value->to_number<std::int64_t>(error);
  if (error || number < 0) return std::nullopt;
  return number;
}

Result<void> take_outcome(const json::value& value, StatusFile& out) {
  const std::string_view word = value.is_string() ? std::string_view(value.get_string()) : "";
  if (word == "success")
    out.outcome = StatedOutcome::success;
  else if (word == "warning")
    out.outcome = StatedOutcome::warning;
  else if (word == "failed")
    out.outcome = StatedOutcome::failed;
  else
    return wrong("outcome", "\"success\", \"warning\" or \"failed\"");
  return {};
}

Result<void> take_metrics(const json::value& value, StatusFile& out) {
  if (!value.is_object()) return wrong("metrics", "an object");
  if (value.get_object().size() > limits::metrics_max)
    return failed(ErrorCode::too_large,
                  fmt::format("status file: more than {} metrics", limits::metrics_max));
  for (const auto& [key, member] : value.get_object()) {
    const std::string name(key);
    const std::string place = "metrics." + name;
    if (!is_result_name(name)) return wrong(place, "a name of letters, digits, _ - . and /");
    if (member.is_bool())
      out.metrics[name] = member.get_bool();
    else if (const auto* number = member.if_int64(); number != nullptr)
      out.metrics[name] = *number;
    else if (member.is_number())
      out.metrics[name] = member.to_number<double>();
    else if (member.is_string())
      out.metrics[name] = short_line(std::string_view(member.get_string()));
    else if (!member.is_null())
      return wrong(place, "a number, a text, true or false");
  }
  return {};
}

Progress& progress_of(StatusFile& out) {
  if (!out.progress) {
    out.progress.emplace();
    out.progress->source = ProgressSource::status_file;
  }
  return *out.progress;
}

Result<void> take_progress(const json::value& value, StatusFile& out) {
  std::string text;
  if (value.is_string()) {
    text = std::string_view(value.get_string());
  } else if (value.is_number()) {
    const auto number = value.to_number<double>();
    if (std::isfinite(number) && number >= 0) text = fmt::format("{:.10f}", number);
  } else if (const auto* object = value.if_object(); object != nullptr) {
    const auto done = count_in(object->if_contains("done"));
    const auto total = count_in(object->if_contains("total"));
    if (done && total) text = fmt::format("{}/{}", *done, *total);
  }
  const auto told = parse_progress(text);
  if (!told)
    return wrong("progress", R"(percent, a text such as "3/7", or {"done": 3, "total": 7})");
  Progress& progress = progress_of(out);
  progress.fraction = told->fraction;
  progress.done = told->done;
  progress.total = told->total;
  return {};
}

Result<void> take_member(std::string_view key, const json::value& value, StatusFile& out) {
  if (key == "outcome") return take_outcome(value, out);
  if (key == "metrics") return take_metrics(value, out);
  if (key == "progress") return take_progress(value, out);
  if (key == "reason" || key == "text") {
    if (!value.is_string()) return wrong(key, "a text");
    const std::string line = short_line(std::string_view(value.get_string()));
    (key == "reason" ? out.reason : progress_of(out).text) = line;
  } else if (key == "rows") {
    const auto rows = count_in(&value);
    if (!rows) return wrong(key, "a number of rows");
    progress_of(out).rows = rows;
  } else if (out.notes.size() < limits::status_notes_max) {
    const auto near = nearest(key, {"outcome", "reason", "metrics", "progress", "rows", "text"});
    out.notes.push_back(fmt::format("status file: {}: unknown{}", short_line(key),
                                    near ? fmt::format("; did you mean {}?", *near) : ""));
  }
  return {};
}

}  // namespace

Result<StatusFile> parse_status_file(std::string_view text) {
  if (text.size() > limits::status_file_bytes_max)
    return failed(ErrorCode::too_large, fmt::format("status file: larger than {}",
                                                    size_text(limits::status_file_bytes_max)));
  const auto value = parse(text);
  if (!value) return std::unexpected(value.error());
  if (!value->is_object())
    return failed(ErrorCode::invalid, "status file: expected an object in braces");
  StatusFile out;
  for (const auto& [key, member] : value->get_object())
    if (auto taken = take_member(std::string_view(key), member, out); !taken)
      return std::unexpected(taken.error());
  return out;
}

std::string to_text(const MetricValue& value) {
  return std::visit([](const auto& held) { return fmt::format("{}", held); }, value);
}

}  // namespace reeve
