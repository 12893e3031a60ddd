#pragma once
// What an attempt shows while it runs, and what its log and its own words say at the end.

#include <string>
#include <utility>
#include <vector>

#include "core/job.h"
#include "core/lifecycle.h"

namespace reeve {

// Called from one thread; nothing here waits for a job, a disk or a scan: what was found is
// collected.
class Watch {
 public:
  Watch() = default;
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  virtual ~Watch() = default;

  // Makes what the job may speak through, and returns the variables that tell it where that is.
  [[nodiscard]] virtual std::vector<std::pair<std::string, std::string>> prepare(
      const Job& job) = 0;
  // The attempt was launched, or was found running by a new daemon. Findings up to
  // `Evidence::found_to` are known and not told again.
  virtual void begin(const Job& job) = 0;
  // Its state has changed: a paused job owes no sign of life.
  virtual void follow(const Job& job) = 0;

  // Nothing of it lives any more. True when it left neither a log nor words of its own; else
  // `examine` is called, which leads to findings and then to one fact::Examined, in this order.
  [[nodiscard]] virtual bool is_silent(const Job& job) = 0;
  virtual void examine(const Job& job) = 0;

  // The attempt has ended for good.
  virtual void forget(const Job& job) = 0;

  // What was seen since the last call, in order.
  [[nodiscard]] virtual std::vector<Observed> collect() = 0;
};

}  // namespace reeve
