#pragma once
// Staging directories and their publication, by one worker thread: bringing results to the disk
// can take minutes, and the queue goes on meanwhile.

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "output/output.h"
#include "output/publish.h"

namespace reeve {

class FileOutput : public Output {
 public:
  FileOutput();
  // Waits for the publication that is under way; those that wait are repeated by the next daemon.
  ~FileOutput() override;

  std::expected<std::string, OsError> prepare(const Job& job) override;
  bool has_results(const Job& job) override;
  void publish(const Job& job) override;
  void set_aside(const Job& job) override;
  std::vector<PublishOutcome> collect() override;

  // Readable when `collect` has something to give.
  [[nodiscard]] int ready_descriptor() const { return ready_.get(); }

 private:
  void work();
  void enqueue(std::function<void()> task);

  Fd ready_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> tasks_;
  std::vector<PublishOutcome> outcomes_;
  bool stopping_ = false;
  std::thread worker_;
};

}  // namespace reeve
