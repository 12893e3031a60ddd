#pragma once
// Where attempts run. `local` starts them on this machine; `fake` plays them under a virtual clock.

#include <expected>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/os.h"
#include "base/result.h"
#include "core/job.h"
#include "core/lifecycle.h"

namespace reeve {

struct StartOrder {
  AttemptKey key;
  const JobSpec& spec;
  const std::string& context;  // environment and limits of the submitter
  const Placement& placement;  // which GPUs and CPUs, and the memory limit
  std::string staging;
  std::string checkpoint;  // directory that outlives the attempt
  std::vector<std::pair<std::string, std::string>> variables;  // beside the submitter's
};

// What a recovering daemon finds of a start that has no END record.
enum class Recovery {
  watched,        // its keeper lives, or what is left of it is being ended: facts will follow
  never_started,  // the command has not run, and never can
  rebooted,       // the machine was down since: nothing of it is left
};

// Called from one thread. Nothing here waits for a job.
class Engine {
 public:
  Engine() = default;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  virtual ~Engine() = default;

  // Starts the keeper of a committed start. At most one command runs for a key, whoever calls this
  // how often. An error means that no keeper was started.
  [[nodiscard]] virtual std::expected<fact::Launched, OsError> start(const StartOrder& order) = 0;

  // Asks the keeper to end the tree; repeating it is harmless, and a shorter grace counts.
  virtual void stop(const AttemptKey& key, Duration grace) = 0;

  // Asks the keeper to freeze the tree or to let it go on; repeating it is harmless. A fact tells
  // when it has come about.
  virtual void freeze(const AttemptKey& key, bool wanted) = 0;

  // Binds the processes of a frozen tree to these CPUs, at least one, before it goes on.
  virtual void bind(const AttemptKey& key, const std::vector<int>& cpus) = 0;

  // Sends a signal to the processes of the tree.
  [[nodiscard]] virtual Result<void> signal(const AttemptKey& key, int signal) = 0;

  // A line about each of its processes, with a headline; empty when it is not running.
  [[nodiscard]] virtual std::string processes(const AttemptKey& key) = 0;

  // What happened since the last call, in order. What `cursor` then names is to be stored in the
  // transaction that stores the facts.
  [[nodiscard]] virtual std::vector<Observed> observe() = 0;
  [[nodiscard]] virtual std::string cursor() const = 0;

  // Before recovery: go back to a stored cursor (empty: from the beginning).
  [[nodiscard]] virtual Result<void> restore(const std::string& cursor) = 0;

  // What `start` would have told of a start whose daemon died before it could write so.
  [[nodiscard]] virtual fact::Launched describe(const Job& job) = 0;

  // What ended then or before did so before the machine was last started.
  [[nodiscard]] virtual Time boot_time() const = 0;

  // Finds out what became of a start of which a keeper may exist.
  [[nodiscard]] virtual Recovery recover(const Job& job) = 0;

  // Every start of which a keeper may exist was asked about: what else is found is nobody's.
  virtual void finish_recovery() = 0;

  // The end of the attempt is on disk: what it occupied may be used again.
  virtual void forget(const AttemptKey& key) = 0;
};

}  // namespace reeve
