#pragma once
// A job in every situation that the state table tells apart.

#include <string>
#include <vector>

#include "core/lifecycle.h"

namespace reeve::test {

// The step after `fact`; a refusal ends the test program, since the story told is then wrong.
[[nodiscard]] Step must(const Job& job, const Fact& fact, std::int64_t ms = 1000);
[[nodiscard]] Job after(Job job, const std::vector<Fact>& facts, std::int64_t ms = 1000);

// Facts as a keeper tells them.
[[nodiscard]] Fact started();
[[nodiscard]] Fact exited(int code);
[[nodiscard]] Fact stopped_by_us();
[[nodiscard]] Fact ended(bool has_results);  // without a log
[[nodiscard]] Fact found(Severity severity);
// For job 8, which has priority high.
[[nodiscard]] Fact preempt();

// A job with a time limit of one minute and a grace of two seconds, freshly submitted.
[[nodiscard]] Job queued_job();
[[nodiscard]] Job intended_job();
[[nodiscard]] Job starting_job();
[[nodiscard]] Job running_job();
[[nodiscard]] Job finishing_job(int code);
[[nodiscard]] Job publishing_job();
// Its log is being read, or its results are checked.
[[nodiscard]] Job examining_job(int code);
[[nodiscard]] Job validating_job();

struct Situation {
  std::string name;
  Job job;
};
// All 14 states, those with more than one meaning more than once.
[[nodiscard]] std::vector<Situation> all_situations();

struct NamedFact {
  std::string name;
  Fact fact;
};
// Each fact, those with variants more than once.
[[nodiscard]] std::vector<NamedFact> all_facts();

}  // namespace reeve::test
