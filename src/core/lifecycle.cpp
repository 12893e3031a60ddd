#include "core/lifecycle.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "base/text.h"
#include "core/run_directory.h"
#include "core/step_builder.h"
#include "core/verdict.h"

namespace reeve {
namespace {

// Applies one fact to one job. Each `operator()` is a row of the state table: the states in which
// the fact makes sense, and what follows.
class Transition : private StepBuilder {
 public:
  using StepBuilder::StepBuilder;

  Outcome operator()(const fact::Hold& hold) {
    if (job().state != JobState::queued) return refuse("only a queued job can be held");
    job().release_at.reset();
    attempt().intent = false;  // committed, but not used: a start of another number may follow
    move_to(JobState::held, hold.actor);
    return done();
  }

  Outcome operator()(const fact::Release& release) {
    if (job().state != JobState::held) return refuse("only a held job can be released");
    enqueue(release.actor, "");
    return done();
  }

  Outcome operator()(const fact::Due&) {
    if (job().state != JobState::held || !job().release_at) return refuse("it waits for no time");
    enqueue("timer", "");
    return done();
  }

  Outcome operator()(const fact::Cancel& cancel) {
    if (is_terminal(job().state))
      return refuse(fmt::format("it has already ended: {}", to_word(job().state)));
    if (job().state == JobState::finishing) {
      // Its own result stands, but no further attempt follows.
      const bool was_stopped = attempt().exit && attempt().exit->stopped;
      attempt().cancel_too_late |= attempt().stop == StopCause::none ||
                                   (attempt().stop == StopCause::preempt && !was_stopped);
      ask_to_cancel(cancel.actor);
      return done();
    }
    if (is_waiting(job().state)) {
      close_before_start(cancel.actor);
      return done();
    }
    attempt().stop_grace = cancel.grace.value_or(job().spec.grace);
    const bool is_first = attempt().stop == StopCause::none;
    ask_to_cancel(cancel.actor);
    if (is_first) move_to(JobState::cancelling, cancel.actor);
    step_.effects.emplace_back(effect::Stop{attempt().stop_grace});
    return done();
  }

  Outcome operator()(const fact::Pause& pause) {
    const PausedBy by = is_active(job().state) ? attempt().paused_by : PausedBy::nobody;
    if (by == PausedBy::scheduler) {
      attempt().paused_by = PausedBy::scheduler_and_user;
      note("pausing", pause.actor, "it does not go on before it is resumed");
      return done();
    }
    if (by != PausedBy::nobody) return refuse("it is paused already");
    if (job().state == JobState::queued)
      return refuse("it has not started; `reeve hold` keeps it from starting");
    if (job().state != JobState::running) return refuse("only a running job can be paused");
    attempt().paused_by = PausedBy::user;
    note("pausing", pause.actor, "");
    step_.effects.emplace_back(effect::Freeze{true});
    return done();
  }

  Outcome operator()(const fact::Resume& resume) {
    const PausedBy by = attempt().paused_by;
    const bool is_pausing = job().state == JobState::running && by != PausedBy::nobody;
    if (job().state != JobState::paused && !is_pausing) return refuse("it is not paused");
    if (by == PausedBy::scheduler) return refuse(goes_on_words());
    if (by == PausedBy::scheduler_and_user) {
      attempt().paused_by = PausedBy::scheduler;
      note("resuming", resume.actor, "it goes on when its CPUs are free");
      return done();
    }
    let_go_on(resume.actor, "");
    return done();
  }

  Outcome operator()(const fact::Preempt& preempt) {
    const bool runs = job().state == JobState::running && attempt().paused_by == PausedBy::nobody;
    const bool stands_still =
        job().state == JobState::paused && attempt().paused_by == PausedBy::user;
    const std::string for_whom = fmt::format("for job {}, which has priority {}",
                                             preempt.for_job.value, to_word(preempt.for_priority));
    if (job().spec.when_preempted == WhenPreempted::pause && (runs || stands_still)) {
      attempt().paused_by = runs ? PausedBy::scheduler : PausedBy::scheduler_and_user;
      count_preemption();
      note("preempted", "scheduler", "paused " + for_whom);
      if (runs) step_.effects.emplace_back(effect::Freeze{true});
    } else if (job().spec.when_preempted == WhenPreempted::requeue && runs) {
      attempt().stop = StopCause::preempt;
      attempt().stop_grace = job().spec.grace;
      move_to(JobState::cancelling, "scheduler", "to be queued again, " + for_whom);
      step_.effects.emplace_back(effect::Stop{attempt().stop_grace});
    } else {
      return refuse("it can't be pushed aside");
    }
    attempt().preempted_for = preempt.for_job;
    return done();
  }

