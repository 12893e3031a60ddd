#include "core/verdict.h"

#include <fmt/format.h>

#include "base/text.h"
#include "base/time.h"

namespace reeve {
namespace {

std::string out_of_memory_words(const Job& job) {
  const Usage& usage = job.attempt.usage;
  const std::string limit = size_text(job.attempt.placement.memory_limit);
  if (usage.over_memory)
    return fmt::format("out of memory: it used {}, more than its limit of {}, and was ended",
                       size_text(usage.max_rss_bytes), limit);
  return fmt::format("out of memory: the kernel killed {} of its processes at its limit of {} ({})",
                     usage.oom_kills, limit, describe(*job.attempt.exit, job.spec));
}

// What may stand behind a SIGKILL that was not ours; nobody can know.
std::string suspicion(const Usage& usage) {
  if (usage.machine_oom_kills <= 0) return "";
  return fmt::format(
      "; perhaps for want of memory: the kernel killed {} processes on this machine for that "
      "while it ran",
      usage.machine_oom_kills);
}

// The job's own words, or the first error of its log, say more than a number.
std::string with_first_error(const Evidence& evidence, const std::string& words) {
  if (!evidence.declared_reason.empty())
    return fmt::format("{} ({})", evidence.declared_reason, words);
  if (!evidence.first_error) return words;
  return fmt::format("{} ({})", evidence.first_error->message, words);
}

Verdict judge_success(const Job& job) {
  const Evidence& evidence = job.attempt.evidence;
  if (evidence.declared == Declared::failure)
    return {JobState::failed, Reason::declared, "job",
            evidence.declared_reason.empty() ? "it said so itself" : evidence.declared_reason};
  const bool is_its_own =
      evidence.first_error &&
      (evidence.disturbed_from < 0 || evidence.first_error->offset < evidence.disturbed_from);
  if (evidence.declared == Declared::nothing && is_its_own &&
      job.spec.log.on_error == OnLogError::fail)
    return {JobState::failed, Reason::log_error, "watch",
            with_first_error(evidence, "exit code 0")};
  return {};
}

}  // namespace

Verdict judge(const Job& job) {
  const Attempt& attempt = job.attempt;
  const ExitStatus& exit = *attempt.exit;
  const std::string words = describe(exit, job.spec);
  const bool is_success = exit.kind == ExitKind::exited && exit.code == 0 && !exit.stopped;
  if (exit.kind == ExitKind::launch_error)
    return {JobState::failed, Reason::launch_error, "keeper", words};
  if (exit.stopped && attempt.stop == StopCause::cancel)
    return {JobState::cancelled, Reason::cancelled_by_user, "keeper", ""};
  if (exit.stopped && attempt.stop == StopCause::wall_limit)
    return {JobState::timeout, Reason::wall_limit, "keeper",
            "it ran longer than its time limit of " + to_text(*job.spec.time_limit)};
  if (exit.stopped && attempt.stop == StopCause::hung)
    return {JobState::timeout, Reason::hung, "keeper", attempt.error};
  if (!is_success && (attempt.usage.over_memory || attempt.usage.oom_kills > 0))
    return {JobState::failed, Reason::out_of_memory, "keeper", out_of_memory_words(job)};
  if (exit.kind == ExitKind::signalled || exit.code != 0)
    return {JobState::failed, exit.kind == ExitKind::signalled ? Reason::signal : Reason::exit_code,
            "keeper", with_first_error(attempt.evidence, words + suspicion(attempt.usage))};
  return judge_success(job);
}

std::string publish_failure_words(const Attempt& attempt, const std::string& error) {
  if (attempt.results_dir.empty())
    return "it succeeded, but its results could not be put into place: " + error +
           "; they are kept in " + attempt.staging;
  return "it succeeded and its results are in " + attempt.results_dir +
         ", but the disk did not confirm that they are safe: " + error;
}

}  // namespace reeve
