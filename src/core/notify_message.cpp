#include "core/notify_message.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "core/limits.h"

namespace reeve {
namespace {

Progress& progress_of(NotifyMessage& message) {
  if (!message.progress) {
    message.progress.emplace();
    message.progress->source = ProgressSource::told;
  }
  return *message.progress;
}

std::unexpected<Error> not_understood(std::string_view key, std::string_view value,
                                      std::string_view expected) {
  return failed(ErrorCode::invalid,
                fmt::format("{}={}: expected {}", key, short_line(value), expected));
}

Result<void> take_progress(NotifyMessage& message, std::string_view key, std::string_view value) {
  if (key == "X_REEVE_PROGRESS") {
    const auto told = parse_progress(value);
    if (!told) return not_understood(key, value, "45, 45% or 3/7");
    Progress& progress = progress_of(message);
    progress.fraction = told->fraction;
    progress.done = told->done;
    progress.total = told->total;
  } else if (key == "X_REEVE_ROWS") {
    const auto rows = parse_integer(value);
    if (!rows || *rows < 0) return not_understood(key, value, "a number of rows");
    progress_of(message).rows = rows;
  } else {
    progress_of(message).text = short_line(value);
  }
  return {};
}

Result<void> take_result(NotifyMessage& message, std::string_view key, std::string_view value) {
  const auto equals = value.find('=');
  if (equals == std::string_view::npos || !is_result_name(value.substr(0, equals)))
    return not_understood(key, value, "NAME=VALUE");
  message.results.emplace_back(value.substr(0, equals), short_line(value.substr(equals + 1)));
  return {};
}

void take_systemd(NotifyMessage& message, std::string_view key, std::string_view value) {
  if (key == "READY") {
    message.is_ready |= value == "1";
  } else if (key == "STOPPING") {
    message.is_stopping |= value == "1";
  } else if (key == "WATCHDOG") {
    message.is_beat |= value == "1";
    message.is_trigger |= value == "trigger";
  } else if (key == "STATUS") {
    message.status = short_line(value);
  } else if (key == "ERRNO") {
    const auto number = parse_integer(value);
    if (number && *number > 0 && *number < 4096) message.error_number = static_cast<int>(*number);
  } else if (key == "WATCHDOG_USEC") {
    const auto us = parse_integer(value);
    if (us && *us >= 0) message.watchdog = Duration((*us + 999) / 1000);
  }
}

}  // namespace

std::string short_line(std::string_view text) {
  std::string line = printable(text.substr(0, limits::notify_text_bytes_max));
  if (line.size() > limits::notify_text_bytes_max) {
    std::size_t end = limits::notify_text_bytes_max;
    while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xC0) == 0x80) --end;
    line.resize(end);
  }
  return line;
}

bool is_result_name(std::string_view name) {
  constexpr std::string_view allowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./";
  return !name.empty() && name.size() <= limits::result_name_bytes_max &&
         name.find_first_not_of(allowed) == std::string_view::npos;
}

Result<NotifyMessage> parse_notify(std::string_view datagram) {
  if (datagram.empty()) return failed(ErrorCode::invalid, "an empty message");
  if (datagram.size() > limits::notify_bytes_max)
    return failed(ErrorCode::too_large, "a message that is too large");
  if (datagram.find('\0') != std::string_view::npos)
    return failed(ErrorCode::invalid, "a message with a NUL in it");
  NotifyMessage message;
  while (!datagram.empty()) {
    const auto end = std::min(datagram.find('\n'), datagram.size());
    const std::string_view line = datagram.substr(0, end);
    datagram.remove_prefix(std::min(end + 1, datagram.size()));
    const auto equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view key = line.substr(0, equals);
    const std::string_view value = line.substr(equals + 1);
    Result<void> taken;
    if (key == "X_REEVE_PROGRESS" || key == "X_REEVE_ROWS" || key == "X_REEVE_TEXT")
      taken = take_progress(message, key, value);
    else if (key == "X_REEVE_RESULT")
      taken = take_result(message, key, value);
    else if (key == "X_REEVE_FAIL")
      message.fail = short_line(value);
    else
      take_systemd(message, key, value);
    if (!taken && message.not_understood.empty()) message.not_understood = taken.error().message;
  }
  return message;
}

std::string write_notify(const NotifyMessage& message) {
  std::string out;
  if (message.is_beat) out += "WATCHDOG=1\n";
  if (message.progress) {
    const Progress& progress = *message.progress;
    if (progress.total)
      out += fmt::format("X_REEVE_PROGRESS={}/{}\n", progress.done.value_or(0), *progress.total);
    else if (progress.fraction)
      out += fmt::format("X_REEVE_PROGRESS={:.10g}\n", *progress.fraction * 100);
    if (progress.rows) out += fmt::format("X_REEVE_ROWS={}\n", *progress.rows);
    if (!progress.text.empty()) out += fmt::format("X_REEVE_TEXT={}\n", short_line(progress.text));
  }
  for (const auto& [name, value] : message.results)
    out += fmt::format("X_REEVE_RESULT={}={}\n", name, short_line(value));
  if (message.fail) out += fmt::format("X_REEVE_FAIL={}\n", short_line(*message.fail));
  return out;
}

}  // namespace reeve
