#pragma once
// A thread that does tasks one after another, so that the daemon's loop never waits for a disk.

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/time.h"

namespace reeve {

template <typename Outcome>
class WorkerThread {
 public:
  // What a task gives, if it gives anything, is collected. It throws nothing.
  using Task = std::function<std::optional<Outcome>()>;

  // `prepare` is called first in the thread. Throws std::system_error without a descriptor or a
  // thread to be had.
  explicit WorkerThread(std::function<void()> prepare = {})
      : ready_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!ready_) throw std::system_error(errno, std::generic_category(), "make an eventfd");
    thread_ = std::thread([this, prepare = std::move(prepare)] {
      if (prepare) prepare();
      work();
    });
  }
  // Waits for the task that is under way; those that wait are dropped.
  ~WorkerThread() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    thread_.join();
  }
  WorkerThread(const WorkerThread&) = delete;
  WorkerThread& operator=(const WorkerThread&) = delete;

  void enqueue(Task task) {
    {
      const std::lock_guard lock(mutex_);
      tasks_.push_back(std::move(task));
    }
    wake_.notify_all();
  }

  // As if a task had given it.
  void put(Outcome outcome) {
    {
      const std::lock_guard lock(mutex_);
      outcomes_.push_back(std::move(outcome));
    }
    const std::uint64_t one = 1;
    (void)!::write(ready_.get(), &one, sizeof one);
  }

  // What there is since the last call.
  [[nodiscard]] std::vector<Outcome> collect() {
    std::uint64_t count = 0;
    (void)!::read(ready_.get(), &count, sizeof count);
    const std::lock_guard lock(mutex_);
    return std::exchange(outcomes_, {});
  }
  // Readable when `collect` has something to give.
  [[nodiscard]] int ready_descriptor() const { return ready_.get(); }

  // For a long task: waits a while. False: it is to end now.
  [[nodiscard]] bool rest(Duration wait) {
    std::unique_lock lock(mutex_);
    return !wake_.wait_for(lock, wait, [this] { return stopping_; });
  }

 private:
  void work() {
    while (true) {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
      if (stopping_) return;
      const Task task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      if (auto outcome = task()) put(std::move(*outcome));
    }
  }

  Fd ready_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Task> tasks_;
  std::vector<Outcome> outcomes_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace reeve
