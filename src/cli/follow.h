#pragma once
// Following a job live: its output as it comes, its state, Ctrl-C, a daemon that dies meanwhile.

#include <cstdint>

#include "base/result.h"
#include "cli/client.h"

namespace reeve::cli {

enum class OnInterrupt {
  offer_cancel,  // `run`: a second Ctrl-C within 2 s cancels, else we detach
  detach,        // `follow`: looking away is all that is meant
};

struct FollowOptions {
  std::int64_t job = 0;
  OnInterrupt on_interrupt = OnInterrupt::detach;
  bool raw = false;  // pass the job's bytes to a terminal unchanged
};

// Blocks until the job has ended (its exit code is returned), or we detached (130). A daemon that
// vanishes is started again; one that was stopped is not (69).
int follow(Client client, const FollowOptions& options);

// Tells on stderr how an ended job ended; nothing for one that simply succeeded, unless `always`.
void tell_end(const json::object& job, bool always);

}  // namespace reeve::cli
