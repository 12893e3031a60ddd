#pragma once
// What the end of an attempt counts as, by all that is known of it.

#include <string>
#include <string_view>

#include "core/job.h"

namespace reeve {

struct Verdict {
  JobState state = JobState::completed;  // or failed, cancelled, timeout
  Reason reason = Reason::none;
  std::string_view by = "keeper";  // who found it out
  std::string words;               // one line for people
};

// Nothing of `job`'s attempt lives any more, its exit is known and its log was read. Exit code 0
// alone makes no success; what the job says of itself counts more than its log, but makes no other
// exit one. `completed` is subject to what its results are like.
[[nodiscard]] Verdict judge(const Job& job);

// Why an attempt failed that was a success, but whose results could not be put into place, or not
// safely so (`results_dir`).
[[nodiscard]] std::string publish_failure_words(const Attempt& attempt, const std::string& error);

}  // namespace reeve
