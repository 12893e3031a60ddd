#include "core/lifecycle.h"

#include <fmt/format.h>

#include "base/check.h"
#include "base/text.h"
#include "core/retry.h"
#include "core/run_directory.h"

namespace reeve {
namespace {

using Outcome = std::expected<Step, Error>;

// Applies one fact to one job. Each `operator()` is a row of the state table: the states in which
// the fact makes sense, and what follows.
class Transition {
 public:
  Transition(Job job, const Now& now) : now_(now) { step_.job = std::move(job); }

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
      attempt().cancel_too_late |= attempt().stop == StopCause::none;
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
    if (attempt().pause_wanted && is_active(job().state)) return refuse("it is paused already");
    if (job().state == JobState::queued)
      return refuse("it has not started; `reeve hold` keeps it from starting");
    if (job().state != JobState::running) return refuse("only a running job can be paused");
    attempt().pause_wanted = true;
    note("pausing", pause.actor, "");
    step_.effects.emplace_back(effect::Freeze{true});
    return done();
  }

  Outcome operator()(const fact::Resume& resume) {
    const bool is_pausing = job().state == JobState::running && attempt().pause_wanted;
    if (job().state != JobState::paused && !is_pausing) return refuse("it is not paused");
    attempt().pause_wanted = false;
    note("resuming", resume.actor, "");
    step_.effects.emplace_back(effect::Freeze{false});
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
    if (is_active(job().state)) {
      JobSpec allowed = job().spec;
      allowed.priority = edit.spec.priority;
      allowed.time_limit = edit.spec.time_limit;
      allowed.grace = edit.spec.grace;
      allowed.retry = edit.spec.retry;
      allowed.group = edit.spec.group;
      allowed.tags = edit.spec.tags;
      if (allowed != edit.spec)
        return refuse(
            "it is running: only its time limit, grace, retries, priority, group and tags can be "
            "changed");
    }
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
    if (job().state != JobState::finishing || !attempt().publish_target.empty())
      return refuse("it is not being finished");
    attempt().usage = ended.usage;
    attempt().log_summary = ended.log;
    attempt().leftovers = ended.leftovers;
    attempt().kill_stuck = false;
    if (ended.from_earlier_boot && ended.has_results && is_success()) {
      lose_results();
      return done();
    }
    conclude(ended.has_results);
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
          failure.directory.empty()
              ? "it succeeded, but its results could not be put into place: " + failure.error +
                    "; they are kept in " + attempt().staging
              : "it succeeded and its results are in " + failure.directory +
                    ", but the disk did not confirm that they are safe: " + failure.error);
    return done();
  }

