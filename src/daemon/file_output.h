#pragma once
// Staging directories and their publication, by one worker thread: bringing results to the disk
// can take minutes, and the queue goes on meanwhile.

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "daemon/validation_runner.h"
#include "daemon/worker_thread.h"
#include "output/output.h"
#include "output/publish.h"

namespace reeve {

// Staging directories of jobs that wrote nothing are used again, by a rename: making and removing
// one for each job slows every later creation down on ext4, which keeps away from inodes that were
// just deleted.
class FileOutput : public Output {
 public:
  // Throws std::system_error without a descriptor or a thread to be had.
  // `checkpoints`: the directory below which jobs keep what outlives an attempt.
  // `validations`: below it checks of results keep what does not fit into memory. `worker`: program
  // and arguments that carry out the checks.
  FileOutput(std::string checkpoints, std::string validations, std::vector<std::string> worker);
  // Removes unused staging directories. Waits for the publication that is under way; those that
  // wait are repeated by the next daemon.
  ~FileOutput() override;

  std::expected<std::string, OsError> prepare(const Job& job) override;
  bool has_results(const Job& job) override;
  void validate(const Job& job, const std::string& context) override;
  void publish(const Job& job) override;
  void set_aside(const Job& job) override;
  std::string checkpoint_directory(const Job& job) override;
  bool is_in_place(const Job& job) override;
  void remove_checkpoints(JobId job) override;
  std::vector<Observed> collect() override;

  // Readable when `collect` has something to give.
  [[nodiscard]] int ready_descriptor() const { return worker_.ready_descriptor(); }
  void when_validating(std::function<void(pid_t)> started) {
    runner_.on_started = std::move(started);
  }
  [[nodiscard]] int validated_descriptor() const { return runner_.ready_descriptor(); }

 private:
  bool reuse(const std::string& root, const std::string& path);
  void take_reports(std::vector<Observed>& outcomes);
  void remove_later(const std::string& path);

  std::string checkpoints_;
  ValidationRunner runner_;
  std::map<AttemptKey, std::string> reports_;               // the directories that they go into
  std::map<std::string, std::vector<std::string>> unused_;  // empty ones, by results root
  WorkerThread<Observed> worker_;
};

}  // namespace reeve
