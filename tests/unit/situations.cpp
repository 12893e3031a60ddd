#include "situations.h"

#include "base/check.h"
#include "support.h"

namespace reeve::test {

using Finding = fact::KeeperGone::Finding;

Step must(const Job& job, const Fact& fact, std::int64_t ms) {
  auto step = apply(job, fact, at(ms));
  check(step.has_value(), step ? "" : step.error().message.c_str());
  return *step;
}

Job after(Job job, const std::vector<Fact>& facts, std::int64_t ms) {
  for (const Fact& fact : facts) job = must(job, fact, ms).job;
  return job;
}

Fact started() {
  return fact::Started{4711, Time{900}, UtcTime{1'800'000'000'900}};
}

Fact exited(int code) {
  return fact::Exited{{ExitKind::exited, code, false, LaunchStep::none, false},
                      Time{950},
                      UtcTime{1'800'000'000'950}};
}

Fact stopped_by_us() {
  return fact::Exited{{ExitKind::signalled, 15, false, LaunchStep::none, true},
                      Time{950},
                      UtcTime{1'800'000'000'950}};
}

Fact ended(bool has_results) {
  fact::Ended ended;
  ended.usage = {1, 2, 3, true, 4, 5};
  ended.log = {100, 7, 10, 20};
  ended.leftovers = 2;
  ended.is_silent = true;
  ended.has_results = has_results;
  return ended;
}

Fact preempt() {
  return fact::Preempt{{8}, Priority::high};
}

Job queued_job() {
  Job job;
  job.id = {7};
  job.context = 3;
  job.spec = plain_spec();
  job.spec.time_limit = Duration(60'000);
  job.spec.grace = Duration(2000);
  return submit(job, at(500)).job;
}

Job intended_job() {
  return after(queued_job(), {fact::Intend{5, {1}, {}}});
}

Job starting_job() {
  return after(intended_job(),
               {fact::Launch{}, fact::Launched{"cgroup", "c1", "/stage", "/log", "", ""}});
}

Job running_job() {
  return after(starting_job(), {started()});
}

Job finishing_job(int code) {
  return after(running_job(), {exited(code)});
}

Job publishing_job() {
  return after(finishing_job(0), {ended(true)});
}

Job examining_job(int code) {
  fact::Ended loud = std::get<fact::Ended>(ended(false));
  loud.is_silent = false;
  return after(finishing_job(code), {loud});
}

Job validating_job() {
  Job job = examining_job(0);
  job.spec.validation.checks.emplace_back();
  job = after(job, {fact::Examined{}});
  job.spec.validation = {};  // as all situations have it
  return job;
}

Fact found(Severity severity) {
  return fact::Found{{"rule", severity, 40, 3, "KeyError: 'lat'", "a.py:3 in f"}};
}

std::vector<Situation> all_situations() {
  Job held = queued_job();
  held = after(held, {fact::Hold{"ann"}});
  const Job backing_off =
      after(intended_job(), {fact::Launch{}, fact::LaunchFailed{LaunchStep::keeper, 11}});
  Job with_retry = running_job();
  with_retry.spec.retry.retries = 1;
  const Job between = after(with_retry, {exited(3), ended(false)});
  const Job pausing = after(running_job(), {fact::Pause{"ann"}});
  const Job paused = after(pausing, {fact::Paused{true, Time{920}}});
  const Job giving_way = after(running_job(), {preempt()});
  const Job suspended = after(giving_way, {fact::Paused{true, Time{920}}});
  const Job suspended_and_paused = after(suspended, {fact::Pause{"ann"}});
  Job may_be_requeued = running_job();
  may_be_requeued.spec.when_preempted = WhenPreempted::requeue;
  const Job requeueing = after(may_be_requeued, {preempt()});
  Job skipped = held;
  skipped.state = JobState::skipped;
  return {
      {"held", held},
      {"held_backing_off", backing_off},
      {"held_between", between},
      {"queued", queued_job()},
      {"queued_intended", intended_job()},
      {"queued_withdrawn", after(intended_job(), {fact::Withdraw{}})},
      {"starting", starting_job()},
      {"running", running_job()},
      {"pausing", pausing},
      {"paused", paused},
      {"giving_way", giving_way},
      {"suspended", suspended},
      {"suspended_and_paused", suspended_and_paused},
      {"requeueing", requeueing},
      {"requeued", after(requeueing, {stopped_by_us(), ended(false)})},
      {"cancelling", after(running_job(), {fact::Cancel{"ann", {}}})},
      {"timing_out", after(running_job(), {fact::TimeLimit{}})},
      {"timing_out_hung", after(running_job(), {fact::Stalled{"no life"}})},
      {"finishing", finishing_job(0)},
      {"finishing_failed", finishing_job(3)},
      {"finishing_examining", examining_job(0)},
      {"finishing_validating", validating_job()},
      {"finishing_publishing", publishing_job()},
      {"completed", after(finishing_job(0), {ended(false)})},
      {"failed", after(finishing_job(3), {ended(false)})},
      {"cancelled", after(queued_job(), {fact::Cancel{"ann", {}}})},
      {"timeout", after(running_job(), {fact::TimeLimit{}, stopped_by_us(), ended(false)})},
      {"lost", after(running_job(), {fact::KeeperGone{Finding::swept}})},
      {"skipped", skipped},
  };
}

std::vector<NamedFact> all_facts() {
  JobSpec other_limits = queued_job().spec;
  other_limits.time_limit = Duration(120'000);
  JobSpec other_demand = other_limits;
  other_demand.demand.cpus = 2;
  fact::Ended from_earlier_boot = std::get<fact::Ended>(ended(true));
  from_earlier_boot.from_earlier_boot = true;
  return {
      {"Hold", fact::Hold{"ann"}},
      {"Release", fact::Release{"ann"}},
      {"Cancel", fact::Cancel{"ann", {}}},
      {"Pause", fact::Pause{"ann"}},
      {"Resume", fact::Resume{"ann"}},
      {"Paused", fact::Paused{true, Time{920}}},
      {"Resumed", fact::Paused{false, Time{940}}},
      {"Retry", fact::Retry{"ann"}},
      {"EditLimits", fact::Edit{"ann", other_limits}},
      {"EditDemand", fact::Edit{"ann", other_demand}},
      {"Keep", fact::Remarked{"ann", remark::Keep{true}}},
      {"Judge", fact::Remarked{"ann", remark::Judge{false, "why"}}},
      {"Removing", fact::Remarked{"ann", remark::Removing{{true, true, false}}}},
      {"Removed", fact::Remarked{"ann", remark::Removed{{true, true, false}, 5, ""}}},
      {"Due", fact::Due{}},
      {"Preempt", preempt()},
      {"GoOn", fact::GoOn{}},
      {"Intend", fact::Intend{6, {0}, {}}},
      {"Launch", fact::Launch{}},
      {"Launched", fact::Launched{"cgroup", "c2", "/stage2", "/log2", "cgroup", ""}},
      {"LaunchFailed", fact::LaunchFailed{LaunchStep::keeper, 11}},
      {"Withdraw", fact::Withdraw{}},
      {"Stalled", fact::Stalled{"no life"}},
      {"FoundError", found(Severity::error)},
      {"FoundWarning", found(Severity::warning)},
      {"Noted", fact::Noted{"progress", "half"}},
      {"Told", fact::Told{"no data", {}, true}},
      {"Examined", fact::Examined{}},
      {"ExaminedFailure", fact::Examined{Declared::failure, "no data", {}, ""}},
      {"ValidatedWell", fact::Validated{ResultsVerdict::valid, "", true}},
      {"ValidatedBadly", fact::Validated{ResultsVerdict::invalid, "too few rows", true}},
      {"Started", started()},
      {"Exited", exited(0)},
      {"Exited", exited(3)},
      {"Exited", stopped_by_us()},
      {"Ended", ended(false)},
      {"Ended", ended(true)},
      {"Ended", from_earlier_boot},
      {"KillStuck", fact::KillStuck{3}},
      {"TimeLimit", fact::TimeLimit{}},
      {"Published", fact::Published{"/results/there"}},
      {"PublishClash", fact::PublishClash{}},
      {"PublishFailed", fact::PublishFailed{"disk full", ""}},
      {"KeeperGone", fact::KeeperGone{Finding::never_started}},
      {"KeeperGone", fact::KeeperGone{Finding::swept}},
      {"KeeperGone", fact::KeeperGone{Finding::rebooted}},
  };
}

}  // namespace reeve::test
