#include "cli/follow.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <optional>
#include <utility>

#include "api/log_reader.h"
#include "base/fd.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/terminal.h"

namespace reeve::cli {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds second_interrupt{2};

bool has_ended(const json::object& job) {
  return !job.at("ended_at").is_null();
}

class Follower {
 public:
  Follower(Client client, const FollowOptions& options)
      : client_(std::move(client)),
        options_(options),
        is_terminal_(is_terminal(1) && !options.raw),
        inotify_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
    sigset_t wanted;
    sigemptyset(&wanted);
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&wanted, number);
    sigprocmask(SIG_BLOCK, &wanted, nullptr);
    signals_.reset(::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
  }

  int run() {
    json::object job;
    std::string seen;  // empty: any state is news
    while (true) {
      auto answer = await(seen);
      if (!answer) {
        if (detached_) return exit_codes::detached;
        return fail(answer.error());
      }
      job = std::move(*answer);
      seen = text_of(job, "state");
      open_log(job);
      show_output();
      if (has_ended(job)) break;
      tell_waiting(job);
    }
    if (is_terminal_) (void)print(filter_.finish());
    tell_end(job, false);
    return static_cast<int>(number_of(job, "process_exit_code"));
  }

 private:
  // Waits until the job's state is another than `seen`, and shows its output meanwhile.
  Result<json::object> await(const std::string& seen) {
    while (true) {
      auto sent = client_.send("watchJob", {{"id", options_.job}, {"seen", seen}});
      Result<json::object> reply = sent ? wait_for_reply() : std::unexpected(sent.error());
      if (reply) return reply->at("jobs").as_array().at(0).as_object();
      if (detached_ || reply.error().code != ErrorCode::unreachable)
        return std::unexpected(reply.error());
      // A daemon that was stopped says so; one that says nothing has crashed, and the job has not.
      if (reply.error().message.find("stopping") != std::string::npos)
        return failed(ErrorCode::unreachable,
                      fmt::format("the daemon was stopped; job {} goes on (reeve follow {})",
                                  options_.job, options_.job));
      auto again = connect(IfDown::start);
      if (!again) return std::unexpected(again.error());
      client_ = std::move(*again);
    }
  }

  Result<json::object> wait_for_reply() {
    while (true) {
      std::array<pollfd, 3> wanted{{{client_.descriptor(), POLLIN, 0},
                                    {signals_.get(), POLLIN, 0},
                                    {inotify_.get(), POLLIN, 0}}};
      const int ready = ::poll(wanted.data(), wanted.size(), wait_ms());
      if (ready < 0 && errno != EINTR) return failed(OsError{errno, "wait for the job"});
      if (wanted[2].revents != 0) drain_inotify();
      show_output();
      if (wanted[1].revents != 0) take_signals();
      if (interrupted_at_ && Clock::now() - *interrupted_at_ >= second_interrupt) detach();
      if (detached_) return failed(ErrorCode::unreachable, "detached");
      if (wanted[0].revents != 0) return client_.receive();
    }
  }

  [[nodiscard]] int wait_ms() const {
    if (!interrupted_at_) return -1;
    const auto left = second_interrupt - (Clock::now() - *interrupted_at_);
    return static_cast<int>(
               std::max<std::int64_t>(0, std::chrono::duration_cast<Duration>(left).count())) +
           1;
  }

  void drain_inotify() {
    std::array<char, 4096> events{};
    while (::read(inotify_.get(), events.data(), events.size()) > 0) {
    }
  }

  void take_signals() {
    signalfd_siginfo info{};
    while (::read(signals_.get(), &info, sizeof info) == sizeof info) {
      const bool may_cancel =
          options_.on_interrupt == OnInterrupt::offer_cancel && info.ssi_signo == SIGINT;
      if (!may_cancel) return detach();
      if (is_cancelling_) continue;
      if (interrupted_at_) {
        interrupted_at_.reset();
        cancel();
      } else {
        interrupted_at_ = Clock::now();
        say(
            fmt::format("press Ctrl-C again within 2 s to cancel job {}; otherwise it goes on "
                        "without this terminal",
                        options_.job));
      }
    }
  }

