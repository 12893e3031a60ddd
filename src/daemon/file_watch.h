#pragma once
// Watches running attempts by one worker thread: a log may grow faster than it can be read, and
// the queue goes on meanwhile.
//
// The thread sleeps until the kernel tells that a log has grown, a job speaks, or its next look is
// due. A job that ends soon and silently costs it nothing: it is known to the thread only when it
// wakes anyway.

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "watch/attempt_watch.h"
#include "watch/kept_file.h"
#include "watch/notify_sockets.h"
#include "watch/watch.h"

namespace reeve {

class FileWatch : public Watch {
 public:
  // What jobs may speak through stands in a directory `said` below the state directory. Throws
  // std::system_error without a descriptor or a thread to be had.
  static Result<std::unique_ptr<FileWatch>> open(const std::string& state_directory);
  ~FileWatch() override;

  Speech prepare(const Job& job) override;
  void begin(const Job& job, Duration active) override;
  void follow(const Job& job) override;
  std::optional<Live> live(const Job& job) override;
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
    Duration active{0};
  };

  FileWatch(std::string said, watch::NotifySockets sockets);
  void request(Request wanted, bool is_urgent);
  void watch_directory(const std::string& log);
  [[nodiscard]] std::string said_path(const AttemptKey& key) const;
  void receive();
  void give_back(const Job& job);

  // The worker's.
  void work();
  bool take_requests(Duration now, std::vector<Observed>& seen);
  void carry_out(const Request& wanted, Duration now, std::vector<Observed>& seen);
  void deliver(Duration now, std::vector<Observed>& seen);
  void read_changes();
  void read_logs(Duration now, std::vector<Observed>& seen);
  void look(Duration now, std::vector<Observed>& seen);
  void show(Duration now);
  void tell(std::vector<Observed> seen);
  [[nodiscard]] int wait_ms(Duration now);

  std::string said_;
  Fd ready_;
  Fd wake_;
  Fd changes_;  // inotify

  std::mutex sockets_mutex_;  // taken before `mutex_` where both are
  watch::NotifySockets sockets_;
  int sockets_taken_ = 0;

  std::mutex mutex_;
  std::vector<Request> requests_;
  std::vector<watch::NotifyArrival> heard_;  // and not delivered yet
  std::set<std::string> spoken_;             // addresses of attempts that have sent something
  std::vector<Observed> seen_;
  std::map<AttemptKey, Live> live_;
  std::set<std::string> directories_;  // that are watched for growing logs
  bool stopping_ = false;
  bool sleeps_long_ = false;  // the worker waits for no time: it must be woken

  watch::KeptFiles files_;
  std::map<AttemptKey, AttemptWatch> attempts_;
  std::set<AttemptKey> grown_;  // their logs are to be read
  bool is_more_ = false;        // of some log there is more to read at once
  bool is_pausing_ = false;     // logs were just read: what they grow by now is read a little later
  std::int64_t last_start_ = 0;  // the highest start that was begun
  int early_looks_ = 0;          // a log has grown whose attempt is not begun yet: look again soon
  std::thread worker_;
};

}  // namespace reeve
