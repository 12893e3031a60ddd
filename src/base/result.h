#pragma once
// What failed, in words that a user can act on.

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "base/os.h"

namespace reeve {

enum class ErrorCode : std::uint8_t {
  invalid,      // the request makes no sense as it stands
  not_found,    // no such job, file, name
  conflict,     // right request, wrong moment: it has ended, it is not held
  busy,         // a lock is held and the caller did not want to wait
  unreachable,  // the daemon does not answer
  forbidden,    // the operating system or a policy says no
  full,         // no space, no memory, no descriptors
  too_large,    // beyond a bound of limits.h
  corrupt,      // what was read is not what was written
  io,           // any other failure of a system call
};

// The word used on the wire and in `--json` output.
[[nodiscard]] std::string_view to_word(ErrorCode code);
// The opposite; unknown words become `io`.
[[nodiscard]] ErrorCode error_code_from_word(std::string_view word);

struct Error {
  ErrorCode code = ErrorCode::io;
  std::string message;
};

template <typename T>
using Result = std::expected<T, Error>;

[[nodiscard]] std::unexpected<Error> failed(ErrorCode code, std::string message);
// Adds context on the way up: "open the queue: disk full".
[[nodiscard]] std::unexpected<Error> failed(const Error& cause, std::string_view action);
// Turns an errno value into a sentence: "cannot open the log: No space left on device".
[[nodiscard]] std::unexpected<Error> failed(const OsError& cause);
[[nodiscard]] Error to_error(const OsError& cause);
// "ENOENT" for 2; the number in words where the name is unknown.
[[nodiscard]] std::string errno_name(int code);

}  // namespace reeve
