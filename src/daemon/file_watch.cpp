#include "daemon/file_watch.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/text.h"
#include "core/limits.h"

namespace reeve {
namespace {

constexpr int early_looks_max = 10;
constexpr int kept_files_max = 4096;

// Descriptors that may stay open for looking at jobs: starting them comes first.
int descriptors_for_looking() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < 128) return 0;
  return static_cast<int>(std::min<rlim_t>(limit.rlim_cur / 8, kept_files_max));
}

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

// While the machine was awake, since some moment.
Duration awake() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return Duration(now.tv_sec * 1000 + now.tv_nsec / 1'000'000);
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

// The variable as the job's main process has it, where nobody wrote down what it was told.
std::string variable_of(std::int64_t pid, std::string_view name) {
  std::ifstream environ("/proc/" + std::to_string(pid) + "/environ", std::ios::binary);
  for (std::string entry; std::getline(environ, entry, '\0');)
    if (entry.starts_with(name) && entry.size() > name.size() && entry[name.size()] == '=')
      return entry.substr(name.size() + 1);
  return "";
}

}  // namespace

Result<std::unique_ptr<FileWatch>> FileWatch::open(const std::string& state_directory) {
  std::string said = state_directory + "/said";
  auto sockets = watch::NotifySockets::open(said);
  if (!sockets) return std::unexpected(sockets.error());
  return std::unique_ptr<FileWatch>(new FileWatch(std::move(said), std::move(*sockets)));
}

FileWatch::FileWatch(std::string said, watch::NotifySockets sockets)
    : said_(std::move(said)),
      ready_(make_eventfd()),
      wake_(make_eventfd()),
      changes_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)),
      sockets_(std::move(sockets)),
      files_(descriptors_for_looking()) {
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
  for (const auto& [key, attempt] : attempts_) attempt.save_series();
}

std::string FileWatch::said_path(const AttemptKey& key) const {
  return said_ + "/" + std::to_string(key.job.value) + "." + std::to_string(key.attempt) + "." +
         std::to_string(key.start);
}

Speech FileWatch::prepare(const Job& job) {
  const std::string said = said_path(job.key());
  Speech speech;
  speech.variables = {{"REEVE_STATUS_FILE", said + ".status"},
                      {"REEVE_HEARTBEAT_FILE", said + ".beat"}};
  const std::lock_guard lock(sockets_mutex_);
  // Without a socket to be had the job runs all the same.
  if (sockets_taken_ >= descriptors_for_looking()) return speech;
  if (auto address = sockets_.take()) {
    ++sockets_taken_;
    speech.address = std::move(*address);
    speech.variables.emplace_back("NOTIFY_SOCKET", speech.address);
  }
  return speech;
}

void FileWatch::begin(const Job& job, Duration active) {
  Request wanted{Wish::begin, job, active};
  if (job.attempt.started.ms != 0) {  // it was found running
    std::string& address = wanted.job.attempt.placement.notify;
    if (address.empty()) address = variable_of(job.attempt.main_pid, "NOTIFY_SOCKET");
    const std::lock_guard lock(sockets_mutex_);
    if (!address.empty() && sockets_.adopt(address)) ++sockets_taken_;
  }
  watch_directory(job.attempt.log);
  request(std::move(wanted), false);
}

void FileWatch::follow(const Job& job) {
  if (job.state == JobState::running || job.state == JobState::paused)
    request({Wish::follow, job, {}}, false);
}

std::optional<Live> FileWatch::live(const Job& job) {
  const std::lock_guard lock(mutex_);
  const auto found = live_.find(job.key());
  return found == live_.end() ? std::nullopt : std::optional(found->second);
}

bool FileWatch::is_silent(const Job& job) {
  receive();
  const std::string said = said_path(job.key());
  if (::access((said + ".status").c_str(), F_OK) == 0) return false;
  const std::lock_guard lock(mutex_);
  return !spoken_.contains(job.attempt.placement.notify);
}

