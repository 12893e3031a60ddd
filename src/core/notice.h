#pragma once
// What is told of a job to people and programs outside, and who is told. Pure: no clock, no I/O.

#include <boost/json/object.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/lifecycle.h"
#include "core/limits.h"

namespace reeve {

// What there is to tell.
enum class Occasion : std::uint8_t {
  end,      // it ended: completed, cancelled, skipped
  failure,  // it ended otherwise: failed, over a time limit, lost
  hang,     // it showed no life and was ended for it
  stall,    // it shows no life and goes on
  digest,   // of several notices that were too many to be told one by one
  test,     // asked for by a user
};
[[nodiscard]] std::string_view to_word(Occasion occasion);
[[nodiscard]] std::optional<Occasion> occasion_from_word(std::string_view word);

// What a target may ask to be told of: every end; those that are failures; those that hang.
enum class NoticeWish : std::uint8_t { end, failure, hang };

// Where a secret is to be read when it is needed; it is never stored.
struct SecretPlace {
  std::string file;      // its first line; empty: see `variable`
  std::string variable;  // of the daemon's environment; both empty: there is no secret
  bool operator==(const SecretPlace&) const = default;
  [[nodiscard]] bool is_set() const { return !file.empty() || !variable.empty(); }
};

// A program that gets the notice as JSON on its standard input.
struct CommandWay {
  std::vector<std::string> words;
  bool operator==(const CommandWay&) const = default;
};

struct WebhookWay {
  std::string url;                 // empty: it is secret as a whole, see `url_place`
  SecretPlace url_place;           // of services whose addresses are keys
  SecretPlace key;                 // signs what is sent
  SecretPlace token;               // sent as `Authorization: Bearer`
  std::string ca_file;             // certificates to trust instead of the system's
  std::vector<std::string> allow;  // networks that may be reached beside public ones: "10.0.0.0/8"
  bool plain_http = false;         // http: is accepted
  bool operator==(const WebhookWay&) const = default;
};

enum class MailTls : std::uint8_t { starttls, tls, none };

struct MailWay {
  std::string host;
  std::int32_t port = 0;  // 0: 587, with `tls` 465, with `none` 25
  MailTls tls = MailTls::starttls;
  std::string user;
  SecretPlace password;
  std::string from;
  std::vector<std::string> to;
  std::string ca_file;
  bool operator==(const MailWay&) const = default;
};

// notify-send(1) in the session of the daemon's user.
struct DesktopWay {
  bool operator==(const DesktopWay&) const = default;
};

using NoticeWay = std::variant<CommandWay, WebhookWay, MailWay, DesktopWay>;

// Somebody who is told.
struct NoticeTarget {
  std::string name;
  std::set<NoticeWish> on;  // of all jobs; beside it, jobs name the targets of their own
  NoticeWay way;
  Duration time_limit = limits::delivery_time_default;  // of one try
  std::int32_t burst = limits::notice_burst_default;    // told one by one within `window`
  Duration window = limits::notice_window_default;
  bool operator==(const NoticeTarget&) const = default;
};
using NoticeTargets = std::map<std::string, NoticeTarget>;

// "command", "webhook", "mail", "desktop".
[[nodiscard]] std::string_view kind_of(const NoticeWay& way);
// Where it leads, for people: without what may be a key, such as the path of an address.
[[nodiscard]] std::string place_of(const NoticeWay& way);

// What `event`, which has just become true of `job`, gives to tell; nothing when a further attempt
// follows by itself.
[[nodiscard]] std::optional<Occasion> find_occasion(const Event& event, const Job& job);
[[nodiscard]] bool is_told(const NoticeTarget& target, Occasion occasion, const JobSpec& spec);

// A message, whole but for the number that it gets when it is stored.
struct Notice {
  Occasion occasion = Occasion::end;
  JobId job;  // 0: about no single one
  std::int32_t attempt = 0;
  std::string subject;  // one line, printable
  std::string text;     // lines, printable
  boost::json::object details;
};

// Of one job. No text of it holds one of the `secrets`; commands, directories and variables of the
// job are not in it at all.
[[nodiscard]] Notice make_notice(const Job& job, Occasion occasion, const std::string& host,
                                 const std::vector<std::string>& secrets);

struct DigestEntry {
  Occasion occasion = Occasion::end;
  JobId job;
  std::string subject;
};
// Of several; the first `limits::digest_entries_max` are named, all are counted.
[[nodiscard]] Notice make_digest(const std::vector<DigestEntry>& entries, const std::string& host);
[[nodiscard]] Notice make_test_notice(const std::string& target, const std::string& host);

// As it is stored and sent: one JSON object, see docs/formats.md.
[[nodiscard]] std::string to_payload(const Notice& notice, UtcTime now);
// The payload with the number under which receivers can tell a repetition.
[[nodiscard]] std::string with_id(const std::string& payload, const std::string& id,
                                  std::int64_t event);

}  // namespace reeve
