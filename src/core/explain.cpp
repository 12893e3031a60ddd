#include "core/explain.h"

#include <fmt/format.h>

#include <csignal>

#include "base/text.h"
#include "base/time.h"

namespace reeve {
namespace {

using Lines = std::vector<std::string>;

std::string pause_words(const Job& job) {
  switch (job.attempt.paused_by) {
    case PausedBy::nobody:
      return ", and goes on in a moment";
    case PausedBy::user:
      return fmt::format("; `reeve resume {}` lets it go on", job.id.value);
    case PausedBy::scheduler:
      return fmt::format("; it goes on by itself when {} CPUs are free and its turn has come",
                         job.spec.demand.cpus);
    case PausedBy::scheduler_and_user:
      return fmt::format(
          ", also by a user; after `reeve resume {}` it goes on when {} CPUs are free",
          job.id.value, job.spec.demand.cpus);
  }
  return "";
}

void add_memory(const Job& job, Lines& lines) {
  const Attempt& attempt = job.attempt;
  const Usage& usage = attempt.usage;
  if (attempt.placement.memory_limit > 0)
    lines.push_back(
        fmt::format("its memory limit was {}, enforced by {}; its peak was {}",
                    size_text(attempt.placement.memory_limit),
                    attempt.placement.memory_by == "cgroup" ? "the kernel"
                                                            : "looking at it five times a second",
                    size_text(usage.memory_peak > 0 ? usage.memory_peak : usage.max_rss_bytes)));
  if (usage.oom_kills > 0 && job.reason != Reason::out_of_memory)
    lines.push_back(
        fmt::format("the kernel killed {} of its processes at that limit", usage.oom_kills));
  if (job.reason == Reason::out_of_memory)
    lines.push_back(
        fmt::format("`reeve retry {}` gives it half as much again, and so does --retry-on oom by "
                    "itself; or submit "
                    "it with --mem {}",
                    job.id.value, size_text(attempt.placement.memory_limit * 2)));
}

void add_use(const Job& job, const Now& now, Lines& lines) {
  const Attempt& attempt = job.attempt;
  const Duration ran = ran_for(job, now);
  const double cpu = static_cast<double>(attempt.usage.user_us + attempt.usage.system_us) / 1e6;
  if (ran.count() < 1000 || !attempt.exit) return;
  lines.push_back(fmt::format("it ran for {} and used {:.1f} of {} CPUs on average", to_text(ran),
                              cpu * 1000 / static_cast<double>(ran.count()), job.spec.demand.cpus));
}

void add_exit(const Job& job, Lines& lines) {
  const Attempt& attempt = job.attempt;
  if (!attempt.exit) return;
  const ExitStatus& exit = *attempt.exit;
  if (exit.kind == ExitKind::exited && exit.code == 137)
    lines.emplace_back(
        "137 is what a shell returns when a program it ran was killed by SIGKILL: often for want "
        "of "
        "memory, or by somebody with kill -9");
  else if (exit.kind == ExitKind::exited && exit.code == 127)
    lines.emplace_back("127 is what a shell returns when it does not find a program");
  else if (exit.kind == ExitKind::exited && exit.code == 126)
    lines.emplace_back("126 is what a shell returns for a program that it may not execute");
  else if (exit.kind == ExitKind::exited && exit.code > 128 && exit.code < 160)
    lines.push_back(fmt::format("{} is what a shell returns when a program it ran was ended by {}",
                                exit.code, signal_name(exit.code - 128)));
  else if (exit.kind == ExitKind::signalled && exit.code == SIGKILL && !exit.stopped &&
           job.reason != Reason::out_of_memory)
    lines.emplace_back(
        "nobody of Reeve sent that signal: it came from the kernel or from somebody with kill -9");
}

void add_limits(const Job& job, Lines& lines) {
  if (job.reason == Reason::wall_limit && job.spec.time_limit)
    lines.push_back(
        fmt::format("its time limit is {}; submit it with a longer one (--time), or "
                    "change that while it runs (`reeve edit --time`)",
                    to_text(*job.spec.time_limit)));
  const LogSummary& log = job.attempt.log_summary;
  if (log.gap_end > log.gap_begin)
    lines.push_back(fmt::format("its log was longer than {}: {} in the middle were dropped",
                                size_text(job.spec.log_max),
                                size_text(log.gap_end - log.gap_begin)));
  if (log.lost > 0)
    lines.push_back(fmt::format("{} of its output could not be written", size_text(log.lost)));
}

void add_remarks(const Job& job, Lines& lines) {
  if (job.judgement)
    lines.push_back(fmt::format("{} judged it {}: {}", job.judgement->who,
                                job.judgement->is_valid ? "valid" : "invalid", job.judgement->why));
  if (job.removed.any())
    lines.push_back(fmt::format("to save space its {} were removed", to_words(job.removed)));
}

}  // namespace

Duration ran_for(const Job& job, const Now& now) {
  const Attempt& attempt = job.attempt;
  if (attempt.started.ms == 0) return Duration(0);
  const Time end = attempt.exit || attempt.ended.ms != 0 ? attempt.ended : now.time;
  const Duration paused = attempt.paused_since.ms != 0 ? end - attempt.paused_since : Duration(0);
  return end - attempt.started - attempt.paused_for - paused;
}

Lines explain_held(const Job& job, const Now& now) {
  if (!job.release_at)
    return {fmt::format("it is held; `reeve release {}` lets it go", job.id.value)};
  const Duration left = std::max(*job.release_at - now.time, Duration(0));
  const std::string until =
      fmt::format("attempt {} follows in {}", job.attempt.number + 1, to_text(left));
  if (job.attempt.open)
    return {"the machine could not start it; another try follows in " + to_text(left)};
  Lines lines{until};
  if (!job.error.empty()) lines.push_back("the last one ended so: " + job.error);
  lines.push_back(
      fmt::format("`reeve release {0}` starts it now, `reeve cancel {0}` ends it", job.id.value));
  return lines;
}

Lines explain_job(const Job& job, const Now& now) {
  Lines lines;
  const Attempt& attempt = job.attempt;
  if (!job.error.empty() && is_terminal(job.state)) lines.push_back(job.error);
  switch (job.state) {
    case JobState::running:
      lines.push_back(
          fmt::format("it runs since {}{}", to_text(ran_for(job, now)),
                      attempt.paused_by != PausedBy::nobody ? ", and is being paused" : ""));
      break;
    case JobState::paused:
      lines.push_back(fmt::format("it is paused since {}{}",
                                  to_text(now.time - attempt.paused_since), pause_words(job)));
      break;
    case JobState::cancelling:
    case JobState::timing_out:
      lines.push_back(fmt::format("its processes were asked to end, and have {} for that",
                                  to_text(attempt.stop_grace)));
      break;
    case JobState::lost:
      lines.emplace_back(
          "what it did so far is not known: look at its log and its staged results before running "
          "it again (`reeve retry`); --retry-on-lost lets Reeve do so by itself");
      break;
    case JobState::completed:
      lines.emplace_back("its main process ended with exit code 0");
      if (attempt.evidence.verdict == ResultsVerdict::inconclusive)
        lines.push_back("nobody can say whether its results are as they should be: " +
                        attempt.evidence.verdict_words);
      if (attempt.evidence.verdict == ResultsVerdict::invalid)
        lines.push_back("its results are not as they should be: " + attempt.evidence.verdict_words);
      break;
    default:
      break;
  }
  if (attempt.kill_stuck)
    lines.emplace_back(
        "some process does not end although it was killed: it waits in the kernel, for a disk or a "
        "network file system, or it is another user's and takes no signal of ours");
  add_exit(job, lines);
  add_memory(job, lines);
  add_limits(job, lines);
  add_use(job, now, lines);
  if (attempt.leftovers > 0)
    lines.push_back(
        fmt::format("{} of its processes were left behind and ended", attempt.leftovers));
  add_remarks(job, lines);
  return lines;
}

std::optional<std::string> explain_preemption(const Job& job, const std::optional<Job>& other) {
  const Attempt& attempt = job.attempt;
  const bool is_stopped = attempt.stop == StopCause::preempt && is_active(job.state);
  const bool is_requeued = job.state == JobState::queued && attempt.reason == Reason::preempted;
  const bool is_paused = attempt.paused_by >= PausedBy::scheduler &&
                         (job.state == JobState::running || job.state == JobState::paused);
  if (!is_stopped && !is_requeued && !is_paused) return std::nullopt;
  const std::string what = fmt::format("the scheduler has {} for job {}",
                                       is_paused ? "paused it" : "stopped it, to be queued again,",
                                       attempt.preempted_for.value);
  if (!other) return what + ", which is gone";
  return fmt::format("{}, which has priority {} and is {}", what, to_word(other->spec.priority),
                     to_word(other->state));
}

}  // namespace reeve
