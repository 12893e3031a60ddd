#include "daemon/file_watch.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <string_view>
#include <system_error>

#include "base/text.h"
#include "core/limits.h"

namespace reeve {
namespace {

constexpr int early_looks_max = 10;

std::string directory_of(const std::string& path) {
  return path.substr(0, path.find_last_of('/'));
}

// "12.1.34.log" is the log of start 34, attempt 1, of job 12.
std::optional<AttemptKey> key_of(std::string_view name) {
  if (!name.ends_with(".log")) return std::nullopt;
  name.remove_suffix(4);
  std::array<std::int64_t, 3> numbers{};
  for (std::int64_t& number : numbers) {
    const auto dot = std::min(name.find('.'), name.size());
    const auto parsed = parse_integer(name.substr(0, dot));
    if (!parsed) return std::nullopt;
    number = *parsed;
    name.remove_prefix(std::min(dot + 1, name.size()));
  }
  return AttemptKey{{numbers[0]}, static_cast<std::int32_t>(numbers[1]), numbers[2]};
}

int make_eventfd() {
  const int fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "make an eventfd");
  return fd;
}

void raise_event(const Fd& event) {
  const std::uint64_t one = 1;
  (void)!::write(event.get(), &one, sizeof one);
}

void clear_event(const Fd& event) {
  std::uint64_t count = 0;
  (void)!::read(event.get(), &count, sizeof count);
}

}  // namespace

FileWatch::FileWatch(std::string state_directory)
    : state_directory_(std::move(state_directory)),
      ready_(make_eventfd()),
      wake_(make_eventfd()),
      changes_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
  if (!changes_) throw std::system_error(errno, std::generic_category(), "watch files");
  worker_ = std::thread([this] { work(); });
}

FileWatch::~FileWatch() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  raise_event(wake_);
  worker_.join();
}

std::vector<std::pair<std::string, std::string>> FileWatch::prepare(const Job&) {
  return {};
}

void FileWatch::begin(const Job& job) {
  watch_directory(job.attempt.log);
  request(Wish::begin, job, false);
}

void FileWatch::follow(const Job& job) {
  request(Wish::follow, job, false);
}

bool FileWatch::is_silent(const Job&) {
  return true;
}

void FileWatch::examine(const Job& job) {
  request(Wish::examine, job, true);
}

void FileWatch::forget(const Job& job) {
  request(Wish::forget, job, false);
}

std::vector<Observed> FileWatch::collect() {
  clear_event(ready_);
  const std::lock_guard lock(mutex_);
  return std::exchange(seen_, {});
}

void FileWatch::request(Wish wish, const Job& job, bool is_urgent) {
  const std::lock_guard lock(mutex_);
  if (wish == Wish::forget) {
    // A job that ended before the worker looked at it need not be looked at.
    const AttemptKey key = job.key();
    bool was_unseen = false;
    std::erase_if(requests_, [&](const Request& waiting) {
      const bool is_its = waiting.job.key() == key;
      was_unseen |= is_its && waiting.wish == Wish::begin;
      return is_its;
    });
    if (was_unseen) return;
  }
  requests_.push_back({wish, job});
  if (is_urgent || std::exchange(sleeps_long_, false)) raise_event(wake_);
}

void FileWatch::watch_directory(const std::string& log) {
  const std::string directory = directory_of(log);
  const std::lock_guard lock(mutex_);
  if (directories_.contains(directory)) return;
  const int watch = ::inotify_add_watch(changes_.get(), directory.c_str(), IN_CREATE | IN_MODIFY);
  if (watch >= 0) directories_[directory] = watch;
}

void FileWatch::work() {
  while (true) {
    std::array<pollfd, 2> sources{{{wake_.get(), POLLIN, 0}, {changes_.get(), POLLIN, 0}}};
    const nfds_t count = is_pausing_ ? 1 : 2;  // without the logs
    int wait = wait_ms();
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      if (!requests_.empty() && wait < 0) wait = 0;
      sleeps_long_ = wait < 0;
    }
    (void)::poll(sources.data(), count, wait);
    clear_event(wake_);
    read_changes();
    take_requests();
    read_logs();
  }
}

int FileWatch::wait_ms() {
  if (!grown_.empty()) return 0;
  if (std::exchange(is_pausing_, false) || early_looks_ > 0) return limits::log_read_pause_ms;
  if (!attempts_.empty()) return limits::watch_look_ms;
  return -1;
}

void FileWatch::read_changes() {
  alignas(inotify_event) std::array<char, 16 << 10> buffer{};
  while (true) {
    const ssize_t got = ::read(changes_.get(), buffer.data(), buffer.size());
    if (got <= 0) return;
    for (ssize_t at = 0; at < got;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
      if ((event->mask & IN_Q_OVERFLOW) != 0)
        for (const auto& [key, attempt] : attempts_) grown_.insert(key);
      if (event->len == 0) continue;
      if (const auto key = key_of(event->name)) grown_.insert(*key);
    }
  }
}

void FileWatch::take_requests() {
  std::vector<Request> requests;
  {
    const std::lock_guard lock(mutex_);
    requests = std::exchange(requests_, {});
  }
  for (Request& request : requests) carry_out(std::move(request));
}

void FileWatch::carry_out(Request request) {
  const AttemptKey key = request.job.key();
  if (request.wish == Wish::forget) {
    attempts_.erase(key);
    grown_.erase(key);
    return;
  }
  if (request.wish == Wish::begin) {
    // Once more after a commit that failed: what it told may be lost.
    attempts_.erase(key);
    attempts_.try_emplace(key, request.job);
    last_start_ = std::max(last_start_, key.start);
    grown_.insert(key);
    return;
  }
  if (request.wish != Wish::examine) return;
  const auto found = attempts_.try_emplace(key, request.job).first;
  found->second.end();
  grown_.insert(key);
}

void FileWatch::read_logs() {
  std::vector<Observed> seen;
  is_pausing_ = !grown_.empty();
  if (early_looks_ > 0) --early_looks_;
  for (auto item = grown_.begin(); item != grown_.end();) {
    const auto found = attempts_.find(*item);
    if (found == attempts_.end() && item->start > last_start_) early_looks_ = early_looks_max;
    const bool is_more = found != attempts_.end() && found->second.read_log(seen);
    item = is_more ? std::next(item) : grown_.erase(item);
  }
  if (!seen.empty()) tell(std::move(seen));
}

void FileWatch::tell(std::vector<Observed> seen) {
  {
    const std::lock_guard lock(mutex_);
    std::ranges::move(seen, std::back_inserter(seen_));
  }
  raise_event(ready_);
}

}  // namespace reeve
