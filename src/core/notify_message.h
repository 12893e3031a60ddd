#pragma once
// One datagram that a job sent to its NOTIFY_SOCKET, in the form of sd_notify(3): lines of
// "KEY=VALUE". Keys that are not known are ignored.
//
//   READY=1  STOPPING=1  STATUS=text  ERRNO=n  WATCHDOG=1|trigger  WATCHDOG_USEC=n
//   X_REEVE_PROGRESS=45 | 45% | 3/7   X_REEVE_ROWS=n   X_REEVE_TEXT=text
//   X_REEVE_RESULT=NAME=VALUE (any number of them)     X_REEVE_FAIL=reason

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "core/progress.h"

namespace reeve {

// Texts are one line each, printable and not longer than limits::notify_text_bytes_max.
struct NotifyMessage {
  bool is_ready = false;
  bool is_stopping = false;
  bool is_beat = false;     // WATCHDOG=1
  bool is_trigger = false;  // WATCHDOG=trigger
  std::optional<std::string> status;
  std::optional<int> error_number;
  std::optional<Duration> watchdog;  // zero: no more beats will come
  std::optional<Progress> progress;  // what of it was told
  std::vector<std::pair<std::string, std::string>> results;
  std::optional<std::string> fail;  // why the job says that it failed
  std::string not_understood;       // the first value of ours that could not be, and what it was
};

// Refused: empty, larger than limits::notify_bytes_max, or with a NUL in it. A value of ours that
// can't be understood is told in the message, and the others count; values of systemd's that can't
// be are ignored.
[[nodiscard]] Result<NotifyMessage> parse_notify(std::string_view datagram);

// The opposite of parsing, for the commands of a job: what is set of progress, results and fail.
[[nodiscard]] std::string write_notify(const NotifyMessage& message);

// One printable line of at most limits::notify_text_bytes_max.
[[nodiscard]] std::string short_line(std::string_view text);
// A name of a result: letters, digits, "_", "-", "." and "/".
[[nodiscard]] bool is_result_name(std::string_view name);

}  // namespace reeve
