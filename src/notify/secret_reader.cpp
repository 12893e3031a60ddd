#include "notify/secret_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "base/fd.h"

namespace reeve::notify {
namespace {

constexpr std::size_t secret_bytes_max = 4096;

Result<std::string> read_file(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!file) return failed(to_error(OsError{errno, "open the file of a secret"}), path);
  struct stat info{};
  if (::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode))
    return failed(ErrorCode::invalid, path + ": the file of a secret is a plain file");
  if ((info.st_mode & (S_IRWXO | S_IWGRP)) != 0)
    return failed(ErrorCode::forbidden,
                  path + ": others can read or change this secret; chmod 600 it");
  std::array<char, secret_bytes_max + 1> text{};
  const ssize_t got = ::read(file.get(), text.data(), text.size());
  if (got < 0) return failed(to_error(OsError{errno, "read the file of a secret"}), path);
  std::string secret(text.data(), static_cast<std::size_t>(got));
  secret = secret.substr(0, secret.find_first_of("\r\n"));
  if (secret.empty() || secret.size() > secret_bytes_max)
    return failed(ErrorCode::invalid,
                  fmt::format("{}: a secret has 1 to {} bytes", path, secret_bytes_max));
  return secret;
}

}  // namespace

Result<std::string> read_secret(const SecretPlace& place) {
  if (!place.file.empty()) return read_file(place.file);
  if (place.variable.empty()) return std::string();
  const char* value = std::getenv(place.variable.c_str());  // NOLINT(concurrency-mt-unsafe)
  if (value == nullptr || *value == '\0')
    return failed(
        ErrorCode::not_found,
        fmt::format("the variable {} is not set where the daemon was started", place.variable));
  std::string secret(value);
  if (secret.find_first_of("\r\n") != std::string::npos || secret.size() > secret_bytes_max)
    return failed(ErrorCode::invalid,
                  fmt::format("the variable {} holds no secret of one line", place.variable));
  return secret;
}

}  // namespace reeve::notify