  Outcome operator()(const fact::GoOn& go_on) {
    if (job().state != JobState::paused || attempt().paused_by != PausedBy::scheduler)
      return refuse("it does not wait to go on");
    if (attempt().placement.cpus != go_on.cpus) {
      attempt().placement.cpus = go_on.cpus;
      step_.effects.emplace_back(effect::Bind{});
    }
    let_go_on("scheduler", "its CPUs are free");
    return done();
  }

  Outcome operator()(const fact::Paused& paused) {
    if (paused.is_paused) {
      // A resume may have been asked for meanwhile; its own confirmation follows.
      if (job().state != JobState::running) return refuse("it is not running");
      attempt().paused_since = paused.at;
      attempt().state = JobState::paused;
      move_to(JobState::paused, "keeper", "all its processes are frozen");
    } else {
      if (job().state != JobState::paused) return refuse("it is not paused");
      attempt().paused_for += paused.at - attempt().paused_since;
      attempt().paused_since = {};
      attempt().state = JobState::running;
      move_to(JobState::running, "keeper", "its processes go on");
    }
    return done();
  }

  Outcome operator()(const fact::Retry& retry) {
    if (!is_terminal(job().state)) return refuse("it has not ended");
    if (job().removing.any()) return refuse("its files are being removed");
    job().retries_from = attempt().number;
    job().judgement.reset();
    job().removed = {};
    if (job().reason != Reason::out_of_memory) job().grown_memory = 0;
    job().reason = Reason::none;
    job().error.clear();
    job().ended_at = {};
    enqueue(retry.actor, fmt::format("attempt {}", attempt().number + 1));
    return done();
  }

  Outcome operator()(const fact::Edit& edit) {
    if (is_terminal(job().state)) return refuse("it has ended");
    if (is_active(job().state) && !may_change_while_active(job().spec, edit.spec))
      return refuse(
          "it is running: only its time limit, grace, retries, priority, preemption, group, tags "
          "and whom to notify can be changed");
    if (edit.spec.demand.memory != job().spec.demand.memory) job().grown_memory = 0;
    job().spec = edit.spec;
    if (job().state == JobState::queued) attempt().intent = false;  // made for the old demand
    note("edited", edit.actor, "");
    return done();
  }

  Outcome operator()(const fact::Remarked& remarked) {
    return apply_remark(std::move(job()), remarked.actor, remarked.remark, now_);
  }

  Outcome operator()(const fact::Intend& intend) {
    if (job().state != JobState::queued) return refuse("it is not queued");
    if (attempt().intent) return refuse("its start is committed already");
    if (!attempt().open) {
      const std::int32_t number = attempt().number + 1;
      attempt() = Attempt{};
      attempt().number = number;
      attempt().open = true;
    }
    attempt().start = intend.start;
    attempt().intent = true;
    // What an earlier start of the attempt was told is not true of this one, which is not launched.
    attempt().log.clear();
    attempt().placement = {};
    attempt().placement.gpus = intend.gpus;
    attempt().placement.cpus = intend.cpus;
    attempt().placement.memory_limit = job().demand().memory;
    return done();
  }

  Outcome operator()(const fact::Launch&) {
    if (job().state != JobState::queued || !attempt().intent)
      return refuse("its start is not committed");
    attempt().state = JobState::starting;
    move_to(JobState::starting, "scheduler");
    step_.effects.emplace_back(effect::Start{});
    return done();
  }

  Outcome operator()(const fact::Launched& launched) {
    if (!attempt().open || !attempt().intent) return refuse("no start is under way");
    attempt().placement.containment = launched.containment;
    attempt().placement.cgroup = launched.cgroup;
    attempt().staging = launched.staging;
    attempt().log = launched.log;
    attempt().placement.memory_by = launched.memory_by;
    attempt().placement.notify = launched.notify;
    return done();
  }

