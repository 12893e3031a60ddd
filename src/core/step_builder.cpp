#include "core/step_builder.h"

#include <fmt/format.h>

#include "base/check.h"
#include "base/text.h"
#include "core/retry.h"
#include "core/run_directory.h"
#include "core/verdict.h"

namespace reeve {

Outcome StepBuilder::refuse(std::string why) const {
  return failed(ErrorCode::conflict, fmt::format("job {}: {}", step_.job.id.value, why));
}

bool StepBuilder::is_success() {
  const auto& exit = attempt().exit;
  return exit && exit->kind == ExitKind::exited && exit->code == 0 && !exit->stopped;
}

void StepBuilder::go_on_with(EndStep step, Effect effect) {
  attempt().end_step = step;
  step_.effects.push_back(effect);
}

void StepBuilder::note(std::string kind, std::string actor, std::string detail) {
  step_.events.push_back({job().id, attempt().number, std::move(kind), std::nullopt, std::nullopt,
                          Reason::none, std::move(actor), std::move(detail)});
}

void StepBuilder::move_to(JobState to, std::string actor, std::string detail, Reason reason) {
  check(!is_terminal(job().state) || to == JobState::queued || to == JobState::held,
        "a terminal state is left only by a retry");
  step_.events.push_back({job().id, attempt().number, std::string(to_word(to)), job().state, to,
                          reason, std::move(actor), std::move(detail)});
  job().state = to;
}

void StepBuilder::enqueue(std::string actor, std::string detail) {
  job().release_at.reset();
  job().queued_at = now_.time;
  if (attempt().open) attempt().state = JobState::queued;
  move_to(JobState::queued, std::move(actor), std::move(detail));
}

void StepBuilder::let_go_on(std::string actor, std::string detail) {
  attempt().paused_by = PausedBy::nobody;
  attempt().went_on = now_.time;
  note("resuming", std::move(actor), std::move(detail));
  step_.effects.emplace_back(effect::Freeze{false});
}

void StepBuilder::count_preemption() {
  ++job().preemptions;
  job().preempted_at = now_.time;
}

std::string StepBuilder::goes_on_words() {
  return fmt::format(
      "it was paused for job {}, and goes on by itself when {} CPUs are free and its turn has "
      "come (see `reeve why {}`); a higher priority brings that nearer (`reeve edit --priority`)",
      attempt().preempted_for.value, job().spec.demand.cpus, job().id.value);
}

void StepBuilder::conclude() {
  if (attempt().exit->stopped && attempt().stop == StopCause::preempt)
    return close_and_queue("keeper");
  const Verdict verdict = judge(job());
  if (verdict.reason == Reason::out_of_memory && attempt().placement.memory_limit > 0)
    job().grown_memory = attempt().placement.memory_limit / 2 * 3;
  if (verdict.state != JobState::completed)
    close(verdict.state, verdict.reason, std::string(verdict.by), verdict.words);
  else if (!job().spec.validation.checks.empty())
    go_on_with(EndStep::validate, effect::Validate{});
  else
    keep_results();
}

void StepBuilder::keep_results() {
  if (attempt().evidence.has_results)
    choose_publish_target();
  else
    close(JobState::completed, Reason::none, "keeper", "");
}

void StepBuilder::lose_results() {
  close(JobState::lost, Reason::reboot, "recovery",
        "it ended with exit code 0, but the machine went down before its results were safe; "
        "what there is of them is in " +
            attempt().staging);
}

void StepBuilder::ask_to_cancel(const std::string& actor) {
  attempt().unwanted = true;
  if (attempt().stop == StopCause::preempt) {
    attempt().stop = StopCause::cancel;
    note("cancel_asked", actor, "it was being stopped to be queued again");
    return;
  }
  if (attempt().stop != StopCause::none) {
    note("cancel_again", actor, "");
    return;
  }
  attempt().stop = StopCause::cancel;
  if (job().state == JobState::finishing) note("cancel_too_late", actor, "");
}

void StepBuilder::choose_publish_target() {
  ++attempt().publish_tries;
  attempt().publish_target = run_directory(job().spec.results_root, job().spec.name,
                                           attempt().started_at, attempt().publish_tries);
  go_on_with(EndStep::publish, effect::Publish{});
}

void StepBuilder::close_stopped_before_start() {
  if (attempt().stop == StopCause::cancel)
    close(JobState::cancelled, Reason::cancelled_by_user, "scheduler", "");
  else if (attempt().stop == StopCause::preempt)
    close_and_queue("scheduler");
  else
    close(JobState::timeout, Reason::wall_limit, "scheduler", "");
}

void StepBuilder::close_and_queue(std::string actor) {
  close(JobState::cancelled, Reason::preempted, std::move(actor),
        fmt::format("stopped for job {}", attempt().preempted_for.value));
  count_preemption();
  ++job().retries_from;
  job().reason = Reason::none;
  job().error.clear();
  job().ended_at = {};
  move_to(JobState::queued, "scheduler", fmt::format("attempt {}", attempt().number + 1));
}

void StepBuilder::close_before_start(std::string actor) {
  const std::int32_t ended_attempt = attempt().open ? attempt().number : 0;
  if (attempt().open) {
    attempt().state = JobState::cancelled;
    attempt().reason = Reason::cancelled_by_user;
    attempt().open = attempt().intent = false;
  }
  job().release_at.reset();
  job().ended_at = now_.utc;
  job().reason = Reason::cancelled_by_user;
  job().error.clear();
  move_to(JobState::cancelled, std::move(actor), "before it started", Reason::cancelled_by_user);
  step_.events.back().attempt = ended_attempt;  // 0: the job ended between two attempts
}

void StepBuilder::close(JobState state, Reason reason, std::string actor, std::string error) {
  check(attempt().open, "an attempt gets one terminal state");
  attempt().state = state;
  attempt().reason = reason;
  attempt().error = error;
  attempt().open = attempt().intent = false;
  attempt().end_step = EndStep::none;
  if (state != JobState::completed) step_.effects.emplace_back(effect::SetAside{});
  job().reason = reason;
  job().error = error;
  job().ended_at = attempt().ended_at.ms != 0 ? attempt().ended_at : now_.utc;
  move_to(state, std::move(actor), std::move(error), reason);
  if (const auto wait = next_attempt_in(job())) {
    job().release_at = now_.time + *wait;
    move_to(JobState::held, "retry",
            fmt::format("attempt {} in {}", attempt().number + 1, to_text(*wait)));
  }
}

}  // namespace reeve
