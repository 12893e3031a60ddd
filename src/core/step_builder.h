#pragma once
// What rows of the state table are made of: the moves of a job, with the events that tell of them
// and the effects that follow. Used by core/lifecycle.cpp alone.

#include <expected>
#include <string>
#include <utility>

#include "core/lifecycle.h"

namespace reeve {

using Outcome = std::expected<Step, Error>;

class StepBuilder {
 public:
  StepBuilder(Job job, const Now& now) : now_(now) { step_.job = std::move(job); }

 protected:
  Job& job() { return step_.job; }
  Attempt& attempt() { return step_.job.attempt; }
  Outcome done() { return std::move(step_); }
  Outcome refuse(std::string why) const;
  bool is_success();
  bool is_publishing() { return attempt().end_step == EndStep::publish; }
  void go_on_with(EndStep step, Effect effect);
  void note(std::string kind, std::string actor, std::string detail);
  void move_to(JobState to, std::string actor, std::string detail = "",
               Reason reason = Reason::none);
  void enqueue(std::string actor, std::string detail);
  void let_go_on(std::string actor, std::string detail);
  void count_preemption();
  std::string goes_on_words();
  // Nothing of it lives any more, and its log was read.
  void conclude();
  void keep_results();
  // They may be torn: files that were written last may be empty.
  void lose_results();
  // Keeps in mind that nobody wants it any more.
  void ask_to_cancel(const std::string& actor);
  void choose_publish_target();
  void close_stopped_before_start();
  // Back to its old place in the queue. The retry policy takes no notice of this attempt.
  void close_and_queue(std::string actor);
  // A waiting job that was cancelled. Its start may be committed, but no keeper of it exists: the
  // launch stands in memory only, and does not happen any more.
  void close_before_start(std::string actor);
  void close(JobState state, Reason reason, std::string actor, std::string error);

  Now now_;
  Step step_;
};

}  // namespace reeve
