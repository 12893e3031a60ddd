#include "core/notice.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>

#include "base/json.h"
#include "base/text.h"
#include "core/secret.h"

namespace reeve {
namespace {

constexpr std::array<std::string_view, 6> occasion_words{"end",   "failure", "hang",
                                                         "stall", "digest",  "test"};

// Short enough for a subject and a bubble on a screen; never through a character.
std::string cut(std::string text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  std::size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  text.resize(end);
  return text + "…";
}

std::string one_line(const std::string& text) {
  return cut(printable(valid_utf8(text)), limits::notice_line_bytes_max);
}

std::string how(const Job& job, Occasion occasion) {
  if (occasion == Occasion::stall) return "shows no life";
  if (job.state == JobState::completed) return "completed";
  return std::string(to_word(job.state));
}

json::value text_or_null(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

json::value time_or_null(UtcTime time) {
  return time.ms == 0 ? json::value(nullptr) : json::value(to_rfc3339(time));
}

class Telling {
 public:
  Telling(const Job& job, const std::vector<std::string>& secrets) : job_(job), secrets_(secrets) {}

  std::string masked(const std::string& text) const { return mask_secrets(text, secrets_); }

  json::object details() const {
    const Attempt& attempt = job_.attempt;
    const bool has_ended = is_terminal(job_.state);
    const auto& exit = attempt.exit;
    const bool exited = exit && exit->kind == ExitKind::exited;
    const bool signalled = exit && exit->kind == ExitKind::signalled;
    json::object out;
    out["id"] = job_.id.value;
    out["name"] = masked(job_.spec.name);
    out["state"] = to_word(job_.state);
    const std::string_view reason = to_word(job_.reason);
    out["reason"] = reason.empty() ? json::value(nullptr) : json::value(json::string(reason));
    out["error"] = text_or_null(masked(valid_utf8(job_.error)));
    out["exit_code"] = exited ? json::value(exit->code) : json::value(nullptr);
    out["signal"] = signalled ? json::value(signal_name(exit->code)) : json::value(nullptr);
    out["attempt"] = attempt.number;
    out["submitted_at"] = time_or_null(job_.submitted_at);
    out["started_at"] = time_or_null(attempt.started_at);
    out["ended_at"] = has_ended ? time_or_null(job_.ended_at) : json::value(nullptr);
    out["wall_seconds"] = has_ended && attempt.started.ms != 0 && attempt.ended.ms != 0
                              ? json::value(wall_seconds())
                              : json::value(nullptr);
    out["results_dir"] = text_or_null(masked(valid_utf8(attempt.results_dir)));
    out["log_path"] = text_or_null(attempt.log);
    out["group"] = text_or_null(masked(job_.spec.group));
    out["pipeline"] = text_or_null(masked(valid_utf8(job_.spec.pipeline)));
    json::array tags;
    for (const std::string& tag : job_.spec.tags) tags.emplace_back(masked(tag));
    out["tags"] = std::move(tags);
    return out;
  }

  std::string text() const {
    std::string out;
    const auto line = [&](const char* label, const std::string& value) {
      if (!value.empty()) out += fmt::format("{:<9} {}\n", label, one_line(masked(value)));
    };
    line("job", fmt::format("{} ({})", job_.id.value, job_.spec.name));
    line("state", std::string(to_word(job_.state)));
    line("error", job_.error);
    if (job_.attempt.number > 1) line("attempt", std::to_string(job_.attempt.number));
    if (job_.attempt.started_at.ms != 0) line("started", to_rfc3339(job_.attempt.started_at));
    if (is_terminal(job_.state)) {
      line("ended", to_rfc3339(job_.ended_at));
      if (job_.attempt.started.ms != 0 && job_.attempt.ended.ms != 0)
        line("ran for", to_text(job_.attempt.ended - job_.attempt.started));
    }
    line("results", job_.attempt.results_dir);
    line("log", job_.attempt.log);
    line("more", fmt::format("reeve why {}", job_.id.value));
    return out;
  }

 private:
  double wall_seconds() const {
    return static_cast<double>((job_.attempt.ended - job_.attempt.started).count()) / 1000;
  }

  const Job& job_;
  const std::vector<std::string>& secrets_;
};

// Scheme, host and port: path and query may be keys, and so may a user's name.
std::string origin_of(const std::string& url) {
  const auto scheme = url.find("://");
  if (scheme == std::string::npos) return "?";
  const auto end = std::min(url.find_first_of("/?#", scheme + 3), url.size());
  std::string origin = url.substr(0, end);
  if (const auto at = origin.rfind('@'); at != std::string::npos)
    origin.erase(scheme + 3, at - scheme - 2);
  return origin;
}

struct PlaceOf {
  std::string operator()(const CommandWay& way) const { return shell_text({way.words.front()}); }
  std::string operator()(const WebhookWay& way) const {
    if (!way.url.empty()) return origin_of(way.url);
    return way.url_place.file.empty() ? "$" + way.url_place.variable : way.url_place.file;
  }
  std::string operator()(const MailWay& way) const {
    std::string out;
    for (const std::string& to : way.to) out += (out.empty() ? "" : ", ") + to;
    return out + " by " + way.host;
  }
  std::string operator()(const DesktopWay&) const { return "notify-send"; }
};

}  // namespace

std::string_view to_word(Occasion occasion) {
  return occasion_words[static_cast<std::size_t>(occasion)];
}

std::optional<Occasion> occasion_from_word(std::string_view word) {
  const auto found = std::ranges::find(occasion_words, word);
  if (found == occasion_words.end()) return std::nullopt;
  return static_cast<Occasion>(found - occasion_words.begin());
}

std::string_view kind_of(const NoticeWay& way) {
  static constexpr std::array<std::string_view, 4> words{"command", "webhook", "mail", "desktop"};
  return words[way.index()];
}

std::string place_of(const NoticeWay& way) {
  return std::visit(PlaceOf(), way);
}

std::optional<Occasion> find_occasion(const Event& event, const Job& job) {
  if (event.kind == "stalled") return Occasion::stall;
  // After an end that a retry follows, the job is held already.
  if (!event.to || !is_terminal(*event.to) || job.state != *event.to) return std::nullopt;
  switch (job.state) {
    case JobState::failed:
    case JobState::lost:
      return Occasion::failure;
    case JobState::timeout:
      return job.reason == Reason::hung ? Occasion::hang : Occasion::failure;
    default:
      return Occasion::end;
  }
}

bool is_told(const NoticeTarget& target, Occasion occasion, const JobSpec& spec) {
  if (std::ranges::find(spec.notify, target.name) != spec.notify.end()) return true;
  const auto wants = [&](NoticeWish wish) { return target.on.contains(wish); };
  switch (occasion) {
    case Occasion::end:
      return wants(NoticeWish::end);
    case Occasion::failure:
      return wants(NoticeWish::end) || wants(NoticeWish::failure);
    case Occasion::hang:
      return !target.on.empty();
    case Occasion::stall:
      return wants(NoticeWish::hang);
    default:
      return false;
  }
}

Notice make_notice(const Job& job, Occasion occasion, const std::string& host,
                   const std::vector<std::string>& secrets) {
  const Telling telling(job, secrets);
  Notice notice;
  notice.occasion = occasion;
  notice.job = job.id;
  notice.attempt = job.attempt.number;
  std::string subject = fmt::format("{} (job {}) {} on {}", telling.masked(job.spec.name),
                                    job.id.value, how(job, occasion), host);
  if (!job.error.empty() && is_terminal(job.state)) subject += ": " + telling.masked(job.error);
  notice.subject = one_line(subject);
  notice.text = telling.text();
  notice.details = {{"host", host}, {"job", telling.details()}};
  return notice;
}

Notice make_digest(const std::vector<DigestEntry>& entries, const std::string& host) {
  std::map<std::string_view, std::int64_t> counts;
  json::array named;
  std::string lines;
  for (const DigestEntry& entry : entries) {
    ++counts[to_word(entry.occasion)];
    if (named.size() >= limits::digest_entries_max) continue;
    named.push_back({{"id", entry.job.value},
                     {"kind", to_word(entry.occasion)},
                     {"subject", one_line(entry.subject)}});
    lines += one_line(entry.subject) + "\n";
  }
  std::string counted;
  json::object by_kind;
  for (const auto& [word, count] : counts) {
    counted += fmt::format("{}{} {}", counted.empty() ? "" : ", ", count, word);
    by_kind[word] = count;
  }
  if (entries.size() > named.size())
    lines += fmt::format("and {} more: reeve notify history\n", entries.size() - named.size());
  Notice notice;
  notice.occasion = Occasion::digest;
  notice.subject = fmt::format("{} notices from {}: {}", entries.size(), host, counted);
  notice.text = lines;
  notice.details = {{"host", host},
                    {"count", entries.size()},
                    {"by_kind", std::move(by_kind)},
                    {"notices", std::move(named)}};
  return notice;
}

Notice make_test_notice(const std::string& target, const std::string& host) {
  Notice notice;
  notice.occasion = Occasion::test;
  notice.subject = fmt::format("test of the target {} on {}", one_line(target), host);
  notice.text = "Reeve can reach you here.\n";
  notice.details = {{"host", host}};
  return notice;
}

std::string to_payload(const Notice& notice, UtcTime now) {
  json::object out;
  out["version"] = 1;
  out["kind"] = to_word(notice.occasion);
  out["time"] = to_rfc3339(now);
  out["subject"] = notice.subject;
  out["text"] = notice.text;
  for (const auto& [key, value] : notice.details) out[key] = value;
  return valid_utf8(to_line(out));
}

std::string with_id(const std::string& payload, const std::string& id, std::int64_t event) {
  auto parsed = parse_json(payload);
  if (!parsed || !parsed->is_object()) return payload;
  json::object& out = parsed->get_object();
  out["id"] = id;
  out["event"] = event == 0 ? json::value(nullptr) : json::value(event);
  return to_line(out);
}

}  // namespace reeve
