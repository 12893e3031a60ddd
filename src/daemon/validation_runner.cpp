#include "daemon/validation_runner.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <system_error>

#include "base/check.h"
#include "base/memory_file.h"
#include "contain/process.h"
#include "core/job.h"

namespace reeve {
namespace {

// As the worker knows it.
constexpr int leash_place = 3;

struct Pipe {
  Fd read_end;
  Fd write_end;
};

Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return failed(OsError{errno, "make a pipe"});
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

void arm(int timer, Duration wait) {
  itimerspec when{};
  when.it_value.tv_sec = wait.count() / 1000;
  when.it_value.tv_nsec = wait.count() % 1000 * 1'000'000;
  ::timerfd_settime(timer, 0, &when, nullptr);
}

bool is_readable(int fd) {
  pollfd wanted{fd, POLLIN, 0};
  return ::poll(&wanted, 1, 0) == 1;
}

// The attributes and actions of posix_spawn.
class SpawnPlan {
 public:
  SpawnPlan() {
    ::posix_spawnattr_init(&attributes_);
    ::posix_spawn_file_actions_init(&actions_);
    sigset_t signals;
    sigemptyset(&signals);
    ::posix_spawnattr_setsigmask(&attributes_, &signals);
    sigfillset(&signals);
    ::posix_spawnattr_setsigdefault(&attributes_, &signals);
    ::posix_spawnattr_setflags(&attributes_,
                               POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;
  ~SpawnPlan() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }

  // In ascending order of their new places; all the others are closed.
  void put(int fd, int place) { ::posix_spawn_file_actions_adddup2(&actions_, fd, place); }
  void close_from(int fd) { ::posix_spawn_file_actions_addclosefrom_np(&actions_, fd); }

  [[nodiscard]] Result<pid_t> spawn(const std::vector<std::string>& words) const {
    std::vector<char*> arguments;
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    pid_t pid = 0;
    const int failure =
        ::posix_spawn(&pid, arguments[0], &actions_, &attributes_, arguments.data(), environ);
    if (failure != 0) return failed(OsError{failure, "start a validation"});
    return pid;
  }

 private:
  posix_spawnattr_t attributes_{};
  posix_spawn_file_actions_t actions_{};
};

}  // namespace

struct ValidationRunner::Run {
  AttemptKey key;
  ValidationRequest request;
  Fd process;  // pidfd
  Fd output;
  Fd leash;  // it ends when this is closed
  Fd timer;
  std::string text;
  std::string trouble;  // why what it says does not count
  bool is_wanted = true;
  bool is_gone = false;
  std::optional<int> status;

  void take_output() {
    std::array<char, 64 << 10> buffer{};
    while (output) {
      const ssize_t got = ::read(output.get(), buffer.data(), buffer.size());
      if (got < 0 && errno == EINTR) continue;
      if (got == 0) output.reset();
      if (got <= 0) return;
      if (text.size() + static_cast<std::size_t>(got) > limits::report_bytes_max) {
        text.clear();
        give_up("wrote too much");
        return;
      }
      text.append(buffer.data(), static_cast<std::size_t>(got));
    }
  }

  // First it is asked to end, which takes what it has started with it; then it is killed.
  void give_up(std::string why) {
    if (trouble.empty()) {
      trouble = std::move(why);
      output.reset();
      leash.reset();
      arm(timer.get(), limits::validation_end_wait);
    } else if (process) {
      (void)send_signal(process.get(), SIGKILL);
    }
  }

  void look() {
    take_output();
    std::uint64_t ticks = 0;
    if (::read(timer.get(), &ticks, sizeof ticks) == sizeof ticks)
      give_up("did not end within its time");
    if (!is_readable(process.get())) return;
    is_gone = true;
    siginfo_t info{};
    // Somebody else may have reaped it, who waits for any child.
    if (::waitid(P_PIDFD, static_cast<id_t>(process.get()), &info, WEXITED | WNOHANG) == 0 &&
        info.si_pid != 0)
      status = info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
    take_output();
  }

  [[nodiscard]] std::string end_words() const {
    if (!trouble.empty()) return trouble;
    if (!status || *status == 0) return "ended without a report";
    if (*status < 0) return "was killed by " + signal_name(-*status);
    return fmt::format("ended with exit code {}", *status);
  }
};

ValidationRunner::ValidationRunner(std::vector<std::string> worker, std::string scratch_root)
    : worker_(std::move(worker)),
      scratch_root_(std::move(scratch_root)),
      events_(::epoll_create1(EPOLL_CLOEXEC)),
      failed_event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!events_ || !failed_event_)
    throw std::system_error(errno, std::generic_category(), "watch the checks of results");
  std::error_code ignored;
  std::filesystem::remove_all(scratch_root_, ignored);
  epoll_event wanted{EPOLLIN, {}};
  ::epoll_ctl(events_.get(), EPOLL_CTL_ADD, failed_event_.get(), &wanted);
}

ValidationRunner::~ValidationRunner() {
  for (auto& [key, run] : running_) run->leash.reset();
  for (auto& [key, run] : running_) {
    pollfd wanted{run->process.get(), POLLIN, 0};
    if (::poll(&wanted, 1, static_cast<int>(limits::validation_end_wait.count())) != 1)
      (void)send_signal(run->process.get(), SIGKILL);
    run->look();
  }
  std::error_code ignored;
  std::filesystem::remove_all(scratch_root_, ignored);
}