  Outcome operator()(const fact::LaunchFailed& failure) {
    if (!is_active(job().state) || attempt().exit || attempt().started.ms != 0)
      return refuse("no start is under way");
    ++attempt().launch_failures;
    attempt().intent = false;
    if (attempt().stop != StopCause::none) {
      close_stopped_before_start();
    } else if (attempt().launch_failures >= limits::launch_tries_max) {
      attempt().exit = ExitStatus{ExitKind::launch_error, failure.code, false, failure.step, false};
      close(JobState::failed, Reason::launch_error, "scheduler",
            describe(*attempt().exit, job().spec));
    } else {
      job().release_at =
          now_.time + limits::launch_wait_first * (1 << (attempt().launch_failures - 1));
      move_to(JobState::held, "scheduler",
              "the machine could not start it: " + errno_name(failure.code));
    }
    return done();
  }

  Outcome operator()(const fact::Withdraw&) {
    if (job().state != JobState::queued || !attempt().intent)
      return refuse("no start is committed");
    attempt().intent = false;
    return done();
  }

  Outcome operator()(const fact::Started& started) {
    if (!is_active(job().state)) return refuse("it is not active");
    attempt().main_pid = started.main_pid;
    attempt().started = started.at;
    attempt().started_at = started.at_utc;
    if (job().state == JobState::starting) {
      attempt().state = JobState::running;
      move_to(JobState::running, "keeper", fmt::format("pid {}", started.main_pid));
    } else {
      note("started", "keeper", fmt::format("pid {}", started.main_pid));
    }
    return done();
  }

  Outcome operator()(const fact::Exited& exited) {
    if (!is_active(job().state) || job().state == JobState::finishing)
      return refuse("its exit is known already");
    attempt().exit = exited.exit;
    attempt().ended = exited.at;
    attempt().ended_at = exited.at_utc;
    // Known truth: it ended before our first signal reached it, so its own result counts.
    attempt().cancel_too_late = attempt().stop == StopCause::cancel && !exited.exit.stopped;
    move_to(JobState::finishing, "keeper", describe(exited.exit, job().spec));
    return done();
  }

  Outcome operator()(const fact::Ended& ended) {
    if (job().state != JobState::finishing || attempt().end_step != EndStep::none)
      return refuse("it is not being finished");
    attempt().usage = ended.usage;
    attempt().log_summary = ended.log;
    attempt().leftovers = ended.leftovers;
    attempt().kill_stuck = false;
    attempt().evidence.has_results = ended.has_results;
    attempt().evidence.disturbed_from = ended.disturbed_from;
    if (ended.from_earlier_boot && ended.has_results && is_success()) {
      lose_results();
      return done();
    }
    if (ended.is_silent)
      conclude();
    else
      go_on_with(EndStep::examine, effect::Examine{});
    return done();
  }

  Outcome operator()(const fact::Found& found) {
    if (!is_active(job().state) || attempt().end_step > EndStep::examine)
      return refuse("its log is not read");
    Evidence& evidence = attempt().evidence;
    const bool is_error = found.finding.severity == Severity::error;
    ++(is_error ? evidence.errors : evidence.warnings);
    evidence.found_to = std::max(evidence.found_to, found.finding.offset);
    if (is_error && !evidence.first_error) evidence.first_error = found.finding;
    note(is_error ? "log_error" : "log_warning", "watch",
         fmt::format("line {}: {}", found.finding.line, found.finding.message));
    step_.finding = found.finding;
    return done();
  }

  Outcome operator()(const fact::Noted& noted) {
    if (!is_active(job().state)) return refuse("it is not active");
    note(noted.kind, "watch", noted.words);
    return done();
  }

  Outcome operator()(const fact::Told& told) {
    if (!is_active(job().state) || attempt().end_step > EndStep::examine)
      return refuse("its end is judged");
    Evidence& evidence = attempt().evidence;
    if (told.failure) {
      evidence.declared = Declared::failure;
      evidence.declared_reason = *told.failure;
    }
    for (const auto& [name, value] : told.results)
      if (evidence.metrics.contains(name) || evidence.metrics.size() < limits::metrics_max)
        evidence.metrics[name] = value;
    evidence.needs_beats |= told.needs_beats;
    return done();
  }

  Outcome operator()(const fact::Examined& examined) {
    if (attempt().end_step != EndStep::examine) return refuse("it is not being examined");
    attempt().evidence.declared = examined.declared;
    attempt().evidence.declared_reason = examined.reason;
    attempt().evidence.metrics = examined.metrics;
    if (!examined.trouble.empty()) note("not_understood", "watch", examined.trouble);
    conclude();
    return done();
  }

