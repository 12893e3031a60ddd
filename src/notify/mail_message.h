#pragma once
// A notice as a mail: ASCII only, whatever names and errors it tells (RFC 5322, 2045, 2047).

#include <string>

#include "core/delivery_order.h"

namespace reeve::notify {

// Header and body with CRLF at the end of each line. No line of it is longer than 998 bytes, no
// header has a line of its own making. The caller's transport doubles dots at the beginning of
// lines. `way.from` and `way.to` are addresses as `is_mail_address` takes them.
[[nodiscard]] std::string compose_mail(const DeliveryOrder& order, const MailWay& way);

// "Fri, 27 Nov 2026 09:30:00 +0000".
[[nodiscard]] std::string mail_date(UtcTime at);
// The text as the value of a header: as it is where it is plain ASCII and short, else in encoded
// words of at most 75 characters, folded.
[[nodiscard]] std::string encoded_header(std::string_view text);
// Lines of at most 76 characters (quoted-printable).
[[nodiscard]] std::string quoted_printable(std::string_view text);

}  // namespace reeve::notify
