#include "daemon/notice_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <set>

#include "base/text.h"
#include "core/address.h"

namespace reeve {
namespace {

// What a table says, before it is known which way it describes.
struct TargetTable {
  std::vector<std::string> on;
  std::vector<std::string> command;
  std::vector<std::string> mail;
  bool desktop = false;
  WebhookWay webhook;
  MailWay server;
  std::string tls = "starttls";
  std::string ca_file;
  NoticeTarget target;
};

// The keys that have a meaning only with one way, besides those that name it.
const std::set<std::string>& keys_of(std::string_view way) {
  static const std::set<std::string> none;
  static const std::set<std::string> of_webhook{
      "webhook",    "webhook_file",   "webhook_variable", "key_file", "key_variable",
      "token_file", "token_variable", "ca_file",          "allow",    "plain_http"};
  static const std::set<std::string> of_mail{
      "mail", "server", "port", "tls", "user", "password_file", "password_variable",
      "from", "ca_file"};
  static const std::set<std::string> of_command{"command"};
  static const std::set<std::string> of_desktop{"desktop"};
  if (way == "webhook") return of_webhook;
  if (way == "mail") return of_mail;
  if (way == "command") return of_command;
  return way == "desktop" ? of_desktop : none;
}

std::map<std::string, Take> takes_of(TargetTable& out) {
  WebhookWay& webhook = out.webhook;
  MailWay& server = out.server;
  return {{"on", texts_into(out.on)},
          {"command", texts_into(out.command)},
          {"mail", texts_into(out.mail)},
          {"desktop", flag_into(out.desktop)},
          {"webhook", text_into(webhook.url)},
          {"webhook_file", path_into(webhook.url_place.file)},
          {"webhook_variable", text_into(webhook.url_place.variable)},
          {"key_file", path_into(webhook.key.file)},
          {"key_variable", text_into(webhook.key.variable)},
          {"token_file", path_into(webhook.token.file)},
          {"token_variable", text_into(webhook.token.variable)},
          {"allow", texts_into(webhook.allow)},
          {"plain_http", flag_into(webhook.plain_http)},
          {"server", text_into(server.host)},
          {"port", count_into(server.port, 1)},
          {"tls", text_into(out.tls)},
          {"user", text_into(server.user)},
          {"password_file", path_into(server.password.file)},
          {"password_variable", text_into(server.password.variable)},
          {"from", text_into(server.from)},
          {"ca_file", path_into(out.ca_file)},
          {"time_limit",
           duration_into(out.target.time_limit, Duration(1000), limits::delivery_time_max)},
          {"burst", count_into(out.target.burst, 0)},
          {"window", duration_into(out.target.window, Duration(1), std::chrono::hours(24))}};
}

bool is_host(const std::string& text) {
  return std::ranges::all_of(text, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '-' || c == ':' || c == '_';
  });
}

const char* find_webhook_fault(const WebhookWay& way) {
  if (!way.url.empty()) {
    if (way.url.find(' ') != std::string::npos) return "an address has no spaces in it";
    const bool is_https = way.url.starts_with("https://");
    if (!is_https && !(way.plain_http && way.url.starts_with("http://")))
      return "an address begins with https:// (http:// needs `plain_http = true`)";
  }
  for (const std::string& network : way.allow)
    if (!parse_network(network)) return "`allow` takes networks such as \"10.0.0.0/8\"";
  for (const SecretPlace* place : {&way.url_place, &way.key, &way.token})
    if (!place->file.empty() && !place->variable.empty())
      return "a secret stands in a file or in a variable, not in both";
  return nullptr;
}

const char* find_mail_fault(const MailWay& way) {
  if (way.host.empty() || !is_host(way.host)) return "`mail` needs a `server`, the name of a host";
  if (way.port > 65535) return "a port is 1 to 65535";
  if (!is_mail_address(way.from)) return "`mail` needs an address in `from`";
  for (const std::string& to : way.to)
    if (!is_mail_address(to)) return "`mail` takes addresses such as \"ann@example.org\"";
  if (way.user.empty() == way.password.is_set())
    return "`user` goes with `password_file` or `password_variable`";
  if (!way.password.file.empty() && !way.password.variable.empty())
    return "a secret stands in a file or in a variable, not in both";
  if (way.tls == MailTls::none && way.password.is_set())
    return "a password is never sent without TLS";
  return nullptr;
}

// What is wrong with it; nothing when `out.target` is whole.
std::optional<std::string> build(TargetTable& out) {
  for (const std::string& word : out.on) {
    if (word == "end")
      out.target.on.insert(NoticeWish::end);
    else if (word == "failure")
      out.target.on.insert(NoticeWish::failure);
    else if (word == "hang")
      out.target.on.insert(NoticeWish::hang);
    else
      return fmt::format("`on`: expected end, failure or hang, not `{}`", printable(word));
  }
  if (!out.command.empty()) {
    if (!out.command.front().starts_with('/')) return "`command` begins with an absolute path";
    out.target.way = CommandWay{out.command};
    return std::nullopt;
  }
  if (out.desktop) {
    out.target.way = DesktopWay{};
    return std::nullopt;
  }
  if (!out.mail.empty()) {
    if (out.tls != "starttls" && out.tls != "tls" && out.tls != "none")
      return "`tls`: expected starttls, tls or none";
    out.server.tls = out.tls == "tls"    ? MailTls::tls
                     : out.tls == "none" ? MailTls::none
                                         : MailTls::starttls;
    out.server.to = out.mail;
    out.server.ca_file = out.ca_file;
    if (const char* fault = find_mail_fault(out.server)) return fault;
    out.target.way = out.server;
    return std::nullopt;
  }
  out.webhook.ca_file = out.ca_file;
  if (const char* fault = find_webhook_fault(out.webhook)) return fault;
  out.target.way = out.webhook;
  return std::nullopt;
}

// The ways that the keys of a table name.
std::vector<std::string_view> ways_in(const toml::table& table) {
  std::vector<std::string_view> ways;
  for (const char* way : {"command", "desktop", "mail"})
    if (table.contains(way)) ways.emplace_back(way);
  if (table.contains("webhook") || table.contains("webhook_file") ||
      table.contains("webhook_variable"))
    ways.emplace_back("webhook");
  return ways;
}

void read_target(const std::string& name, const toml::table& table, Mistakes& mistakes,
                 NoticeTargets& out) {
  TargetTable read;
  read.target.name = name;
  const std::size_t before = mistakes.count();
  read_table(table, mistakes, takes_of(read));
  if (mistakes.count() != before) return;
  const auto fault = [&](const std::string& what) {
    mistakes.add(place_of(table.source()), fmt::format("`notify.{}`: {}", printable(name), what));
  };
  const auto ways = ways_in(table);
  if (ways.size() != 1 || (ways.front() == "desktop" && !read.desktop))
    return fault("say one way: `command`, `webhook`, `mail` or `desktop = true`");
  for (const auto& [key, node] : table) {
    const std::string word(key.str());
    if (keys_of(ways.front()).contains(word)) continue;
    for (const char* other : {"webhook", "mail"})
      if (keys_of(other).contains(word))
        return fault(fmt::format("`{}` has a meaning only with `{}`", word, other));
  }
  if (const auto wrong = build(read)) return fault(*wrong);
  out[name] = std::move(read.target);
}

// Days, also a part of one: 0.5.
Take days_into(std::optional<Duration>& out) {
  return [&out](const toml::node& node) -> const char* {
    const auto days = node.value<double>();
    const bool is_number = node.is_integer() || node.is_floating_point();
    if (!is_number || !days || !std::isfinite(*days) || *days <= 0 || *days > 36500)
      return "a number of days above 0";
    out = Duration(static_cast<std::int64_t>(*days * 86'400'000));
    return nullptr;
  };
}

}  // namespace

