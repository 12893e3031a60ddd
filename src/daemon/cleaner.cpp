#include "daemon/cleaner.h"

#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "core/limits.h"

namespace reeve {
namespace {

// After everything else that wants the CPU or the disk. Of this thread alone, as Linux counts them.
void become_idle() {
  constexpr int who_process = 1;
  constexpr int class_idle = 3;
  constexpr int class_shift = 13;
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), 19);
  ::syscall(SYS_ioprio_set, who_process, 0, class_idle << class_shift);
}

}  // namespace

Cleaner::Cleaner(JobPlaces places)
    : places_(std::move(places)),
      ready_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      go_on_([this] { return go_on(); }) {
  if (!ready_) throw std::system_error(errno, std::generic_category(), "make an eventfd");
  worker_ = std::thread([this] { work(); });
}

Cleaner::~Cleaner() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  worker_.join();
}

void Cleaner::measure(std::vector<JobFiles> files) {
  enqueue([this, files = std::move(files)]() -> Outcome {
    Measured measured;
    for (const JobFiles& one : files)
      measured.items.push_back(one.has_ended ? measure_job(one, places_, go_on_) : RetentionItem{});
    return measured;
  });
}

void Cleaner::remove(std::vector<Order> orders) {
  enqueue([this, orders = std::move(orders)]() -> Outcome {
    Cleaned cleaned;
    for (const Order& order : orders) {
      FilesRemoval removal = remove_job_files(order.files, order.parts, places_, go_on_);
      if (!removal.is_done) break;
      cleaned.removals.push_back(std::move(removal));
    }
    return cleaned;
  });
}

void Cleaner::find_unknown(std::vector<std::string> roots, std::set<std::string> known) {
  enqueue([roots = std::move(roots), known = std::move(known)]() -> Outcome {
    Found found;
    for (const std::string& root : roots) {
      const std::size_t room = limits::unknown_runs_max - found.unknown.size();
      std::vector<std::string> here = find_unknown_runs(root, known, room);
      found.unknown.insert(found.unknown.end(), here.begin(), here.end());
    }
    return found;
  });
}

std::vector<Cleaner::Outcome> Cleaner::collect() {
  std::uint64_t count = 0;
  (void)!::read(ready_.get(), &count, sizeof count);
  const std::lock_guard lock(mutex_);
  return std::exchange(outcomes_, {});
}

bool Cleaner::go_on() {
  if (++entries_ < limits::cleaning_entries_at_once) return true;
  entries_ = 0;
  std::unique_lock lock(mutex_);
  return !wake_.wait_for(lock, limits::cleaning_rest, [this] { return stopping_; });
}

void Cleaner::enqueue(std::function<Outcome()> task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  wake_.notify_one();
}

void Cleaner::work() {
  become_idle();
  while (true) {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
    if (stopping_) return;
    const auto task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    Outcome outcome = task();
    lock.lock();
    outcomes_.push_back(std::move(outcome));
    lock.unlock();
    const std::uint64_t one = 1;
    (void)!::write(ready_.get(), &one, sizeof one);
  }
}

}  // namespace reeve