void FileWatch::examine(const Job& job) {
  receive();
  watch_directory(job.attempt.log);
  request({Wish::examine, job, {}}, true);
}

void FileWatch::forget(const Job& job) {
  give_back(job);
  const std::string said = said_path(job.key());
  for (const char* suffix : {".status", ".beat"}) ::unlink((said + suffix).c_str());
  request({Wish::forget, job, {}}, false);
}

void FileWatch::give_back(const Job& job) {
  const std::string& address = job.attempt.placement.notify;
  if (address.empty()) return;
  receive();
  const std::lock_guard sockets_lock(sockets_mutex_);
  sockets_.give_back(address);
  if (sockets_taken_ > 0) --sockets_taken_;
  const std::lock_guard lock(mutex_);
  spoken_.erase(address);
  std::erase_if(heard_,
                [&](const watch::NotifyArrival& arrival) { return arrival.address == address; });
}

std::vector<Observed> FileWatch::collect() {
  clear_event(ready_);
  const std::lock_guard lock(mutex_);
  return std::exchange(seen_, {});
}

// By either thread: what was sent before a job's end is there when the end is acted on.
void FileWatch::receive() {
  const std::lock_guard sockets_lock(sockets_mutex_);
  auto arrivals = sockets_.receive(Time{awake().count()});
  if (arrivals.empty()) return;
  {
    const std::lock_guard lock(mutex_);
    for (watch::NotifyArrival& arrival : arrivals) {
      spoken_.insert(arrival.address);
      heard_.push_back(std::move(arrival));
    }
  }
  raise_event(wake_);
}

void FileWatch::request(Request wanted, bool is_urgent) {
  const std::lock_guard lock(mutex_);
  if (wanted.wish == Wish::forget) {
    // A job that ended before the worker looked at it need not be looked at.
    const AttemptKey key = wanted.job.key();
    bool was_unseen = false;
    std::erase_if(requests_, [&](const Request& waiting) {
      const bool is_its = waiting.job.key() == key;
      was_unseen |= is_its && waiting.wish == Wish::begin;
      return is_its;
    });
    if (was_unseen) return;
  }
  is_urgent |= wanted.wish == Wish::begin && !heard_.empty();  // perhaps its own words
  requests_.push_back(std::move(wanted));
  if (std::exchange(sleeps_long_, false) || is_urgent) raise_event(wake_);
}

void FileWatch::watch_directory(const std::string& log) {
  if (log.empty()) return;
  const std::string directory = directory_of(log);
  const std::lock_guard lock(mutex_);
  if (directories_.contains(directory)) return;
  if (::inotify_add_watch(changes_.get(), directory.c_str(), IN_CREATE | IN_MODIFY) >= 0)
    directories_.insert(directory);
}

void FileWatch::work() {
  while (true) {
    // What grows while logs were just read waits for its turn, so that a chatty job costs little.
    std::array<pollfd, 3> sources{
        {{wake_.get(), POLLIN, 0}, {sockets_.poll_fd(), POLLIN, 0}, {changes_.get(), POLLIN, 0}}};
    const nfds_t count = is_pausing_ ? 2 : 3;
    int wait = wait_ms(awake());
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      if (!requests_.empty() && wait < 0) wait = 0;
      sleeps_long_ = wait < 0;
    }
    (void)::poll(sources.data(), count, wait);
    clear_event(wake_);
    const Duration now = awake();
    read_changes();
    receive();
    std::vector<Observed> seen;
    const bool is_asked = take_requests(now, seen);
    deliver(now, seen);
    read_logs(now, seen);
    look(now, seen);
    if (is_asked || !seen.empty() || !attempts_.empty()) show(now);
    if (!seen.empty()) tell(std::move(seen));
  }
}

