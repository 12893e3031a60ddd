#include "core/retry.h"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <string>

#include "base/checksum.h"
#include "base/text.h"

namespace reeve {
namespace {

constexpr Duration longest_wait{600'000};

struct Codes {
  std::int64_t first = 0;
  std::int64_t last = 0;
};

std::optional<Codes> codes_of(std::string_view rule) {
  const auto dash = rule.find('-');
  const auto first = parse_integer(rule.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : parse_integer(rule.substr(dash + 1));
  if (!first || !last || *first < 1 || *last > 255 || *first > *last) return std::nullopt;
  return Codes{*first, *last};
}

// `job` has failed or was over its time limit.
bool matches(std::string_view rule, const Job& job) {
  const Attempt& attempt = job.attempt;
  if (rule == "any") return true;
  if (rule == "oom") return attempt.reason == Reason::out_of_memory;
  if (rule == "timeout") return attempt.state == JobState::timeout;
  if (rule == "signal") return attempt.reason == Reason::signal;
  if (rule == "hung") return attempt.reason == Reason::hung;
  if (rule == "log_error") return attempt.reason == Reason::log_error;
  if (rule == "invalid") return attempt.reason == Reason::invalid_results;
  if (rule == "launch") return attempt.reason == Reason::launch_error;
  if (attempt.state != JobState::failed || !attempt.exit) return false;
  if (const auto codes = codes_of(rule))
    return attempt.exit->kind == ExitKind::exited && attempt.exit->code >= codes->first &&
           attempt.exit->code <= codes->last;
  const auto number = signal_number(rule);
  return number && attempt.exit->kind == ExitKind::signalled && attempt.exit->code == *number;
}

bool is_retried_when_hung(const Job& job) {
  return job.attempt.reason == Reason::hung && job.spec.on_stall == OnStall::retry;
}

// A retry can mend what may differ next time; a cancelled job is not meant to run again.
bool is_worth_it(const Job& job) {
  if (job.attempt.unwanted) return false;
  switch (job.attempt.state) {
    case JobState::failed:
    case JobState::timeout:
      return job.spec.retry.on.empty() || is_retried_when_hung(job) ||
             std::ranges::any_of(job.spec.retry.on,
                                 [&](const std::string& rule) { return matches(rule, job); });
    case JobState::lost:
      return job.spec.retry.on_lost;
    default:
      return false;
  }
}

}  // namespace

bool is_retry_rule(std::string_view rule) {
  static constexpr std::string_view words[] = {"any",    "oom",  "timeout",   "signal",
                                               "launch", "hung", "log_error", "invalid"};
  if (std::ranges::find(words, rule) != std::end(words) || codes_of(rule)) return true;
  return !rule.empty() && std::isdigit(static_cast<unsigned char>(rule.front())) == 0 &&
         signal_number(rule).has_value();
}

std::optional<Duration> next_attempt_in(const Job& job) {
  // Jobs that allow it for lost attempts get one retry even if they asked for none in particular.
  std::int32_t retries = job.spec.retry.retries;
  if (job.attempt.state == JobState::lost && job.spec.retry.on_lost) retries = std::max(retries, 1);
  if (is_retried_when_hung(job) && retries == 0) retries = limits::retries_default;
  const std::int32_t used = job.attempt.number - 1 - job.retries_from;
  if (!is_worth_it(job) || used >= retries) return std::nullopt;
  const Duration wait = std::min<Duration>(std::max(longest_wait, job.spec.retry.delay),
                                           job.spec.retry.delay * (1L << std::min(used, 20)));
  const std::string seed = std::to_string(job.id.value) + "." + std::to_string(used);
  const auto jitter = static_cast<std::int64_t>(fnv1a(seed) % 1024);
  return wait + wait * jitter / 4096;
}

}  // namespace reeve
