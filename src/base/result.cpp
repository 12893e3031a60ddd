#include "base/result.h"

#include <array>
#include <cstring>
#include <utility>

namespace reeve {
namespace {

constexpr std::array<std::pair<ErrorCode, std::string_view>, 10> words{{
    {ErrorCode::invalid, "invalid"},
    {ErrorCode::not_found, "not_found"},
    {ErrorCode::conflict, "conflict"},
    {ErrorCode::busy, "busy"},
    {ErrorCode::unreachable, "unreachable"},
    {ErrorCode::forbidden, "forbidden"},
    {ErrorCode::full, "full"},
    {ErrorCode::too_large, "too_large"},
    {ErrorCode::corrupt, "corrupt"},
    {ErrorCode::io, "io"},
}};

ErrorCode code_of_errno(int code) {
  switch (code) {
    case ENOENT:
      return ErrorCode::not_found;
    case EACCES:
    case EPERM:
    case EROFS:
      return ErrorCode::forbidden;
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EAGAIN:
      return ErrorCode::full;
    case E2BIG:
    case ENAMETOOLONG:
      return ErrorCode::too_large;
    default:
      return ErrorCode::io;
  }
}

}  // namespace

std::string_view to_word(ErrorCode code) {
  for (const auto& [known, word] : words)
    if (known == code) return word;
  return "io";
}

ErrorCode error_code_from_word(std::string_view word) {
  for (const auto& [code, known] : words)
    if (known == word) return code;
  return ErrorCode::io;
}

std::unexpected<Error> failed(ErrorCode code, std::string message) {
  return std::unexpected(Error{code, std::move(message)});
}

std::unexpected<Error> failed(const Error& cause, std::string_view action) {
  return std::unexpected(Error{cause.code, std::string(action) + ": " + cause.message});
}

Error to_error(const OsError& cause) {
  return {code_of_errno(cause.code),
          std::string("cannot ") + cause.action + ": " +
              std::strerror(cause.code)};  // NOLINT(concurrency-mt-unsafe)
}

std::unexpected<Error> failed(const OsError& cause) {
  return std::unexpected(to_error(cause));
}

std::string errno_name(int code) {
  const char* name = strerrorname_np(code);
  return name != nullptr ? name : "errno " + std::to_string(code);
}

}  // namespace reeve