bool is_mail_address(const std::string& text) {
  constexpr std::size_t bytes_max = 254;
  if (text.size() > bytes_max || std::ranges::count(text, '@') != 1) return false;
  if (text.starts_with('@') || text.ends_with('@') || text.starts_with('-')) return false;
  return std::ranges::all_of(text, [](char c) {
    return c > 0x20 && c < 0x7F && std::string_view("<>()[]\\,;:\"").find(c) == std::string::npos;
  });
}

Take notice_targets_into(NoticeTargets& out, Mistakes& mistakes) {
  return [&](const toml::node& node) -> const char* {
    const toml::table* targets = node.as_table();
    if (targets == nullptr) return "a table for each target";
    if (targets->size() > limits::notice_targets_max) return "fewer targets";
    for (const auto& [key, target] : *targets) {
      const std::string name(key.str());
      const toml::table* table = target.as_table();
      if (table == nullptr || name.empty() || name.size() > limits::tag_bytes_max ||
          printable(name) != name)
        return "a table for each target, with a short name";
      read_target(name, *table, mistakes, out);
    }
    return nullptr;
  };
}

Take retention_into(RetentionPolicy& out, Mistakes& mistakes) {
  return [&](const toml::node& node) -> const char* {
    std::int64_t size = -1;
    const char* expected = table_into({{"days", days_into(out.results_age)},
                                       {"logs_days", days_into(out.logs_age)},
                                       {"records_days", days_into(out.record_age)},
                                       {"size", size_into(size)}},
                                      mistakes)(node);
    if (size >= 0) out.bytes_max = size;
    if (!out.logs_age) out.logs_age = out.results_age;
    return expected;
  };
}

}  // namespace reeve
