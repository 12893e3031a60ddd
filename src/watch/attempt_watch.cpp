#include "watch/attempt_watch.h"

#include <utility>

#include "core/limits.h"

namespace reeve {
namespace {

// The rules of the job, which were checked when it was submitted; else those that all jobs have.
std::shared_ptr<const RuleSet> rules_of(const Job& job) {
  if (auto rules = RuleSet::compile(job.spec.log)) return *rules;
  return *RuleSet::compile({});
}

}  // namespace

AttemptWatch::AttemptWatch(const Job& job)
    : key_(job.key()), log_(job.attempt.log, rules_of(job), job.attempt.evidence.found_to) {}

bool AttemptWatch::read_log(std::vector<Observed>& seen) {
  std::vector<Finding> found;
  const bool is_more = log_.advance(limits::log_round_bytes, found);
  const bool is_whole = is_ended_ && !is_more;
  if (is_whole) log_.finish(found);
  for (Finding& finding : found) seen.push_back({key_, fact::Found{std::move(finding)}});
  if (is_whole) seen.push_back({key_, fact::Examined{}});
  return is_more;
}

}  // namespace reeve