  // On a connection of its own: this one waits for the job.
  void cancel() {
    is_cancelling_ = true;
    say(fmt::format("cancelling job {} …", options_.job));
    auto other = connect(IfDown::start);
    if (!other) {
      say(other.error().message);
      return;
    }
    const auto reply = other->call("cancelJobs", {{"ids", json::array{options_.job}}});
    if (!reply) say(reply.error().message);
  }

  void detach() {
    interrupted_at_.reset();
    detached_ = true;
    say(fmt::format("detached; job {} goes on (reeve follow {}, reeve cancel {})", options_.job,
                    options_.job, options_.job));
  }

  void open_log(const json::object& job) {
    const std::string path = text_of(job, "log_path");
    if (path.empty() || path == log_path_) return;
    show_output();  // what an earlier attempt wrote last
    if (!log_path_.empty())
      say(fmt::format("attempt {} of job {}", number_of(job, "attempt"), options_.job));
    log_path_ = path;
    reader_.reset();
    // The file is made with the first output: until then its directory is watched.
    watch(path.substr(0, path.rfind('/')), IN_CREATE);
    try_open();
  }

  void try_open() {
    if (reader_ || log_path_.empty()) return;
    auto opened = LogReader::open(log_path_);
    if (!opened) return;
    reader_ = std::move(*opened);
    watch(log_path_, IN_MODIFY);
  }

  void watch(const std::string& path, std::uint32_t events) {
    if (watch_ >= 0) ::inotify_rm_watch(inotify_.get(), watch_);
    watch_ = ::inotify_add_watch(inotify_.get(), path.c_str(), events);
  }

  void show_output() {
    try_open();
    while (reader_ && !is_stdout_closed_) {
      const std::string data = reader_->read();
      if (data.empty()) return;
      if (!print(is_terminal_ ? filter_.filter(data) : data)) is_stdout_closed_ = true;
    }
  }

  void tell_waiting(const json::object& job) {
    if (std::exchange(told_waiting_, true) || !is_terminal(2)) return;
    const std::string state = text_of(job, "state");
    if (state == "queued" || state == "held")
      say(fmt::format("job {} is {}; it can go on without this terminal", options_.job, state));
  }

  Client client_;
  FollowOptions options_;
  bool is_terminal_;
  Fd inotify_;
  Fd signals_;
  int watch_ = -1;
  std::string log_path_;
  std::optional<LogReader> reader_;
  TerminalFilter filter_;
  std::optional<Clock::time_point> interrupted_at_;
  bool is_cancelling_ = false;
  bool detached_ = false;
  bool is_stdout_closed_ = false;
  bool told_waiting_ = false;
};

}  // namespace

void tell_end(const json::object& job, bool always) {
  const std::string state = text_of(job, "state");
  const std::int64_t leftovers = number_of(job, "leftovers");
  const std::int64_t id = number_of(job, "id");
  const std::string error = text_of(job, "error");
  if (state != "completed" || always)
    say(fmt::format("job {} {}{}{}", id, state, error.empty() ? "" : ": ", printable(error)));
  if (leftovers > 0)
    say(fmt::format("job {} left {} process{} behind; {} ended", id, leftovers,
                    leftovers == 1 ? "" : "es", leftovers == 1 ? "it was" : "they were"));
  const std::string verdict = text_of(job, "validation");
  if (state == "completed" && (verdict == "inconclusive" || verdict == "invalid"))
    say(fmt::format("results of job {} are {}: {}", id, verdict,
                    printable(text_of(job, "validation_words"))));
  const json::array& gap = job.at("log_gap").as_array();
  if (state == "completed" && gap.at(1).to_number<std::int64_t>() > 0)
    say(fmt::format(
        "job {}: the cap of its log dropped {} of it, where errors may have been missed", id,
        size_text(gap.at(1).to_number<std::int64_t>() - gap.at(0).to_number<std::int64_t>())));
  if (const std::string results = text_of(job, "results_dir"); !results.empty())
    say(fmt::format("results of job {}: {}", id, printable(results)));
}

int follow(Client client, const FollowOptions& options) {
  return Follower(std::move(client), options).run();
}

}  // namespace reeve::cli
