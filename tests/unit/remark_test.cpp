// What is said of a job beside its life.

#include <gtest/gtest.h>

#include "situations.h"
#include "support.h"

namespace reeve::test {
namespace {

Fact said(const Remark& remark) {
  return fact::Remarked{"ann", remark};
}

Job completed_job() {
  return after(finishing_job(0), {ended(false)});
}

TEST(Remark, ChangesNeitherStateNorAttempt) {
  for (const Situation& situation : all_situations())
    for (const NamedFact& named : all_facts()) {
      if (!std::holds_alternative<fact::Remarked>(named.fact)) continue;
      const auto step = apply(situation.job, named.fact, at(2000));
      if (!step) continue;
      EXPECT_EQ(to_word(step->job.state), to_word(situation.job.state));
      EXPECT_EQ(dump(step->job.attempt), dump(situation.job.attempt));
      EXPECT_TRUE(step->effects.empty());
    }
}

TEST(Remark, JudgementIsKeptWithWhoAndWhen) {
  const Step step = must(completed_job(), said(remark::Judge{false, "the units are wrong"}), 3000);
  ASSERT_TRUE(step.job.judgement);
  EXPECT_EQ(*step.job.judgement, (Judgement{false, "the units are wrong", "ann", at(3000).utc}));
  ASSERT_EQ(step.events.size(), 1U);
  EXPECT_EQ(step.events[0].kind, "judged");
  EXPECT_EQ(step.events[0].actor, "ann");
  EXPECT_EQ(step.events[0].detail, "invalid: the units are wrong");
  EXPECT_EQ(step.job.state, JobState::completed);
}

TEST(Remark, LaterJudgementReplacesAnEarlierOne) {
  const Job job =
      after(completed_job(), {said(remark::Judge{false, "a"}), said(remark::Judge{true, "b"})});
  EXPECT_TRUE(job.judgement->is_valid);
  EXPECT_EQ(job.judgement->why, "b");
}

TEST(Remark, RetryBeginsWithoutTheOldJudgement) {
  const Job job = after(completed_job(), {said(remark::Judge{false, "a"}), fact::Retry{"ann"}});
  EXPECT_FALSE(job.judgement);
}

TEST(Remark, KeptJobIsNotRemoved) {
  const Job kept = after(completed_job(), {said(remark::Keep{true})});
  EXPECT_FALSE(apply(kept, said(remark::Removing{{true, true, false}}), at(2000)));
  const Job let_go = after(kept, {said(remark::Keep{false})});
  EXPECT_TRUE(apply(let_go, said(remark::Removing{{true, true, false}}), at(2000)));
}

TEST(Remark, KeepingTwiceIsToldOnce) {
  const Job kept = after(completed_job(), {said(remark::Keep{true})});
  EXPECT_TRUE(must(kept, said(remark::Keep{true})).events.empty());
}

TEST(Remark, WhatIsBeingRemovedIsNeitherKeptNorRunAgain) {
  const Job removing = after(completed_job(), {said(remark::Removing{{true, false, false}})});
  EXPECT_FALSE(apply(removing, said(remark::Keep{true}), at(2000)));
  EXPECT_FALSE(apply(removing, fact::Retry{"ann"}, at(2000)));
  EXPECT_FALSE(apply(removing, said(remark::Removing{{true, false, false}}), at(2000)));
}

TEST(Remark, PartsThatAreGoneAreRemembered) {
  const Job job = after(completed_job(), {said(remark::Removing{{true, false, false}}),
                                          said(remark::Removed{{true, false, false}, 100, ""}),
                                          said(remark::Removing{{false, true, false}}),
                                          said(remark::Removed{{false, true, false}, 100, ""})});
  EXPECT_FALSE(job.removing.any());
  EXPECT_EQ(job.removed, (JobParts{true, true, false}));
  EXPECT_EQ(after(job, {fact::Retry{"ann"}}).removed, JobParts{}) << "a new attempt has its own";
}

TEST(Remark, WhatCouldNotBeRemovedIsTold) {
  const Job removing = after(completed_job(), {said(remark::Removing{{true, false, false}})});
  const Step step = must(removing, said(remark::Removed{{}, 2048, "x: busy"}));
  EXPECT_EQ(step.job.removed, JobParts{});
  EXPECT_NE(step.events[0].detail.find("left: x: busy"), std::string::npos);
}

}  // namespace
}  // namespace reeve::test
