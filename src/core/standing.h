#pragma once
// How a job that holds resources stands to those that wait for them.

#include <cstdint>

#include "core/job.h"

namespace reeve {

struct Standing {
  enum class Kind : std::uint8_t {
    steady,       // it keeps what it has until it ends
    may_pause,    // the scheduler may pause it: that frees its CPUs and its place among the running
    may_requeue,  // the scheduler may stop it and queue it again: that frees everything
    pausing,      // the same, and that is under way
    ending,
  };
  Kind kind = Kind::steady;
  Priority priority = Priority::normal;
  Time since;              // its attempt runs
  Time undisturbed_until;  // before that it is not pushed aside
};
[[nodiscard]] Standing standing_of(const Job& job);

// What pausing it frees, and what it needs to go on.
[[nodiscard]] Demand freed_by_pause(const Demand& demand);

// Until then a job that was pushed aside, or has just gone on, is left alone. Where it would have
// to start anew the time doubles with each preemption, so that it ends even if others come for
// ever.
[[nodiscard]] Time undisturbed_until(const Job& job);

}  // namespace reeve
