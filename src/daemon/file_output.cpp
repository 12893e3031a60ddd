#include "daemon/file_output.h"

#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <utility>

#include "base/check.h"
#include "core/run_directory.h"

namespace reeve {

FileOutput::FileOutput()
    : ready_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), worker_([this] { work(); }) {
  check(static_cast<bool>(ready_), "an eventfd can be made at start");
}

FileOutput::~FileOutput() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  worker_.join();
}

std::expected<std::string, OsError> FileOutput::prepare(const Job& job) {
  const std::string& root = job.spec.results_root;
  std::string path = staging_directory(root, job.key());
  if (::mkdir(path.c_str(), 0777) == 0 || errno == EEXIST) return path;
  if (errno != ENOENT) return os_failed("make the staging directory");
  std::error_code error;
  std::filesystem::create_directories(root + "/.staging", error);
  if (error) return os_failed("make the directory of the results", error.value());
  if (::mkdir(path.c_str(), 0777) != 0 && errno != EEXIST)
    return os_failed("make the staging directory");
  return path;
}

bool FileOutput::has_results(const Job& job) {
  if (job.attempt.staging.empty()) return false;
  if (::rmdir(job.attempt.staging.c_str()) == 0) return false;
  return errno != ENOENT;
}

void FileOutput::publish(const Job& job) {
  PublishOrder order{job.key(), job.attempt.staging, job.attempt.publish_target,
                     job.spec.results_root + "/latest/" + job.spec.name};
  enqueue([this, order = std::move(order)] {
    PublishOutcome outcome = reeve::publish(order);
    {
      const std::lock_guard lock(mutex_);
      outcomes_.push_back(std::move(outcome));
    }
    const std::uint64_t one = 1;
    (void)!::write(ready_.get(), &one, sizeof one);
  });
}

void FileOutput::set_aside(const Job& job) {
  if (job.spec.staging == Staging::keep) return;  // it stays where it is
  enqueue([path = job.attempt.staging] {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  });
}

std::vector<PublishOutcome> FileOutput::collect() {
  std::uint64_t count = 0;
  (void)!::read(ready_.get(), &count, sizeof count);
  const std::lock_guard lock(mutex_);
  return std::exchange(outcomes_, {});
}

void FileOutput::enqueue(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  wake_.notify_one();
}

void FileOutput::work() {
  while (true) {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
    if (stopping_) return;
    const auto task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task();
  }
}

}  // namespace reeve