  Outcome operator()(const fact::Validated& validated) {
    if (attempt().end_step != EndStep::validate) return refuse("its results are not checked");
    attempt().evidence.verdict = validated.verdict;
    attempt().evidence.has_results = validated.has_results;
    attempt().evidence.verdict_words = validated.words;
    note(std::string(to_word(validated.verdict)), "validator", validated.words);
    if (validated.verdict == ResultsVerdict::invalid &&
        job().spec.validation.on_invalid == OnInvalid::fail)
      close(JobState::failed, Reason::invalid_results, "validator", validated.words);
    else
      keep_results();
    return done();
  }

  Outcome operator()(const fact::KillStuck& stuck) {
    if (!is_active(job().state)) return refuse("it is not active");
    attempt().kill_stuck = true;
    note("kill_stuck", "keeper", fmt::format("{} processes do not end", stuck.processes));
    return done();
  }

  Outcome operator()(const fact::TimeLimit&) {
    if (job().state != JobState::running || !job().spec.time_limit)
      return refuse("it is not running under a limit");
    attempt().stop = StopCause::wall_limit;
    attempt().stop_grace = job().spec.grace;
    move_to(JobState::timing_out, "timer", "time limit of " + to_text(*job().spec.time_limit));
    step_.effects.emplace_back(effect::Stop{attempt().stop_grace});
    return done();
  }

  Outcome operator()(const fact::Stalled& stalled) {
    if (job().state != JobState::running) return refuse("it is not running");
    if (job().spec.on_stall == OnStall::warn) {
      note("stalled", "watch", stalled.words);
      return done();
    }
    attempt().stop = StopCause::hung;
    attempt().stop_grace = job().spec.grace;
    attempt().error = stalled.words;
    move_to(JobState::timing_out, "watch", stalled.words);
    step_.effects.emplace_back(effect::Stop{attempt().stop_grace});
    return done();
  }

  Outcome operator()(const fact::Published& published) {
    if (!is_publishing()) return refuse("it is not being published");
    attempt().results_dir = published.directory;
    close(JobState::completed, Reason::none, "publisher", "");
    return done();
  }

  Outcome operator()(const fact::PublishClash&) {
    if (!is_publishing()) return refuse("it is not being published");
    choose_publish_target();
    return done();
  }

  Outcome operator()(const fact::PublishFailed& failure) {
    if (!is_publishing()) return refuse("it is not being published");
    attempt().results_dir = failure.directory;
    close(JobState::failed, Reason::publish_error, "publisher",
          publish_failure_words(attempt(), failure.error));
    return done();
  }

  Outcome operator()(const fact::KeeperGone& gone) {
    using Finding = fact::KeeperGone::Finding;
    if (!attempt().open || is_terminal(job().state)) return refuse("it has ended");
    const bool is_known = attempt().end_step != EndStep::none;
    if (is_known && gone.finding != Finding::rebooted) return refuse("its end is known");
    if (gone.finding == Finding::never_started) {
      attempt().intent = false;
      if (attempt().stop != StopCause::none)
        close_stopped_before_start();
      else if (is_active(job().state))
        enqueue("recovery", "its start was taken back before the command ran");
      return done();
    }
    if (attempt().exit && (gone.finding == Finding::swept || !is_success())) {
      // The exit was recorded before the keeper vanished, so the result is known.
      if (job().state != JobState::finishing) move_to(JobState::finishing, "recovery");
      if (attempt().end_step != EndStep::none) return done();
      attempt().evidence.has_results = gone.has_results;
      go_on_with(EndStep::examine, effect::Examine{});
      return done();
    }
    if (is_known) {
      lose_results();
      return done();
    }
    attempt().ended = now_.time;
    attempt().ended_at = now_.utc;
    const bool rebooted = gone.finding == Finding::rebooted;
    close(JobState::lost, rebooted ? Reason::reboot : Reason::keeper_died, "recovery",
          rebooted ? "the machine went down while it ran; nobody can know how it ended"
                   : "its keeper was killed; what was left of it was ended, and nobody can know "
                     "how it would have ended");
    return done();
  }
};

}  // namespace

Step submit(Job job, const Now& now) {
  job.submitted_at = now.utc;
  job.queued_at = now.time;
  job.state = job.spec.hold ? JobState::held : JobState::queued;
  Step step{std::move(job), {}, {}, {}};
  step.events.push_back(
      {step.job.id, 0, "submitted", std::nullopt, step.job.state, Reason::none, "user", ""});
  return step;
}

std::expected<Step, Error> apply(Job job, const Fact& fact, const Now& now) {
  return std::visit(Transition(std::move(job), now), fact);
}

}  // namespace reeve
