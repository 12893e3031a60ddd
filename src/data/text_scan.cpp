#include "data/text_scan.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/text.h"
#include "core/limits.h"

namespace reeve {
namespace {

constexpr std::size_t block_bytes = 256 << 10;

// Byte by byte; everything that counts happens at a delimiter, a quote or a line's end.
class Scanner {
 public:
  explicit Scanner(const ScanOptions& options) : options_(options) {}

  void take(std::string_view block) {
    for (const char c : block) {
      if (!scan_.fault.empty()) return;
      take(c);
    }
  }

  [[nodiscard]] bool has_fault() const { return !scan_.fault.empty(); }

  TextScan finish() {
    if (!scan_.fault.empty()) return std::move(scan_);
    if (rest_ > 0)
      fail(fmt::format("line {} is not UTF-8", line_));
    else if (state_ == State::quoted)
      fail(fmt::format("the quote that opens in line {} is not closed", quote_line_));
    else if (record_bytes_ > 0)
      end_record();
    if (scan_.fault.empty() && scan_.records == 0) fail("it is empty");
    scan_.has_mixed_ends = feeds_ + pairs_ > 0 && returns_ + pairs_ > 0 && feeds_ + returns_ > 0;
    return std::move(scan_);
  }

 private:
  enum class State : std::uint8_t { field_begin, plain, quoted, quote_in_quoted };

  void take(char c) {
    if (++line_bytes_ > limits::table_line_bytes_max)
      return fail(
          fmt::format("line {} has more than {}", line_, size_text(limits::table_line_bytes_max)));
    if (c == '\0') return fail(fmt::format("a NUL byte is in line {}", line_));
    if (!is_utf8(static_cast<unsigned char>(c)))
      return fail(fmt::format("line {} is not UTF-8", line_));
    const bool was_return = after_return_;
    after_return_ = false;
    if (c == '\n' || c == '\r') return end_line(c, was_return);
    ++record_bytes_;
    if (options_.shape == RecordShape::lines) return;
    take_of_field(c);
  }

  // Whether the text can go on with this byte. Overlong forms and surrogates are seen by the second
  // byte of a character.
  bool is_utf8(unsigned char c) {
    if (c < 0x80 && rest_ == 0) return true;
    if (rest_ > 0) {
      const bool is_good = c >= second_min_ && c <= second_max_;
      second_min_ = 0x80;
      second_max_ = 0xBF;
      --rest_;
      return is_good;
    }
    rest_ = c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : 1;
    if (c == 0xE0) second_min_ = 0xA0;
    if (c == 0xED) second_max_ = 0x9F;
    if (c == 0xF0) second_min_ = 0x90;
    if (c == 0xF4) second_max_ = 0x8F;
    return c >= 0xC2 && c <= 0xF4;
  }

  void take_of_field(char c) {
    if (state_ == State::quoted) {
      if (c == '"')
        state_ = State::quote_in_quoted;
      else
        keep(c);
      return;
    }
    if (c == '"' && state_ != State::plain) {
      // Twice within quotes is one; else it opens.
      if (state_ == State::quote_in_quoted)
        keep(c);
      else
        quote_line_ = line_;
      state_ = State::quoted;
      return;
    }
    if (c == options_.delimiter) {
      end_field();
      return;
    }
    if (state_ == State::quote_in_quoted)
      return fail(fmt::format("something follows a closing quote in line {}", line_));
    state_ = State::plain;
    keep(c);
  }

  void end_line(char c, bool was_return) {
    const bool is_quoted = options_.shape == RecordShape::quoted && state_ == State::quoted;
    const bool is_second = c == '\n' && was_return;  // of \r\n
    after_return_ = c == '\r';
    if (!is_second) {
      ++line_;
      line_bytes_ = 0;
    }
    if (is_quoted) return keep(c);
    if (is_second) {
      --returns_;
      ++pairs_;
      return;
    }
    ++(c == '\n' ? feeds_ : returns_);
    if (record_bytes_ > 0)
      end_record();
    else if (scan_.records == 0 && options_.shape == RecordShape::quoted)
      fail("its first line is empty, where the names of the columns should be");
  }

  void end_field() {
    state_ = State::field_begin;
    if (scan_.records > 0) return;
    if (scan_.header.size() == limits::table_columns_max)
      return fail(fmt::format("it has more than {} columns", limits::table_columns_max));
    scan_.header.push_back(std::exchange(field_, {}));
  }

  void end_record() {
    if (options_.shape == RecordShape::quoted) end_field();
    ++scan_.records;
    record_bytes_ = 0;
  }

  void keep(char c) {
    if (scan_.records == 0) field_ += c;
  }
  void fail(std::string what) { scan_.fault = std::move(what); }

  ScanOptions options_;
  TextScan scan_;
  State state_ = State::field_begin;
  std::string field_;
  std::int64_t line_ = 1;
  std::int64_t quote_line_ = 0;
  std::size_t line_bytes_ = 0;
  std::size_t record_bytes_ = 0;
  bool after_return_ = false;
  int rest_ = 0;  // bytes that the character lacks
  unsigned char second_min_ = 0x80;
  unsigned char second_max_ = 0xBF;
  std::int64_t feeds_ = 0;
  std::int64_t returns_ = 0;
  std::int64_t pairs_ = 0;
};

TextScan faulty(std::string fault) {
  TextScan scan;
  scan.fault = std::move(fault);
  return scan;
}

}  // namespace

Result<TextScan> scan_text(int file, const ScanOptions& options) {
  const int copy = ::fcntl(file, F_DUPFD_CLOEXEC, 3);
  if (copy < 0) return failed(OsError{errno, "read it"});
  ::lseek(copy, 0, SEEK_SET);
  // Reads what is not compressed as it is.
  const std::unique_ptr<std::remove_pointer_t<gzFile>, int (*)(gzFile)> stream(
      ::gzdopen(copy, "rb"), ::gzclose_r);
  if (!stream) {
    ::close(copy);
    return failed(ErrorCode::full, "there is no memory");
  }
  ::gzbuffer(stream.get(), block_bytes);
  Scanner scanner(options);
  std::string block(block_bytes, '\0');
  bool is_first = true;
  while (true) {
    errno = 0;
    const int got = ::gzread(stream.get(), block.data(), static_cast<unsigned>(block.size()));
    int code = Z_OK;
    (void)::gzerror(stream.get(), &code);
    if (code == Z_ERRNO) return failed(OsError{errno, "read it"});
    if (code == Z_MEM_ERROR) return failed(ErrorCode::full, "there is no memory");
    if (code == Z_BUF_ERROR) return faulty("it ends in the middle of the compressed data");
    if (code != Z_OK || got < 0) return faulty("its compressed data is damaged");
    if (got == 0 || scanner.has_fault()) {
      TextScan scan = scanner.finish();
      scan.is_compressed = ::gzdirect(stream.get()) == 0;
      return scan;
    }
    std::string_view rest(block.data(), static_cast<std::size_t>(got));
    constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
    if (is_first && rest.starts_with(byte_order_mark)) rest.remove_prefix(byte_order_mark.size());
    is_first = false;
    scanner.take(rest);
  }
}

}  // namespace reeve
