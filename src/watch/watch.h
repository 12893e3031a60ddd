#pragma once
// What an attempt shows while it runs, and what its log and its own words say at the end.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/job.h"
#include "core/lifecycle.h"
#include "core/live.h"

namespace reeve {

// What a job may speak through.
struct Speech {
  std::string address;  // of its notify socket; empty: it has none
  std::vector<std::pair<std::string, std::string>> variables;  // that tell the job about it
};

// Called from one thread; nothing here waits for a job, a disk or a scan: what was found is
// collected.
class Watch {
 public:
  Watch() = default;
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  virtual ~Watch() = default;

  // Before the attempt is started.
  [[nodiscard]] virtual Speech prepare(const Job& job) = 0;
  // It was launched, or was found running by a new daemon; `active` is for how long it ran, without
  // pauses. Findings up to `Evidence::found_to` are known and not told again.
  virtual void begin(const Job& job, Duration active) = 0;
  // Its state has changed: a paused job owes no sign of life.
  virtual void follow(const Job& job) = 0;
  // What is seen of it; nothing before it was first looked at.
  [[nodiscard]] virtual std::optional<Live> live(const Job& job) = 0;

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