int FileWatch::wait_ms(Duration now) {
  if (is_more_) return 0;
  if (std::exchange(is_pausing_, false) || early_looks_ > 0 || !grown_.empty())
    return limits::log_read_pause_ms;
  std::optional<Duration> next;
  for (const auto& [key, attempt] : attempts_)
    if (!next || attempt.next_look() < *next) next = attempt.next_look();
  if (const auto at = sockets_.wake_at(); at && (!next || Duration(at->ms) < *next))
    next = Duration(at->ms);
  if (!next) return -1;
  return static_cast<int>(std::clamp<std::int64_t>((*next - now).count(), 1, 60'000));
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

bool FileWatch::take_requests(Duration now, std::vector<Observed>& seen) {
  std::vector<Request> requests;
  {
    const std::lock_guard lock(mutex_);
    requests = std::exchange(requests_, {});
  }
  for (const Request& wanted : requests) carry_out(wanted, now, seen);
  return !requests.empty();
}

void FileWatch::carry_out(const Request& wanted, Duration now, std::vector<Observed>& seen) {
  const AttemptKey key = wanted.job.key();
  const auto found = attempts_.find(key);
  switch (wanted.wish) {
    case Wish::begin:
      // Once more after a commit that failed: what it told may be lost.
      if (found != attempts_.end()) attempts_.erase(found);
      attempts_.try_emplace(key, wanted.job, said_path(key), wanted.active, now, files_);
      last_start_ = std::max(last_start_, key.start);
      grown_.insert(key);
      return;
    case Wish::follow:
      if (found != attempts_.end()) found->second.follow(wanted.job, now);
      return;
    case Wish::examine: {
      const auto item =
          attempts_.try_emplace(key, wanted.job, said_path(key), Duration(0), now, files_).first;
      deliver(now, seen);  // an end needs what was said before it
      item->second.end(now);
      grown_.insert(key);
      return;
    }
    case Wish::forget:
      if (found != attempts_.end()) {
        found->second.save_series();
        attempts_.erase(found);
      }
      grown_.erase(key);
  }
}

// What was said by an attempt that is not begun yet waits for that.
void FileWatch::deliver(Duration now, std::vector<Observed>& seen) {
  std::vector<std::pair<AttemptWatch*, watch::NotifyArrival>> mail;
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(heard_, [&](watch::NotifyArrival& arrival) {
      const auto found = std::ranges::find_if(
          attempts_, [&](const auto& item) { return item.second.address() == arrival.address; });
      if (found == attempts_.end()) return false;
      mail.emplace_back(&found->second, std::move(arrival));
      return true;
    });
  }
  for (const auto& [attempt, arrival] : mail)
    if (arrival.refused.empty())
      attempt->hear(arrival.message, now, seen);
    else
      attempt->refuse(arrival.refused, seen);
}

void FileWatch::read_logs(Duration now, std::vector<Observed>& seen) {
  is_pausing_ = !grown_.empty();
  is_more_ = false;
  if (early_looks_ > 0) --early_looks_;
  for (auto item = grown_.begin(); item != grown_.end();) {
    const auto found = attempts_.find(*item);
    if (found == attempts_.end()) {
      if (item->start > last_start_) early_looks_ = early_looks_max;
      item = grown_.erase(item);
      continue;
    }
    const AttemptWatch::Left left = found->second.read_log(now, seen);
    is_more_ |= left == AttemptWatch::Left::more;
    item = left == AttemptWatch::Left::nothing ? grown_.erase(item) : std::next(item);
  }
}

void FileWatch::look(Duration now, std::vector<Observed>& seen) {
  for (auto& [key, attempt] : attempts_)
    if (attempt.next_look() <= now) attempt.look(now, seen);
}

void FileWatch::show(Duration now) {
  std::map<AttemptKey, Live> live;
  for (const auto& [key, attempt] : attempts_) live[key] = attempt.live(now);
  const std::lock_guard lock(mutex_);
  live_ = std::move(live);
}

void FileWatch::tell(std::vector<Observed> seen) {
  {
    const std::lock_guard lock(mutex_);
    std::ranges::move(seen, std::back_inserter(seen_));
  }
  raise_event(ready_);
}

}  // namespace reeve