  Outcome operator()(const fact::KeeperGone& gone) {
    using Finding = fact::KeeperGone::Finding;
    if (!attempt().open || is_terminal(job().state)) return refuse("it has ended");
    if (is_publishing() && gone.finding != Finding::rebooted) return refuse("its end is known");
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
      conclude(true);
      return done();
    }
    if (is_publishing()) {
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

 private:
  Job& job() { return step_.job; }
  Attempt& attempt() { return step_.job.attempt; }
  Outcome done() { return std::move(step_); }
  Outcome refuse(std::string why) const {
    return failed(ErrorCode::conflict, fmt::format("job {}: {}", step_.job.id.value, why));
  }
  bool is_success() {
    const auto& exit = attempt().exit;
    return exit && exit->kind == ExitKind::exited && exit->code == 0 && !exit->stopped;
  }
  bool is_publishing() {
    return job().state == JobState::finishing && !attempt().publish_target.empty();
  }

  void note(std::string kind, std::string actor, std::string detail) {
    step_.events.push_back({job().id, attempt().number, std::move(kind), std::nullopt, std::nullopt,
                            Reason::none, std::move(actor), std::move(detail)});
  }

  void move_to(JobState to, std::string actor, std::string detail = "",
               Reason reason = Reason::none) {
    check(!is_terminal(job().state) || to == JobState::queued || to == JobState::held,
          "a terminal state is left only by a retry");
    step_.events.push_back({job().id, attempt().number, std::string(to_word(to)), job().state, to,
                            reason, std::move(actor), std::move(detail)});
    job().state = to;
  }

  void enqueue(std::string actor, std::string detail) {
    job().release_at.reset();
    job().queued_at = now_.time;
    if (attempt().open) attempt().state = JobState::queued;
    move_to(JobState::queued, std::move(actor), std::move(detail));
  }

  // The verdict on an attempt of which nothing lives any more.
  void conclude(bool has_results) {
    const ExitStatus& exit = *attempt().exit;
    const std::string words = describe(exit, job().spec);
    if (exit.kind == ExitKind::launch_error) {
      close(JobState::failed, Reason::launch_error, "keeper", words);
    } else if (exit.stopped && attempt().stop == StopCause::cancel) {
      close(JobState::cancelled, Reason::cancelled_by_user, "keeper", "");
    } else if (exit.stopped && was_over_limit()) {
      close(JobState::timeout, Reason::wall_limit, "keeper",
            "it ran longer than its time limit of " + to_text(*job().spec.time_limit));
    } else if (!is_success() && ran_out_of_memory()) {
      if (attempt().placement.memory_limit > 0)
        job().grown_memory = attempt().placement.memory_limit / 2 * 3;
      close(JobState::failed, Reason::out_of_memory, "keeper", out_of_memory_words());
    } else if (exit.kind == ExitKind::signalled || exit.code != 0) {
      close(JobState::failed, exit.kind == ExitKind::signalled ? Reason::signal : Reason::exit_code,
            "keeper", words + suspicion());
    } else if (has_results) {
      choose_publish_target();
    } else {
      close(JobState::completed, Reason::none, "keeper", "");
    }
  }

  // They may be torn: files that were written last may be empty.
  void lose_results() {
    close(JobState::lost, Reason::reboot, "recovery",
          "it ended with exit code 0, but the machine went down before its results were safe; what "
          "there is of them is in " +
              attempt().staging);
  }

  bool ran_out_of_memory() { return attempt().usage.over_memory || attempt().usage.oom_kills > 0; }

  std::string out_of_memory_words() {
    const Usage& usage = attempt().usage;
    const std::string limit = size_text(attempt().placement.memory_limit);
    if (usage.over_memory)
      return fmt::format("out of memory: it used {}, more than its limit of {}, and was ended",
                         size_text(usage.max_rss_bytes), limit);
    return fmt::format(
        "out of memory: the kernel killed {} of its processes at its limit of {} ({})",
        usage.oom_kills, limit, describe(*attempt().exit, job().spec));
  }

  // What may stand behind a SIGKILL that was not ours; nobody can know.
  std::string suspicion() {
    const std::int64_t kills = attempt().usage.machine_oom_kills;
    if (kills <= 0) return "";
    return fmt::format(
        "; perhaps for want of memory: the kernel killed {} processes on this machine for that "
        "while it ran",
        kills);
  }

  // Keeps in mind that nobody wants it any more.
  void ask_to_cancel(const std::string& actor) {
    switch (attempt().stop) {
      case StopCause::none:
        attempt().stop = StopCause::cancel;
        if (job().state == JobState::finishing) note("cancel_too_late", actor, "");
        return;
      case StopCause::wall_limit:
        attempt().stop = StopCause::wall_limit_and_cancel;
        break;
      default:
        break;
    }
    note("cancel_again", actor, "");
  }

  bool was_over_limit() {
    return attempt().stop == StopCause::wall_limit ||
           attempt().stop == StopCause::wall_limit_and_cancel;
  }

  void choose_publish_target() {
    ++attempt().publish_tries;
    attempt().publish_target = run_directory(job().spec.results_root, job().spec.name,
                                             attempt().started_at, attempt().publish_tries);
    step_.effects.emplace_back(effect::Publish{});
  }

  void close_stopped_before_start() {
    if (attempt().stop == StopCause::cancel)
      close(JobState::cancelled, Reason::cancelled_by_user, "scheduler", "");
    else
      close(JobState::timeout, Reason::wall_limit, "scheduler", "");
  }

  // A waiting job that was cancelled. Its start may be committed, but no keeper of it exists: the
  // launch stands in memory only, and does not happen any more.
  void close_before_start(std::string actor) {
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

  void close(JobState state, Reason reason, std::string actor, std::string error) {
    check(attempt().open, "an attempt gets one terminal state");
    attempt().state = state;
    attempt().reason = reason;
    attempt().error = error;
    attempt().open = attempt().intent = false;
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

  Now now_;
  Step step_;
};

}  // namespace

Step submit(Job job, const Now& now) {
  job.submitted_at = now.utc;
  job.queued_at = now.time;
  job.state = job.spec.hold ? JobState::held : JobState::queued;
  Step step{std::move(job), {}, {}};
  step.events.push_back(
      {step.job.id, 0, "submitted", std::nullopt, step.job.state, Reason::none, "user", ""});
  return step;
}

std::expected<Step, Error> apply(Job job, const Fact& fact, const Now& now) {
  return std::visit(Transition(std::move(job), now), fact);
}

}  // namespace reeve
