#include "notify/mail_message.h"

#include <fmt/format.h>

#include <array>
#include <chrono>

#include "base/text.h"

namespace reeve::notify {
namespace {

constexpr std::size_t line_max = 76;
// Of a word's 75 characters 12 are `=?utf-8?B?` and `?=`; base64 makes four of three.
constexpr std::size_t encoded_word_bytes = 45;

std::string base64(std::string_view bytes) {
  constexpr std::string_view letters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    unsigned int group = 0;
    const std::size_t here = std::min<std::size_t>(3, bytes.size() - at);
    for (std::size_t i = 0; i < 3; ++i)
      group = group << 8 | (i < here ? static_cast<unsigned char>(bytes[at + i]) : 0U);
    for (std::size_t i = 0; i < 4; ++i)
      out += i <= here ? letters[group >> (18 - 6 * i) & 0x3F] : '=';
  }
  return out;
}

bool is_plain(std::string_view text) {
  for (const char c : text)
    if (c < 0x20 || c > 0x7E) return false;
  return text.find("=?") == std::string_view::npos;
}

// The longest beginning of at most `bytes` that ends between two characters.
std::size_t whole_characters(std::string_view text, std::size_t bytes) {
  if (text.size() <= bytes) return text.size();
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0) == 0x80) --bytes;
  return bytes;
}

std::string joined(const std::vector<std::string>& addresses) {
  std::string out;
  for (const std::string& address : addresses) out += (out.empty() ? "" : ",\r\n ") + address;
  return out;
}

}  // namespace

std::string mail_date(UtcTime at) {
  static constexpr std::array<const char*, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array<const char*, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::chrono::sys_time<std::chrono::milliseconds> time{std::chrono::milliseconds(at.ms)};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(time - day));
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} +0000",
                     days[std::chrono::weekday(day).c_encoding()],
                     static_cast<unsigned>(date.day()),
                     months[static_cast<unsigned>(date.month()) - 1], static_cast<int>(date.year()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

std::string encoded_header(std::string_view text) {
  if (is_plain(text) && text.size() <= line_max - 16) return std::string(text);
  std::string out;
  while (!text.empty()) {
    const std::size_t bytes = whole_characters(text, encoded_word_bytes);
    out +=
        (out.empty() ? "" : "\r\n ") + fmt::format("=?utf-8?B?{}?=", base64(text.substr(0, bytes)));
    text.remove_prefix(bytes);
  }
  return out;
}

std::string quoted_printable(std::string_view text) {
  std::string out;
  std::size_t column = 0;
  const auto put = [&](std::string_view piece) {
    if (column + piece.size() >= line_max) {
      out += "=\r\n";
      column = 0;
    }
    out += piece;
    column += piece.size();
  };
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      out += "\r\n";
      column = 0;
      continue;
    }
    const bool is_last = at + 1 == text.size() || text[at + 1] == '\n';
    const bool is_safe = (byte >= 0x21 && byte <= 0x7E && c != '=') || (c == ' ' && !is_last);
    put(is_safe ? std::string(1, c) : fmt::format("={:02X}", byte));
  }
  if (column > 0) out += "\r\n";
  return out;
}

std::string compose_mail(const DeliveryOrder& order, const MailWay& way) {
  const std::string domain = way.from.substr(way.from.find('@') + 1);
  std::string out;
  const auto header = [&](std::string_view name, std::string_view value) {
    out += fmt::format("{}: {}\r\n", name, value);
  };
  header("Date", mail_date(order.at));
  header("From", way.from);
  header("To", joined(way.to));
  header("Subject", encoded_header(printable(order.subject)));
  header("Message-ID", fmt::format("<{}@{}>", order.id, domain));
  header("Auto-Submitted", "auto-generated");
  header("X-Reeve-Kind", order.occasion);
  header("MIME-Version", "1.0");
  header("Content-Type", "text/plain; charset=utf-8");
  header("Content-Transfer-Encoding", "quoted-printable");
  out += "\r\n" + quoted_printable(order.text);
  return out;
}

}  // namespace reeve::notify
