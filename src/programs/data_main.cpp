// reeve-data: looks into files that somebody else wrote, apart from everything that matters.

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <exception>
#include <string_view>

#include "base/fd.h"
#include "data/answer_request.h"

namespace {

constexpr int usage_code = 2;
constexpr int failure_code = 125;

int tell(std::string_view sentence, int code) {
  fmt::print(stderr, "reeve-data: {}\n", sentence);
  return code;
}

int check(const char* path) {
  const reeve::Fd file(path == nullptr ? -1 : ::open(path, O_RDONLY | O_CLOEXEC));
  if (path != nullptr && !file)
    return tell(fmt::format("{}: {}", path, reeve::errno_name(errno)), usage_code);
  const auto answered = reeve::answer_data_request(path == nullptr ? 0 : file.get(), 1);
  return answered ? 0 : tell(answered.error().message, failure_code);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3 || std::string_view(argv[1]) != "check")
    return tell(
        "reeve-data check [FILE]: checks results as the request in FILE, or on standard "
        "input, says; `reeve validate` does it for people",
        usage_code);
  try {
    return check(argc == 3 ? argv[2] : nullptr);
  } catch (const std::exception& error) {
    return tell(error.what(), failure_code);
  }
}
