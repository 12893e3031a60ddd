#pragma once
// The states of a job and of an attempt, and the reasons for the last of them.

#include <cstdint>
#include <optional>
#include <string_view>

namespace reeve {

enum class JobState : std::uint8_t {
  // Waiting.
  held,    // accepted; waits for a user or for a time
  queued,  // waits for its turn and for resources
  // Active.
  starting,    // the start is committed; the command may or may not run yet
  running,     // the keeper has confirmed the start
  paused,      // all processes are frozen
  cancelling,  // asked to stop; processes may still live
  timing_out,  // a limit was hit; being stopped
  finishing,   // the exit is known; sweeping and publishing go on
  // Terminal: these never change.
  completed,
  failed,
  cancelled,
  timeout,
  lost,     // nobody can know how it ended
  skipped,  // a job that it depended on made it pointless
};

enum class Reason : std::uint8_t {
  none,
  exit_code,          // it ended with another code than 0
  signal,             // a signal ended it
  launch_error,       // the command could not be started
  cancelled_by_user,  //
  wall_limit,         // it ran longer than its time limit
  publish_error,      // it succeeded, but its results could not be put into place
  keeper_died,        // its keeper vanished, and the kernel did not tell the status
  reboot,             // the machine went down under it
  out_of_memory,      // it was killed for using more than its limit
  log_error,          // it ended with exit code 0, but its log tells of an error
  hung,               // it showed no life
  invalid_results,    // it ended with exit code 0, but what it left is not what it should be
  declared,           // it said itself that it failed
  preempted,          // it was stopped for a job of higher priority, and queued again
};

enum class Priority : std::uint8_t { low, normal, high, critical };

[[nodiscard]] constexpr bool is_waiting(JobState s) {
  return s <= JobState::queued;
}
[[nodiscard]] constexpr bool is_terminal(JobState s) {
  return s >= JobState::completed;
}
[[nodiscard]] constexpr bool is_active(JobState s) {
  return !is_waiting(s) && !is_terminal(s);
}

// Words for the wire, the database and people; the same in all three.
[[nodiscard]] std::string_view to_word(JobState state);
[[nodiscard]] std::string_view to_word(Reason reason);
[[nodiscard]] std::string_view to_word(Priority priority);
[[nodiscard]] std::optional<JobState> state_from_word(std::string_view word);
[[nodiscard]] std::optional<Reason> reason_from_word(std::string_view word);
// Any case; "low", "normal", "high", "critical".
[[nodiscard]] std::optional<Priority> priority_from_word(std::string_view word);

}  // namespace reeve
