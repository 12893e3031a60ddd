// A job that makes room for another, step by step.

#include <gtest/gtest.h>

#include <algorithm>

#include "core/explain.h"
#include "core/lifecycle.h"
#include "core/standing.h"
#include "situations.h"
#include "support.h"

namespace reeve::test {
namespace {

template <typename T>
const T* effect_of(const Step& step) {
  for (const Effect& effect : step.effects)
    if (const auto* found = std::get_if<T>(&effect)) return found;
  return nullptr;
}

Job suspended_job() {
  return after(running_job(), {preempt(), fact::Paused{true, Time{1000}}});
}

Job requeueing_job() {
  Job job = running_job();
  job.spec.when_preempted = WhenPreempted::requeue;
  return after(job, {preempt()});
}

const fact::Pause pause{"ann"};
const fact::Resume resume{"ann"};

TEST(Preemption, PauseFreezesTheJobAndSaysForWhom) {
  const Step step = must(running_job(), preempt(), 1200);
  EXPECT_EQ(step.job.state, JobState::running) << "paused only when all is frozen";
  EXPECT_EQ(step.job.attempt.paused_by, PausedBy::scheduler);
  EXPECT_EQ(step.job.attempt.preempted_for, JobId{8});
  EXPECT_EQ(step.job.preemptions, 1);
  EXPECT_EQ(step.job.preempted_at, Time{1200});
  ASSERT_NE(effect_of<effect::Freeze>(step), nullptr);
  EXPECT_TRUE(effect_of<effect::Freeze>(step)->wanted);
  ASSERT_EQ(step.events.size(), 1U);
  EXPECT_EQ(step.events[0].kind, "preempted");
  EXPECT_EQ(step.events[0].detail, "paused for job 8, which has priority high");
}

TEST(Preemption, SuspendedJobGoesOnByTheScheduler) {
  const Job job = suspended_job();
  EXPECT_TRUE(job.is_suspended());
  EXPECT_TRUE(job.is_in_queue());
  const Step step = must(job, fact::GoOn{{}}, 5000);
  EXPECT_EQ(step.job.attempt.paused_by, PausedBy::nobody);
  EXPECT_EQ(step.job.attempt.went_on, Time{5000});
  EXPECT_FALSE(step.job.is_suspended());
  ASSERT_NE(effect_of<effect::Freeze>(step), nullptr);
  EXPECT_FALSE(effect_of<effect::Freeze>(step)->wanted);
  EXPECT_EQ(effect_of<effect::Bind>(step), nullptr);
  const Job running = must(step.job, fact::Paused{false, Time{5100}}).job;
  EXPECT_EQ(running.state, JobState::running);
  EXPECT_EQ(running.attempt.paused_for, Duration(4100));
}

TEST(Preemption, JobGoesOnOnOtherCpusWhenItsOwnAreTaken) {
  Job job = suspended_job();
  job.attempt.placement.cpus = {0, 1};
  const Step same = must(job, fact::GoOn{{0, 1}});
  EXPECT_EQ(effect_of<effect::Bind>(same), nullptr);
  const Step other = must(job, fact::GoOn{{2, 3}});
  EXPECT_NE(effect_of<effect::Bind>(other), nullptr);
  EXPECT_EQ(other.job.attempt.placement.cpus, (std::vector<int>{2, 3}));
}

TEST(Preemption, ResumeByAUserIsRefusedWithWhatItWaitsFor) {
  const auto refused = apply(suspended_job(), resume, at(2000));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("paused for job 8"), std::string::npos);
  EXPECT_NE(refused.error().message.find("1 CPUs are free"), std::string::npos);
}

TEST(Preemption, UsersPauseIsNotEndedByTheScheduler) {
  const Job both = after(suspended_job(), {pause});
  EXPECT_TRUE(both.is_suspended());
  EXPECT_FALSE(both.is_in_queue());
  EXPECT_FALSE(apply(both, fact::GoOn{}, at(2000)));
  const Step resumed = must(both, resume);
  EXPECT_TRUE(resumed.job.is_in_queue());
  EXPECT_TRUE(resumed.effects.empty()) << "its CPUs are not free";
}

TEST(Preemption, JobThatAUserPausedGivesItsCpusAwayAtOnce) {
  const Job paused = after(running_job(), {pause, fact::Paused{true, Time{1000}}});
  const Step step = must(paused, preempt());
  EXPECT_TRUE(step.job.is_suspended());
  EXPECT_FALSE(step.job.is_in_queue());
  EXPECT_TRUE(step.effects.empty()) << "it is frozen already";
}

TEST(Preemption, JobThatAUserPausedIsNotQueuedAgain) {
  Job paused = after(running_job(), {pause, fact::Paused{true, Time{1000}}});
  paused.spec.when_preempted = WhenPreempted::requeue;
  EXPECT_FALSE(apply(paused, preempt(), at(2000)));
}

TEST(Preemption, JobThatMayNotBePushedAsideIsNot) {
  Job job = running_job();
  job.spec.when_preempted = WhenPreempted::never;
  EXPECT_FALSE(apply(job, preempt(), at(2000)));
}

TEST(Preemption, RequeueStopsTheJobAndQueuesItAtItsOldPlace) {
  Job job = running_job();
  job.spec.when_preempted = WhenPreempted::requeue;
  job.spec.retry.retries = 1;
  const Step stopping = must(job, preempt());
  EXPECT_EQ(stopping.job.state, JobState::cancelling);
  ASSERT_NE(effect_of<effect::Stop>(stopping), nullptr);
  EXPECT_EQ(effect_of<effect::Stop>(stopping)->grace, job.spec.grace);
  const Step queued = must(after(stopping.job, {stopped_by_us()}), ended(true), 3000);
  EXPECT_EQ(queued.job.state, JobState::queued);
  EXPECT_EQ(queued.job.reason, Reason::none);
  EXPECT_EQ(queued.job.attempt.state, JobState::cancelled);
  EXPECT_EQ(queued.job.attempt.reason, Reason::preempted);
  EXPECT_EQ(queued.job.queued_at, job.queued_at);
  EXPECT_EQ(queued.job.preempted_at, Time{3000}) << "ageing counts from then";
  EXPECT_EQ(queued.job.preemptions, 1);
  EXPECT_NE(effect_of<effect::SetAside>(queued), nullptr);
  EXPECT_EQ(effect_of<effect::Publish>(queued), nullptr);
}

TEST(Preemption, RequeueCostsNoRetry) {
  Job job = requeueing_job();
  job.spec.retry = {1, false, {}, Duration(1000)};
  job = after(job, {stopped_by_us(), ended(false), fact::Intend{9, {}, {}}, fact::Launch{},
                    started(), exited(3), ended(false)});
  EXPECT_EQ(job.attempt.number, 2);
  EXPECT_EQ(job.state, JobState::held) << "the one retry is left";
  job = after(job, {fact::Due{}, fact::Intend{10, {}, {}}, fact::Launch{}, started(), exited(3),
                    ended(false)});
  EXPECT_EQ(job.state, JobState::failed);
}

TEST(Preemption, JobThatEndedBeforeTheStopKeepsItsResult) {
  const Job completed = after(requeueing_job(), {exited(0), ended(false)});
  EXPECT_EQ(completed.state, JobState::completed);
  EXPECT_EQ(completed.preemptions, 0);
  EXPECT_EQ(after(requeueing_job(), {exited(3), ended(false)}).state, JobState::failed);
}

TEST(Preemption, CancelOfAJobThatIsBeingRequeuedEndsItForGood) {
  const fact::Cancel cancel{"ann", {}};
  Job job = after(requeueing_job(), {cancel, stopped_by_us(), ended(false)});
  EXPECT_EQ(job.state, JobState::cancelled);
  EXPECT_EQ(job.reason, Reason::cancelled_by_user);
  job = after(requeueing_job(), {stopped_by_us(), cancel, ended(false)});
  EXPECT_EQ(job.state, JobState::cancelled);
  EXPECT_FALSE(job.attempt.cancel_too_late);
  job = after(requeueing_job(), {exited(0), cancel, ended(false)});
  EXPECT_EQ(job.state, JobState::completed);
  EXPECT_TRUE(job.attempt.cancel_too_late);
}

TEST(Preemption, LostWhileItWasStoppedIsLost) {
  const Job job = after(requeueing_job(), {fact::KeeperGone{fact::KeeperGone::Finding::swept}});
  EXPECT_EQ(job.state, JobState::lost);
}

TEST(Preemption, CancelOfASuspendedJobStopsIt) {
  const Step step = must(suspended_job(), fact::Cancel{"ann", {}});
  EXPECT_EQ(step.job.state, JobState::cancelling);
  EXPECT_NE(effect_of<effect::Stop>(step), nullptr);
  EXPECT_FALSE(step.job.is_suspended());
}

TEST(Preemption, JobThatMayBeRequeuedKeepsCheckpointsFromItsFirstAttempt) {
  Job job = queued_job();
  EXPECT_FALSE(job.keeps_checkpoints());
  job.spec.when_preempted = WhenPreempted::requeue;
  EXPECT_TRUE(job.keeps_checkpoints());
}

TEST(Preemption, StandingTellsWhatMayBeDoneToAJob) {
  using Kind = Standing::Kind;
  const auto kind = [](const Job& job) { return standing_of(job).kind; };
  EXPECT_EQ(kind(running_job()), Kind::may_pause);
  Job job = running_job();
  job.spec.when_preempted = WhenPreempted::requeue;
  EXPECT_EQ(kind(job), Kind::may_requeue);
  job.spec.when_preempted = WhenPreempted::never;
  EXPECT_EQ(kind(job), Kind::steady);
  EXPECT_EQ(kind(starting_job()), Kind::steady);
  EXPECT_EQ(kind(after(running_job(), {pause})), Kind::steady) << "it is being paused";
  EXPECT_EQ(kind(after(running_job(), {preempt()})), Kind::pausing);
  EXPECT_EQ(kind(suspended_job()), Kind::steady) << "it has given what it can";
  EXPECT_EQ(kind(after(suspended_job(), {fact::GoOn{}})), Kind::steady) << "it is going on";
  EXPECT_EQ(kind(requeueing_job()), Kind::ending);
  EXPECT_EQ(kind(after(requeueing_job(), {fact::Cancel{"ann", {}}})), Kind::ending);
  EXPECT_EQ(kind(after(running_job(), {fact::Cancel{"ann", {}}})), Kind::steady);
}

TEST(Preemption, JobIsLeftAloneForAMinuteAfterItWasPaused) {
  Job job = running_job();
  job.preemptions = 5;
  job.preempted_at = Time{1000};
  EXPECT_EQ(undisturbed_until(job), Time{61'000});
  job.attempt.went_on = Time{9000};
  EXPECT_EQ(undisturbed_until(job), Time{69'000});
}

TEST(Preemption, JobThatStartsAnewIsLeftAloneForTwiceAsLongEachTime) {
  Job job = running_job();
  job.spec.when_preempted = WhenPreempted::requeue;
  EXPECT_EQ(undisturbed_until(job), Time{});
  job.attempt.went_on = Time{1000};  // after a user's pause
  EXPECT_EQ(undisturbed_until(job), Time{61'000});
  job.preemptions = 1;
  job.preempted_at = Time{500};
  EXPECT_EQ(undisturbed_until(job), Time{61'000});
  job.preemptions = 3;
  EXPECT_EQ(undisturbed_until(job), Time{241'000});
  job.attempt.started = Time{2000};  // it was queued again, and has started
  EXPECT_EQ(undisturbed_until(job), Time{242'000});
  job.preemptions = 1'000'000;
  EXPECT_GT(undisturbed_until(job), Time{242'000});
}

TEST(Preemption, ExplanationNamesTheOtherJobAsItIsNow) {
  EXPECT_FALSE(explain_preemption(running_job(), std::nullopt));
  Job other = running_job();
  other.id = {8};
  other.spec.priority = Priority::high;
  EXPECT_EQ(explain_preemption(suspended_job(), other),
            "the scheduler has paused it for job 8, which has priority high and is running");
  EXPECT_EQ(explain_preemption(requeueing_job(), std::nullopt),
            "the scheduler has stopped it, to be queued again, for job 8, which is gone");
  EXPECT_FALSE(explain_preemption(after(suspended_job(), {fact::GoOn{}}), other));
}

}  // namespace
}  // namespace reeve::test
