#include "cli/terminal.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <map>
#include <utility>

#include "base/text.h"
#include "cli/command.h"

namespace reeve::cli {
namespace {

constexpr std::size_t sequence_bytes_max = 64;

// The length of a complete SGR sequence at the start of `text`; 0 when it is none; npos when more
// bytes are needed to tell.
std::size_t sgr_length(std::string_view text) {
  if (text.size() < 2) return std::string_view::npos;
  if (text[1] != '[') return 0;
  const auto end = text.find_first_not_of("0123456789;:", 2);
  if (end == std::string_view::npos)
    return text.size() > sequence_bytes_max ? 0 : std::string_view::npos;
  return text[end] == 'm' ? end + 1 : 0;
}

}  // namespace

bool is_terminal(int fd) {
  return ::isatty(fd) == 1;
}

bool has_colours(int fd) {
  const char* no_color = std::getenv("NO_COLOR");  // NOLINT(concurrency-mt-unsafe)
  const char* term = std::getenv("TERM");          // NOLINT(concurrency-mt-unsafe)
  return is_terminal(fd) && (no_color == nullptr || *no_color == '\0') && term != nullptr &&
         std::string_view(term) != "dumb";
}

std::string coloured_state(std::string_view state, bool colours) {
  static const std::map<std::string_view, const char*> codes{
      {"completed", "32"}, {"failed", "31"},  {"cancelled", "33"},  {"running", "34"},
      {"starting", "34"},  {"timeout", "35"}, {"timing_out", "35"}, {"lost", "90"},
      {"finishing", "34"}, {"held", "36"},    {"cancelling", "33"}};
  const auto code = codes.find(state);
  if (!colours || code == codes.end()) return std::string(state);
  return fmt::format("\x1b[{}m{}\x1b[0m", code->second, state);
}

void say(std::string_view sentence) {
  const std::string line = fmt::format("reeve: {}\n", sentence);
  (void)!::write(2, line.data(), line.size());
}

bool print(std::string_view text) {
  while (!text.empty()) {
    const ssize_t wrote = ::write(1, text.data(), text.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0 && errno == EPIPE) return false;
    if (wrote <= 0) {
      say(std::string("cannot write to standard output: ") +
          std::strerror(errno));  // NOLINT(concurrency-mt-unsafe)
      throw CLI::RuntimeError(exit_codes::internal);
    }
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return true;
}

std::string TerminalFilter::filter(std::string_view chunk) {
  std::string text = std::move(pending_);
  pending_.clear();
  text += chunk;
  std::string out;
  std::size_t plain = 0;  // start of the run that needs `printable`
  const auto flush = [&](std::size_t end) {
    out += printable(std::string_view(text).substr(plain, end - plain));
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n' || c == '\r') {
      flush(i);
      out += c;
      plain = i + 1;
    } else if (c == '\x1b') {
      const std::size_t length = sgr_length(std::string_view(text).substr(i));
      if (length == std::string_view::npos) {
        flush(i);
        pending_ = text.substr(i);
        return out;
      }
      if (length == 0) continue;
      flush(i);
      out += text.substr(i, length);
      i += length - 1;
      plain = i + 1;
    }
  }
  // A character of several bytes may be cut by the end of the chunk.
  std::size_t end = text.size();
  for (std::size_t back = 1; back <= 3 && back <= text.size() - plain; ++back) {
    const auto byte = static_cast<unsigned char>(text[text.size() - back]);
    if ((byte & 0xC0) == 0x80) continue;
    const std::size_t needed = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
    if (needed > back) end = text.size() - back;
    break;
  }
  flush(end);
  pending_ = text.substr(end);
  return out;
}

std::string TerminalFilter::finish() {
  return printable(std::exchange(pending_, {}));
}

}  // namespace reeve::cli
