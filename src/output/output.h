#pragma once
// What an attempt leaves: staged while it runs, published as a whole, or set aside.

#include <expected>
#include <string>
#include <vector>

#include "base/os.h"
#include "core/job.h"
#include "core/lifecycle.h"

namespace reeve {

// Called from one thread; slow work is done elsewhere and its outcome collected.
class Output {
 public:
  Output() = default;
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  virtual ~Output() = default;

  // Makes the directory that the job writes into and returns its path.
  [[nodiscard]] virtual std::expected<std::string, OsError> prepare(const Job& job) = 0;

  // True when the job wrote something there. An empty directory is removed.
  [[nodiscard]] virtual bool has_results(const Job& job) = 0;

  // Starts to check what was staged; leads to one fact::Validated. May be repeated.
  // `context`: environment and limits of the submitter, for commands that check.
  virtual void validate(const Job& job, const std::string& context) = 0;

  // Starts to put the staged results into place. Repeating it after a crash is safe: a directory
  // that is in place already counts as published.
  virtual void publish(const Job& job) = 0;

  // Keeps or deletes what an unsuccessful attempt staged, as its specification says.
  virtual void set_aside(const Job& job) = 0;

  // A directory of the job that its attempts share, made if need be; empty for jobs without one,
  // and where it can't be made.
  [[nodiscard]] virtual std::string checkpoint_directory(const Job& job) = 0;
  // The job is forgotten: so is what its attempts kept there.
  virtual void remove_checkpoints(JobId job) = 0;

  // The results stand where they were to be published.
  [[nodiscard]] virtual bool is_in_place(const Job& job) = 0;

  // What was finished since the last call: fact::Validated, Published, PublishClash, PublishFailed.
  [[nodiscard]] virtual std::vector<Observed> collect() = 0;
};

}  // namespace reeve
