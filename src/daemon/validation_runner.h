#pragma once
// Validations of results, each carried out by a process of its own (`reeve validate --worker`),
// which the daemon never waits for.
//
// A worker that crashes, hangs, or says what makes no sense gives an inconclusive report, and so
// does one that could not be started. It holds the end of a pipe of ours: when we are gone, in
// whatever way, it ends what it has started, and itself. After a restart of the daemon the same
// validation may be started again: it only reads, save for commands of the user.

#include <sys/types.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/ids.h"
#include "base/result.h"
#include "core/validation_json.h"

namespace reeve {

class ValidationRunner {
 public:
  // `worker`: program and arguments. Below `scratch_root`, which is ours alone, each worker gets a
  // directory for what does not fit into memory; what lies there from before is removed. Throws
  // std::system_error without descriptors to be had.
  ValidationRunner(std::vector<std::string> worker, std::string scratch_root);
  ValidationRunner(const ValidationRunner&) = delete;
  ValidationRunner& operator=(const ValidationRunner&) = delete;
  // Ends all of them.
  ~ValidationRunner();

  // Starts it now, or when others have ended. Code `busy` when too many wait; `conflict` when the
  // attempt's validation is under way. The request's scratch is set here.
  [[nodiscard]] Result<void> start(const AttemptKey& key, ValidationRequest request);
  [[nodiscard]] bool has(const AttemptKey& key) const;
  // Nobody wants its report any more.
  void stop(const AttemptKey& key);

  struct Ended {
    AttemptKey key;
    ValidationReport report;
  };
  // Those that ended since. Call it when `ready_descriptor` is readable.
  [[nodiscard]] std::vector<Ended> collect();
  [[nodiscard]] int ready_descriptor() const { return events_.get(); }

  // Called with each process that is started: it is reaped by whoever reaps all children.
  std::function<void(pid_t)> on_started;

 private:
  struct Run;

  void start_waiting();
  [[nodiscard]] Result<void> spawn(Run& run) const;
  [[nodiscard]] std::string scratch_of(const AttemptKey& key) const;
  [[nodiscard]] ValidationReport report_of(const Run& run) const;

  std::vector<std::string> worker_;
  std::string scratch_root_;
  Fd events_;  // epoll
  std::deque<std::unique_ptr<Run>> waiting_;
  std::map<AttemptKey, std::unique_ptr<Run>> running_;
  std::vector<Ended> failed_;  // could not be started
  Fd failed_event_;            // readable while there are such
};

}  // namespace reeve
