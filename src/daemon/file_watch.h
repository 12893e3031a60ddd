#pragma once
// Watches running attempts by one worker thread: a log may grow faster than it can be read, and
// the queue goes on meanwhile.
//
// The thread sleeps until the kernel tells that a log has grown, a job speaks, or its next look is
// due. A job that ends soon and silently costs it nothing: it is known to the thread only when it
// wakes anyway.

#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "watch/attempt_watch.h"
#include "watch/watch.h"

namespace reeve {

class FileWatch : public Watch {
 public:
  // Throws std::system_error without a descriptor or a thread to be had.
  explicit FileWatch(std::string state_directory);
  ~FileWatch() override;

  std::vector<std::pair<std::string, std::string>> prepare(const Job& job) override;
  void begin(const Job& job) override;
  void follow(const Job& job) override;
  bool is_silent(const Job& job) override;
  void examine(const Job& job) override;
  void forget(const Job& job) override;
  std::vector<Observed> collect() override;

  // Readable when `collect` has something to give.
  [[nodiscard]] int ready_descriptor() const { return ready_.get(); }

 private:
  enum class Wish : std::uint8_t { begin, follow, examine, forget };
  struct Request {
    Wish wish = Wish::begin;
    Job job;
  };

  void request(Wish wish, const Job& job, bool is_urgent);
  void watch_directory(const std::string& log);

  // The worker's.
  void work();
  void take_requests();
  void carry_out(Request request);
  void read_changes();
  void read_logs();
  void tell(std::vector<Observed> seen);
  [[nodiscard]] int wait_ms();

  std::string state_directory_;
  Fd ready_;
  Fd wake_;
  Fd changes_;  // inotify
  std::mutex mutex_;
  std::vector<Request> requests_;
  std::vector<Observed> seen_;
  bool stopping_ = false;
  bool sleeps_long_ = false;                // the worker waits for no time: it must be woken
  std::map<std::string, int> directories_;  // that are watched for growing logs

  std::map<AttemptKey, AttemptWatch> attempts_;
  std::set<AttemptKey> grown_;   // their logs are to be read
  std::int64_t last_start_ = 0;  // the highest start that was begun
  int early_looks_ = 0;          // a log has grown whose attempt is not begun yet: look again soon
  bool is_pausing_ = false;  // logs were just read: what they grow by now is read a little later
  std::thread worker_;
};

}  // namespace reeve
