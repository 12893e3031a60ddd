#include "data/answer_request.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/fd.h"
#include "base/text.h"
#include "core/validation_json.h"
#include "data/checker.h"
#include "data/confinement.h"

namespace reeve {
namespace {

Result<std::string> read_all(int input) {
  std::string text;
  std::array<char, 64 << 10> buffer{};
  while (true) {
    const ssize_t got = ::read(input, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed(OsError{errno, "read the request"});
    if (got == 0) return text;
    if (text.size() + static_cast<std::size_t>(got) > limits::validation_request_bytes_max)
      return failed(ErrorCode::too_large, "the request is too large");
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

Result<void> write_all(int output, std::string_view text) {
  while (!text.empty()) {
    const ssize_t wrote = ::write(output, text.data(), text.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return failed(OsError{errno, "write an answer"});
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return {};
}

}  // namespace

Result<void> answer_data_request(int input, int output) {
  const auto text = read_all(input);
  if (!text) return std::unexpected(text.error());
  const auto parsed = parse_json(*text);
  if (!parsed) return std::unexpected(parsed.error());
  DataRequest request;
  if (auto decoded = decode_json(*parsed, request, ""); !decoded) return decoded;
  const Fd directory(::open(request.directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return failed(OsError{errno, "open the results directory"});
  // All of its threads for all of that time; who started it ends it sooner.
  const std::int64_t seconds = request.time_limit.count() / 1000 + 1;
  if (auto confined = confine_self({request.memory, seconds * limits::validation_threads_max,
                                    request.directory, request.scratch});
      !confined)
    return confined;
  for (std::size_t i = 0; i < request.checks.size(); ++i) {
    DataAnswer answer;
    answer.check = static_cast<std::int64_t>(i);
    answer.outcome = run_data_check(request, directory.get(), request.checks[i]);
    const std::string line = valid_utf8(to_line(encode_json(answer))) + "\n";
    if (auto wrote = write_all(output, line); !wrote) return wrote;
  }
  return {};
}

}  // namespace reeve
