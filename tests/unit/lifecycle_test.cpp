// The state table, row by row, in examples.

#include "core/lifecycle.h"

#include <gtest/gtest.h>

#include "situations.h"
#include "support.h"

namespace reeve::test {
namespace {

using Finding = fact::KeeperGone::Finding;

template <typename T>
bool has_effect(const Step& step) {
  for (const Effect& effect : step.effects)
    if (std::holds_alternative<T>(effect)) return true;
  return false;
}

const fact::Cancel cancel{"ann", {}};

Fact intend(std::int64_t start) {
  return fact::Intend{start, {}, {}};
}

Job with_retries(Job job, std::int32_t retries) {
  job.spec.retry.retries = retries;
  return job;
}

TEST(Lifecycle, SubmittedJobWaitsForItsTurn) {
  Job job = queued_job();
  const Step step = submit(job, at(42));
  EXPECT_EQ(step.job.state, JobState::queued);
  EXPECT_EQ(step.job.queued_at, Time{42});
  EXPECT_EQ(step.job.submitted_at, at(42).utc);
  ASSERT_EQ(step.events.size(), 1U);
  EXPECT_EQ(step.events[0].kind, "submitted");
  EXPECT_EQ(step.events[0].to, JobState::queued);
  EXPECT_TRUE(step.effects.empty());
}

TEST(Lifecycle, JobSubmittedOnHoldWaitsForARelease) {
  Job job = queued_job();
  job.spec.hold = true;
  job = submit(job, at(42)).job;
  EXPECT_EQ(job.state, JobState::held);
  EXPECT_FALSE(job.release_at);
  EXPECT_FALSE(apply(job, fact::Due{}, at(99'999'999)));
  job = must(job, fact::Release{"ann"}, 70).job;
  EXPECT_EQ(job.state, JobState::queued);
  EXPECT_EQ(job.queued_at, Time{70}) << "ageing counts from the release";
}

TEST(Lifecycle, EventNamesWhoDidIt) {
  const Step step = must(queued_job(), fact::Hold{"ann"});
  ASSERT_EQ(step.events.size(), 1U);
  EXPECT_EQ(step.events[0].actor, "ann");
  EXPECT_EQ(step.events[0].from, JobState::queued);
  EXPECT_EQ(step.events[0].to, JobState::held);
}

TEST(Lifecycle, CancelOfAQueuedJobEndsItAtOnceWithoutAnAttempt) {
  const Step step = must(queued_job(), cancel, 1234);
  EXPECT_EQ(step.job.state, JobState::cancelled);
  EXPECT_EQ(step.job.reason, Reason::cancelled_by_user);
  EXPECT_EQ(step.job.ended_at, at(1234).utc);
  EXPECT_EQ(step.job.attempt.number, 0);
  EXPECT_TRUE(step.effects.empty());
}

TEST(Lifecycle, CancelOfAHeldJobEndsItAtOnce) {
  const Step step = must(must(queued_job(), fact::Hold{"ann"}).job, cancel);
  EXPECT_EQ(step.job.state, JobState::cancelled);
  EXPECT_TRUE(step.effects.empty());
}

TEST(Lifecycle, CancelOfACommittedStartClosesTheAttempt) {
  const Step step = must(intended_job(), cancel);
  EXPECT_EQ(step.job.state, JobState::cancelled);
  EXPECT_EQ(step.job.attempt.state, JobState::cancelled);
  EXPECT_FALSE(step.job.attempt.open);
  EXPECT_FALSE(step.job.attempt.intent);
  EXPECT_EQ(step.events.back().attempt, 1);
}

TEST(Lifecycle, CancelOfAStartingJobAsksItsKeeperToStop) {
  const Step step = must(starting_job(), cancel);
  EXPECT_EQ(step.job.state, JobState::cancelling);
  EXPECT_TRUE(has_effect<effect::Stop>(step));
}

TEST(Lifecycle, CancelOfARunningJobStopsItWithItsOwnGrace) {
  const Step step = must(running_job(), cancel);
  EXPECT_EQ(step.job.state, JobState::cancelling);
  ASSERT_EQ(step.effects.size(), 1U);
  EXPECT_EQ(std::get<effect::Stop>(step.effects[0]).grace, Duration(2000));
}

TEST(Lifecycle, CancelMayBringItsOwnGraceAndASecondOneAnother) {
  const Step first = must(running_job(), fact::Cancel{"ann", Duration(50)});
  EXPECT_EQ(std::get<effect::Stop>(first.effects.at(0)).grace, Duration(50));
  const Step second = must(first.job, fact::Cancel{"bob", Duration(0)});
  EXPECT_EQ(second.job.state, JobState::cancelling);
  EXPECT_EQ(std::get<effect::Stop>(second.effects.at(0)).grace, Duration(0));
  EXPECT_EQ(second.events.at(0).kind, "cancel_again");
  EXPECT_FALSE(second.events.at(0).to);
}

TEST(Lifecycle, StoppedJobIsCancelledOnlyOnceNothingOfItLives) {
  const Job stopped = after(running_job(), {cancel, stopped_by_us()});
  EXPECT_EQ(stopped.state, JobState::finishing);
  const Step step = must(stopped, ended(true));
  EXPECT_EQ(step.job.state, JobState::cancelled);
  EXPECT_EQ(step.job.reason, Reason::cancelled_by_user);
  EXPECT_TRUE(has_effect<effect::SetAside>(step));
  EXPECT_FALSE(has_effect<effect::Publish>(step));
}

TEST(Lifecycle, JobThatEndsWithZeroAfterOurSignalIsCancelledAndPublishesNothing) {
  fact::Exited obedient = std::get<fact::Exited>(exited(0));
  obedient.exit.stopped = true;
  const Step step = must(after(running_job(), {cancel, obedient}), ended(true));
  EXPECT_EQ(step.job.state, JobState::cancelled);
  EXPECT_FALSE(has_effect<effect::Publish>(step));
}

TEST(Lifecycle, JobThatEndedBeforeOurSignalKeepsItsResult) {
  const Step step = must(after(running_job(), {cancel, exited(0)}), ended(false));
  EXPECT_EQ(step.job.state, JobState::completed);
  EXPECT_TRUE(step.job.attempt.cancel_too_late);
}

TEST(Lifecycle, CancelOfAFinishingJobComesTooLateAndSaysSo) {
  const Step step = must(finishing_job(0), cancel);
  EXPECT_EQ(step.job.state, JobState::finishing);
  EXPECT_TRUE(step.job.attempt.cancel_too_late);
  EXPECT_EQ(step.events.at(0).kind, "cancel_too_late");
  EXPECT_TRUE(step.effects.empty());
  EXPECT_EQ(must(step.job, ended(false)).job.state, JobState::completed);
}

TEST(Lifecycle, CancelOfAnEndedJobSaysHowItEnded) {
  const auto step = apply(after(finishing_job(3), {ended(false)}), cancel, at(1));
  ASSERT_FALSE(step);
  EXPECT_EQ(step.error().message, "job 7: it has already ended: failed");
}

TEST(Lifecycle, TimeLimitStopsTheJobAndTheReasonIsTheLimit) {
  const Step limit = must(running_job(), fact::TimeLimit{});
  EXPECT_EQ(limit.job.state, JobState::timing_out);
  EXPECT_EQ(std::get<effect::Stop>(limit.effects.at(0)).grace, Duration(2000));
  const Step step = must(after(limit.job, {stopped_by_us()}), ended(true));
  EXPECT_EQ(step.job.state, JobState::timeout);
  EXPECT_EQ(step.job.reason, Reason::wall_limit);
  EXPECT_NE(step.job.error.find("1m00s"), std::string::npos) << step.job.error;
  EXPECT_FALSE(has_effect<effect::Publish>(step));
}

TEST(Lifecycle, JobThatEndedBeforeItsLimitWasEnforcedKeepsItsResult) {
  const Job job = after(running_job(), {fact::TimeLimit{}, exited(0), ended(false)});
  EXPECT_EQ(job.state, JobState::completed);
}

TEST(Lifecycle, ATimeLimitIsNoCancelThatCameTooLate) {
  const Job job = after(running_job(), {fact::TimeLimit{}, exited(0), ended(false)});
  EXPECT_FALSE(job.attempt.cancel_too_late) << "nobody has cancelled it";
}

TEST(Lifecycle, FailedCommandFailsTheJobWithItsCode) {
  const Step step = must(finishing_job(3), ended(true));
  EXPECT_EQ(step.job.state, JobState::failed);
  EXPECT_EQ(step.job.reason, Reason::exit_code);
  EXPECT_EQ(step.job.error, "exit code 3");
  EXPECT_EQ(step.job.ended_at, UtcTime{1'800'000'000'950}) << "the keeper's time counts";
  EXPECT_TRUE(has_effect<effect::SetAside>(step));
}

TEST(Lifecycle, SignalThatWasNotOursFailsTheJob) {
  const fact::Exited killed{{ExitKind::signalled, 11, true, LaunchStep::none, false}, {}, {}};
  const Job job = after(running_job(), {killed, ended(false)});
  EXPECT_EQ(job.state, JobState::failed);
  EXPECT_EQ(job.reason, Reason::signal);
  EXPECT_EQ(job.error, "killed by SIGSEGV (core dumped)");
}

TEST(Lifecycle, CommandThatCouldNotBeStartedFailsTheJob) {
  const fact::Exited error{{ExitKind::launch_error, 2, false, LaunchStep::exec, false}, {}, {}};
  const Job job = after(starting_job(), {error, ended(false)});
  EXPECT_EQ(job.state, JobState::failed);
  EXPECT_EQ(job.reason, Reason::launch_error);
  EXPECT_NE(job.error.find("python3: no such program"), std::string::npos) << job.error;
}

TEST(Lifecycle, EndBringsTheUsageAndTheLog) {
  const Attempt& attempt = must(finishing_job(0), ended(false)).job.attempt;
  EXPECT_EQ(attempt.usage.write_bytes, 5);
  EXPECT_TRUE(attempt.usage.max_rss_sampled);
  EXPECT_EQ(attempt.log_summary.gap_end, 20);
  EXPECT_EQ(attempt.leftovers, 2);
}

TEST(Lifecycle, SuccessWithoutResultsIsCompletedAtOnce) {
  const Step step = must(finishing_job(0), ended(false));
  EXPECT_EQ(step.job.state, JobState::completed);
  EXPECT_TRUE(step.effects.empty());
}

TEST(Lifecycle, SuccessWithResultsIsCompletedOnceTheyAreInPlace) {
  const Step publish = must(finishing_job(0), ended(true));
  EXPECT_EQ(publish.job.state, JobState::finishing);
  EXPECT_TRUE(has_effect<effect::Publish>(publish));
  EXPECT_EQ(publish.job.attempt.publish_target, "/results/2027-01-15_08-00-00/train");
  const Job job = must(publish.job, fact::Published{"/results/x"}).job;
  EXPECT_EQ(job.state, JobState::completed);
  EXPECT_EQ(job.attempt.results_dir, "/results/x");
}

TEST(Lifecycle, PublishClashTriesTheNextName) {
  const Step second = must(publishing_job(), fact::PublishClash{});
  EXPECT_EQ(second.job.attempt.publish_target, "/results/2027-01-15_08-00-00/train_2");
  EXPECT_TRUE(has_effect<effect::Publish>(second));
  const Step third = must(second.job, fact::PublishClash{});
  EXPECT_EQ(third.job.attempt.publish_target, "/results/2027-01-15_08-00-00/train_3");
}

TEST(Lifecycle, PublishFailureFailsTheJobAndSaysWhereTheResultsAre) {
  const Step step = must(publishing_job(), fact::PublishFailed{"disk full", ""});
  EXPECT_EQ(step.job.state, JobState::failed);
  EXPECT_EQ(step.job.reason, Reason::publish_error);
  EXPECT_NE(step.job.error.find("disk full"), std::string::npos);
  EXPECT_NE(step.job.error.find("/stage"), std::string::npos);
}

TEST(Lifecycle, SecondEndOfAnAttemptChangesNothing) {
  EXPECT_FALSE(apply(publishing_job(), ended(true), at(1)));
  EXPECT_FALSE(apply(must(finishing_job(0), ended(false)).job, ended(false), at(1)));
}

TEST(Lifecycle, LaunchFailureWaitsTwiceAsLongEachTimeAndGivesUpAtTheBound) {
  Job job = queued_job();
  std::int64_t wait = limits::launch_wait_first.count();
  for (int failure = 1; failure < limits::launch_tries_max; ++failure) {
    job = after(job,
                {intend(failure), fact::Launch{}, fact::LaunchFailed{LaunchStep::keeper, EAGAIN}});
    ASSERT_EQ(job.state, JobState::held) << failure;
    EXPECT_EQ(job.release_at, Time{1000 + wait});
    EXPECT_EQ(job.attempt.number, 1) << "the user's attempt stays";
    EXPECT_EQ(job.attempt.start, failure);
    job = must(job, fact::Due{}).job;
    wait *= 2;
  }
  const Step last = must(after(job, {intend(99), fact::Launch{}}),
                         fact::LaunchFailed{LaunchStep::keeper, EAGAIN});
  EXPECT_EQ(last.job.state, JobState::failed);
  EXPECT_EQ(last.job.reason, Reason::launch_error);
  EXPECT_NE(last.job.error.find("EAGAIN"), std::string::npos) << last.job.error;
}

TEST(Lifecycle, LaunchFailureOfACancelledStartEndsTheJobCancelled) {
  const Job job = after(starting_job(), {cancel, fact::LaunchFailed{LaunchStep::keeper, EAGAIN}});
  EXPECT_EQ(job.state, JobState::cancelled);
}

TEST(Lifecycle, LaunchFailureIsRefusedOnceTheCommandRuns) {
  EXPECT_FALSE(apply(running_job(), fact::LaunchFailed{LaunchStep::keeper, EAGAIN}, at(1)))
      << "the job would be started a second time beside itself";
}

TEST(Lifecycle, WithdrawnStartIsCommittedAnewAsTheSameAttempt) {
  const Job job = after(intended_job(), {fact::Withdraw{}, fact::Intend{8, {0}, {}}});
  EXPECT_EQ(job.attempt.number, 1);
  EXPECT_EQ(job.attempt.start, 8);
  EXPECT_EQ(job.attempt.placement.gpus, std::vector<int>{0});
}

TEST(Lifecycle, StartThatWasTakenBackLeavesNoTraceInTheNextOne) {
  // Else a recovery would take the next start for one that was launched already.
  const Job again =
      after(starting_job(), {fact::KeeperGone{Finding::never_started}, fact::Intend{8, {}, {}}});
  EXPECT_EQ(again.attempt.number, 1);
  EXPECT_EQ(again.attempt.log, "");
  EXPECT_EQ(again.attempt.placement.cgroup, "");
}

TEST(Lifecycle, TimeInAPauseDoesNotCount) {
  Job job = after(running_job(), {fact::Pause{"ann"}, fact::Paused{true, Time{1000}}});
  EXPECT_EQ(job.state, JobState::paused);
  EXPECT_FALSE(apply(job, fact::TimeLimit{}, at(2000)));
  job = after(job, {fact::Resume{"ann"}, fact::Paused{false, Time{1700}}});
  EXPECT_EQ(job.state, JobState::running);
  EXPECT_EQ(job.attempt.paused_for, Duration(700));
}

TEST(Lifecycle, KillForWantOfMemoryIsNamed) {
  fact::Ended ended_over = std::get<fact::Ended>(ended(false));
  ended_over.usage.oom_kills = 1;
  Job job = intended_job();
  job.attempt.placement.memory_limit = 1000;
  job.spec.retry = {1, false, {"oom"}, Duration(1000)};
  job = after(
      job, {fact::Launch{}, started(),
            fact::Exited{
                {ExitKind::signalled, 9, false, LaunchStep::none, false}, Time{950}, UtcTime{950}},
            ended_over});
  EXPECT_EQ(job.attempt.reason, Reason::out_of_memory);
  EXPECT_EQ(job.state, JobState::held) << "the retry asks for more";
  EXPECT_EQ(job.demand().memory, 1500);
}

TEST(Lifecycle, SuccessAfterAKillOfAChildStaysASuccess) {
  fact::Ended ended_over = std::get<fact::Ended>(ended(false));
  ended_over.usage.oom_kills = 1;
  EXPECT_EQ(after(finishing_job(0), {ended_over}).state, JobState::completed);
}

TEST(Lifecycle, ExitCodeZeroWithAnErrorInTheLogIsAFailure) {
  const Job job = after(examining_job(0), {found(Severity::error), fact::Examined{}});
  EXPECT_EQ(job.state, JobState::failed);
  EXPECT_EQ(job.reason, Reason::log_error);
  EXPECT_EQ(job.error, "KeyError: 'lat' (exit code 0)");
  EXPECT_EQ(job.attempt.evidence.first_error->line, 3);
}

TEST(Lifecycle, FirstErrorOfTheLogIsTheReasonThatIsTold) {
  Job job = after(running_job(), {found(Severity::warning), found(Severity::error)});
  fact::Found later = std::get<fact::Found>(found(Severity::error));
  later.finding.message = "another";
  fact::Ended loud = std::get<fact::Ended>(ended(false));
  loud.is_silent = false;
  job = after(job, {later, exited(3), loud, fact::Examined{}});
  EXPECT_EQ(job.reason, Reason::exit_code);
  EXPECT_EQ(job.error, "KeyError: 'lat' (exit code 3)");
  EXPECT_EQ(job.attempt.evidence.errors, 2);
  EXPECT_EQ(job.attempt.evidence.warnings, 1);
}

TEST(Lifecycle, PolicyDecidesWhatAnErrorInTheLogMeans) {
  for (const OnLogError policy : {OnLogError::warn, OnLogError::ignore}) {
    Job job = examining_job(0);
    job.spec.log.on_error = policy;
    job = after(job, {found(Severity::error), fact::Examined{}});
    EXPECT_EQ(job.state, JobState::completed);
  }
  const Job warned = after(examining_job(0), {found(Severity::warning), fact::Examined{}});
  EXPECT_EQ(warned.state, JobState::completed) << "a warning is no error";
}

TEST(Lifecycle, WhatAJobSaysOfItselfWinsButMakesNoFailureASuccess) {
  const fact::Examined says_success{Declared::success, "", {}, ""};
  const fact::Examined says_failure{Declared::failure, "no data for June", {}, ""};
  EXPECT_EQ(after(examining_job(0), {found(Severity::error), says_success}).state,
            JobState::completed);
  const Job said = after(examining_job(0), {says_failure});
  EXPECT_EQ(said.state, JobState::failed);
  EXPECT_EQ(said.reason, Reason::declared);
  EXPECT_EQ(said.error, "no data for June");
  const Job failed_exit = after(examining_job(3), {says_success});
  EXPECT_EQ(failed_exit.state, JobState::failed);
  EXPECT_EQ(failed_exit.reason, Reason::exit_code);
}

TEST(Lifecycle, InvalidResultsAreNotPublished) {
  const Step step =
      must(validating_job(), fact::Validated{ResultsVerdict::invalid, "12 rows, not 100", true});
  EXPECT_EQ(step.job.state, JobState::failed);
  EXPECT_EQ(step.job.reason, Reason::invalid_results);
  EXPECT_EQ(step.job.error, "12 rows, not 100");
  EXPECT_FALSE(has_effect<effect::Publish>(step));
  EXPECT_TRUE(has_effect<effect::SetAside>(step));
}

TEST(Lifecycle, ResultsThatMayBeInvalidArePublishedWithTheirVerdict) {
  Job job = validating_job();
  job.spec.validation.on_invalid = OnInvalid::warn;
  for (const ResultsVerdict verdict :
       {ResultsVerdict::invalid, ResultsVerdict::inconclusive, ResultsVerdict::valid}) {
    const Step step = must(job, fact::Validated{verdict, "", true});
    EXPECT_TRUE(has_effect<effect::Publish>(step));
    EXPECT_EQ(step.job.attempt.evidence.verdict, verdict);
  }
}

TEST(Lifecycle, OnlyASuccessIsValidated) {
  Job job = examining_job(3);
  job.spec.validation.checks.emplace_back();
  const Step step = must(job, fact::Examined{});
  EXPECT_FALSE(has_effect<effect::Validate>(step));
  EXPECT_EQ(step.job.state, JobState::failed);
}

TEST(Lifecycle, JobWithoutLifeIsEndedAsHung) {
  const Step step = must(running_job(), fact::Stalled{"no output, CPU or I/O for 10m"});
  EXPECT_EQ(step.job.state, JobState::timing_out);
  EXPECT_TRUE(has_effect<effect::Stop>(step));
  const Job job = after(step.job, {stopped_by_us(), ended(false)});
  EXPECT_EQ(job.state, JobState::timeout);
  EXPECT_EQ(job.reason, Reason::hung);
  EXPECT_EQ(job.error, "no output, CPU or I/O for 10m");
  EXPECT_EQ(after(step.job, {exited(0), ended(false)}).state, JobState::completed)
      << "it ended by itself before our signal";
}

TEST(Lifecycle, PolicyDecidesWhatFollowsAStall) {
  Job job = running_job();
  job.spec.on_stall = OnStall::warn;
  const Step warned = must(job, fact::Stalled{"no life"});
  EXPECT_EQ(warned.job.state, JobState::running);
  EXPECT_EQ(warned.events.at(0).kind, "stalled");
  job.spec.on_stall = OnStall::retry;
  job = after(job, {fact::Stalled{"no life"}, stopped_by_us(), ended(false)});
  EXPECT_EQ(job.state, JobState::held) << "another attempt follows";
  Job frozen = after(running_job(), {fact::Pause{"ann"}, fact::Paused{true, Time{920}}});
  EXPECT_FALSE(apply(frozen, fact::Stalled{"no life"}, at(2000)));
}

TEST(Lifecycle, RebootBeforeTheResultsAreCheckedLosesThem) {
  const Job job = after(validating_job(), {fact::KeeperGone{fact::KeeperGone::Finding::rebooted}});
  EXPECT_EQ(job.state, JobState::lost);
  EXPECT_EQ(job.reason, Reason::reboot);
}

TEST(Lifecycle, RetryByHandGivesAFurtherAttemptAndFreshRetries) {
  Job job = finishing_job(3);
  job.spec.retry.retries = 1;
  job.retries_from = 0;
  job = after(job, {ended(false)});
  ASSERT_EQ(job.state, JobState::held);
  job = after(job, {fact::Cancel{"ann", {}}, fact::Retry{"ann"}});
  EXPECT_EQ(job.state, JobState::queued);
  EXPECT_EQ(job.retries_from, 1);
  job = after(job, {fact::Intend{9, {}, {}}});
  EXPECT_EQ(job.attempt.number, 2);
}

TEST(Lifecycle, StartNeedsACommittedIntent) {
  EXPECT_FALSE(apply(queued_job(), fact::Launch{}, at(1)));
  const Step step = must(intended_job(), fact::Launch{});
  EXPECT_EQ(step.job.state, JobState::starting);
  EXPECT_TRUE(has_effect<effect::Start>(step));
}

TEST(Lifecycle, ConfirmedStartMakesItRunning) {
  const Step step = must(starting_job(), started());
  EXPECT_EQ(step.job.state, JobState::running);
  EXPECT_EQ(step.job.attempt.main_pid, 4711);
  EXPECT_EQ(step.job.attempt.started, Time{900});
  EXPECT_EQ(step.events.at(0).detail, "pid 4711");
}

TEST(Lifecycle, StartThatIsConfirmedAfterACancelDoesNotUndoIt) {
  const Job job = after(starting_job(), {cancel, started()});
  EXPECT_EQ(job.state, JobState::cancelling);
  EXPECT_EQ(job.attempt.main_pid, 4711);
}

TEST(Lifecycle, ProcessesThatDoNotEndAreTold) {
  const Step step = must(after(running_job(), {cancel}), fact::KillStuck{3});
  EXPECT_EQ(step.job.state, JobState::cancelling);
  EXPECT_TRUE(step.job.attempt.kill_stuck);
  EXPECT_EQ(step.events.at(0).detail, "3 processes do not end");
  EXPECT_FALSE(after(step.job, {stopped_by_us(), ended(false)}).attempt.kill_stuck);
}

TEST(Lifecycle, DeathOfTheKeeperLosesTheJob) {
  const Step step = must(running_job(), fact::KeeperGone{Finding::swept}, 5000);
  EXPECT_EQ(step.job.state, JobState::lost);
  EXPECT_EQ(step.job.reason, Reason::keeper_died);
  EXPECT_EQ(step.job.attempt.ended, Time{5000});
}

TEST(Lifecycle, RebootLosesTheRunningJob) {
  const Step step = must(running_job(), fact::KeeperGone{Finding::rebooted});
  EXPECT_EQ(step.job.state, JobState::lost);
  EXPECT_EQ(step.job.reason, Reason::reboot);
}

TEST(Lifecycle, DeathOfTheKeeperAfterTheExitWasRecordedLosesNothing) {
  const fact::KeeperGone gone{Finding::swept, true};
  EXPECT_EQ(after(finishing_job(3), {gone, fact::Examined{}}).state, JobState::failed);
  const Step step = must(after(finishing_job(0), {gone}), fact::Examined{});
  EXPECT_EQ(step.job.state, JobState::finishing);
  EXPECT_TRUE(has_effect<effect::Publish>(step));
}

TEST(Lifecycle, DeathOfTheKeeperDuringACancelLosesTheJobSinceItsEndIsUnknown) {
  EXPECT_EQ(after(running_job(), {cancel, fact::KeeperGone{Finding::swept}}).state, JobState::lost);
}

TEST(Lifecycle, StartThatNeverHappenedIsQueuedAgainAsTheSameAttempt) {
  Job job = must(starting_job(), fact::KeeperGone{Finding::never_started}).job;
  EXPECT_EQ(job.state, JobState::queued);
  job = must(job, intend(8)).job;
  EXPECT_EQ(job.attempt.number, 1);
  EXPECT_EQ(job.attempt.start, 8);
}

TEST(Lifecycle, StartThatNeverHappenedAndWasCancelledIsCancelled) {
  EXPECT_EQ(after(starting_job(), {cancel, fact::KeeperGone{Finding::never_started}}).state,
            JobState::cancelled);
}

TEST(Lifecycle, EndFromAnEarlierBootLosesASuccessWithResults) {
  fact::Ended end = std::get<fact::Ended>(ended(true));
  end.from_earlier_boot = true;
  const Step step = must(finishing_job(0), end);
  EXPECT_EQ(step.job.state, JobState::lost);
  EXPECT_EQ(step.job.reason, Reason::reboot);
  EXPECT_NE(step.job.error.find("/stage"), std::string::npos);
}

TEST(Lifecycle, WhatAJobSaidIsKnownThoughNobodyRepeatsIt) {
  const Job told = after(running_job(), {fact::Told{"no data", {{"loss", "0.5"}}, true}});
  EXPECT_TRUE(told.attempt.evidence.needs_beats);
  EXPECT_EQ(told.attempt.evidence.metrics.at("loss"), "0.5");
  fact::Ended end = std::get<fact::Ended>(ended(false));
  const Job job = after(told, {exited(0), end});
  EXPECT_EQ(job.reason, Reason::declared);
  EXPECT_FALSE(apply(job, fact::Told{"late", {}, false}, at(3000)));
}

TEST(Lifecycle, ErrorsOfWhatWasLeftBehindAndAskedToEndAreNotTheJobsOwn) {
  fact::Ended end = std::get<fact::Ended>(ended(false));
  end.is_silent = false;
  end.disturbed_from = 40;  // where the error stands
  const Job job = after(finishing_job(0), {end, found(Severity::error)});
  EXPECT_EQ(must(job, fact::Examined{}).job.state, JobState::completed);
  end.disturbed_from = 41;
  const Job own = after(finishing_job(0), {end, found(Severity::error)});
  EXPECT_EQ(must(own, fact::Examined{}).job.reason, Reason::log_error);
}

TEST(Lifecycle, EndFromAnEarlierBootKeepsWhatNeedsNoResults) {
  fact::Ended end = std::get<fact::Ended>(ended(false));
  end.from_earlier_boot = true;
  EXPECT_EQ(must(finishing_job(0), end).job.state, JobState::completed);
  end.has_results = true;
  EXPECT_EQ(must(finishing_job(3), end).job.state, JobState::failed);
}

TEST(Lifecycle, FailedJobIsTriedAgainWhileRetriesRemain) {
  Job job = with_retries(running_job(), 1);
  const Step first = must(after(job, {exited(3)}), ended(false));
  ASSERT_EQ(first.job.state, JobState::held);
  EXPECT_EQ(first.job.attempt.state, JobState::failed);
  ASSERT_EQ(first.events.size(), 2U) << "its end, then its wait";
  EXPECT_EQ(first.events[0].to, JobState::failed);
  EXPECT_EQ(first.events[1].from, JobState::failed);
  ASSERT_TRUE(first.job.release_at);
  EXPECT_GE(*first.job.release_at, Time{6000});

  job = after(first.job, {fact::Due{}, intend(8), fact::Launch{}, started()});
  EXPECT_EQ(job.attempt.number, 2);
  EXPECT_EQ(job.attempt.start, 8);
  EXPECT_FALSE(job.attempt.exit) << "nothing of the first attempt is left in the second";
  EXPECT_EQ(after(job, {exited(3), ended(false)}).state, JobState::failed);
}

TEST(Lifecycle, LostJobRunsAgainOnlyIfItSaidSo) {
  const fact::KeeperGone gone{Finding::swept};
  EXPECT_EQ(must(with_retries(running_job(), 3), gone).job.state, JobState::lost);
  Job job = running_job();
  job.spec.retry.on_lost = true;
  EXPECT_EQ(must(job, gone).job.state, JobState::held);
}

TEST(Lifecycle, CancelledJobIsNotTriedAgain) {
  const Job job = with_retries(running_job(), 3);
  EXPECT_EQ(after(job, {cancel, stopped_by_us(), ended(false)}).state, JobState::cancelled);
  // Its own failure came first, and still nobody wants it any more.
  EXPECT_EQ(after(job, {cancel, exited(3), ended(false)}).state, JobState::failed);
  EXPECT_EQ(after(job, {exited(3), cancel, ended(false)}).state, JobState::failed);
}

TEST(Lifecycle, JobThatIsCancelledWhileItTimesOutIsNotTriedAgain) {
  const Job job = with_retries(running_job(), 3);
  EXPECT_EQ(after(job, {fact::TimeLimit{}, cancel, stopped_by_us(), ended(false)}).state,
            JobState::timeout);
}

TEST(Lifecycle, JobThatIsCancelledAfterItTimedOutIsNotTriedAgain) {
  const Job job = with_retries(running_job(), 3);
  EXPECT_EQ(after(job, {fact::TimeLimit{}, stopped_by_us(), cancel, ended(false)}).state,
            JobState::timeout);
}

TEST(Lifecycle, CancelBetweenTwoAttemptsEndsTheJobAndKeepsTheFirstAttempt) {
  const Job held = after(with_retries(running_job(), 1), {exited(3), ended(false)});
  const Step step = must(held, cancel);
  EXPECT_EQ(step.job.state, JobState::cancelled);
  EXPECT_EQ(step.job.attempt.state, JobState::failed);
  EXPECT_EQ(step.events.back().attempt, 0);
}

}  // namespace
}  // namespace reeve::test
