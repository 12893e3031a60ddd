#pragma once
// Failures of the operating system, for code that also runs in the keeper: no allocation, no
// exception, no C++ run-time library.

#include <cerrno>
#include <expected>

namespace reeve {

// `code` is an errno value; `action` is a literal that names what was tried ("open the log").
struct OsError {
  int code = 0;
  const char* action = "";
};

template <typename T>
using OsResult = std::expected<T, OsError>;

[[nodiscard]] inline std::unexpected<OsError> os_failed(const char* action, int code = errno) {
  return std::unexpected(OsError{code, action});
}

}  // namespace reeve