std::string ValidationRunner::scratch_of(const AttemptKey& key) const {
  return fmt::format("{}/{}.{}", scratch_root_, key.job.value, key.attempt);
}

bool ValidationRunner::has(const AttemptKey& key) const {
  return running_.contains(key) ||
         std::ranges::any_of(waiting_, [&](const auto& run) { return run->key == key; }) ||
         std::ranges::any_of(failed_, [&](const Ended& ended) { return ended.key == key; });
}

Result<void> ValidationRunner::start(const AttemptKey& key, ValidationRequest request) {
  if (has(key)) return failed(ErrorCode::conflict, "the validation is under way");
  if (waiting_.size() == limits::validations_waiting_max)
    return failed(ErrorCode::busy, "too many validations wait");
  auto run = std::make_unique<Run>();
  run->key = key;
  run->request = std::move(request);
  waiting_.push_back(std::move(run));
  start_waiting();
  return {};
}

void ValidationRunner::stop(const AttemptKey& key) {
  std::erase_if(waiting_, [&](const auto& run) { return run->key == key; });
  std::erase_if(failed_, [&](const Ended& ended) { return ended.key == key; });
  const auto run = running_.find(key);
  if (run == running_.end()) return;
  run->second->is_wanted = false;
  run->second->give_up("was stopped");
}

void ValidationRunner::start_waiting() {
  while (!waiting_.empty() && running_.size() < limits::validations_at_once_max) {
    auto run = std::move(waiting_.front());
    waiting_.pop_front();
    const AttemptKey key = run->key;
    if (auto spawned = spawn(*run)) {
      running_.emplace(key, std::move(run));
      continue;
    } else {
      failed_.push_back({key, unknown_report(run->request.head, run->request.validation.checks,
                                             spawned.error().message)});
    }
    const std::uint64_t one = 1;
    (void)!::write(failed_event_.get(), &one, sizeof one);
  }
}

Result<void> ValidationRunner::spawn(Run& run) const {
  run.request.scratch = scratch_of(run.key);
  std::error_code error;
  std::filesystem::create_directories(run.request.scratch, error);
  // Without, what does not fit into memory can't be checked.
  if (error) run.request.scratch.clear();
  const std::string text = to_line(encode_json(run.request));
  if (text.size() > limits::validation_request_bytes_max)
    return failed(ErrorCode::too_large, "the request for the validation is too large");
  auto input = memory_file(text);
  if (!input) return std::unexpected(input.error());
  auto output = make_pipe();
  if (!output) return std::unexpected(output.error());
  auto leash = make_pipe();
  if (!leash) return std::unexpected(leash.error());
  const Fd null(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  run.timer.reset(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!null || !run.timer) return failed(OsError{errno, "make a timer"});
  SpawnPlan plan;
  plan.put(input->get(), 0);
  plan.put(output->write_end.get(), 1);
  plan.put(null.get(), 2);
  plan.put(leash->read_end.get(), leash_place);
  plan.close_from(leash_place + 1);
  const auto pid = plan.spawn(worker_);
  if (!pid) return std::unexpected(pid.error());
  if (on_started) on_started(*pid);
  run.process.reset(open_pidfd(*pid));
  if (!run.process) return failed(OsError{errno, "hold the validation"});
  run.output = std::move(output->read_end);
  ::fcntl(run.output.get(), F_SETFL, O_NONBLOCK);
  run.leash = std::move(leash->write_end);
  arm(run.timer.get(), run.request.validation.time_limit + limits::validation_end_wait);
  epoll_event wanted{EPOLLIN, {}};
  for (const int fd : {run.process.get(), run.output.get(), run.timer.get()})
    ::epoll_ctl(events_.get(), EPOLL_CTL_ADD, fd, &wanted);
  return {};
}

ValidationReport ValidationRunner::report_of(const Run& run) const {
  const auto& checks = run.request.validation.checks;
  const auto unknown = [&](std::string_view why) {
    return unknown_report(run.request.head, checks, "the validation " + std::string(why));
  };
  const bool is_ended_well = run.trouble.empty() && run.status.value_or(0) == 0;
  if (!is_ended_well || run.text.empty()) return unknown(run.end_words());
  const auto parsed = parse_json(run.text);
  auto report = parsed ? report_from_json(*parsed) : std::unexpected(parsed.error());
  if (!report || report->checks.size() != checks.size()) return unknown("told what makes no sense");
  // The verdict is ours, from what it says of each check.
  return make_report(run.request.head, std::move(report->checks));
}

std::vector<ValidationRunner::Ended> ValidationRunner::collect() {
  std::uint64_t count = 0;
  (void)!::read(failed_event_.get(), &count, sizeof count);
  std::vector<Ended> ended = std::exchange(failed_, {});
  for (auto run = running_.begin(); run != running_.end();) {
    run->second->look();
    if (!run->second->is_gone) {
      ++run;
      continue;
    }
    std::error_code ignored;
    std::filesystem::remove_all(scratch_of(run->first), ignored);
    if (run->second->is_wanted) ended.push_back({run->first, report_of(*run->second)});
    run = running_.erase(run);
  }
  start_waiting();
  return ended;
}

}  // namespace reeve
