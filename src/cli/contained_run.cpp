#include "cli/contained_run.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/memory_file.h"
#include "base/text.h"
#include "contain/enclosure.h"
#include "contain/memory.h"
#include "contain/process.h"
#include "core/job.h"
#include "core/limits.h"

namespace reeve::cli {
namespace {

// What a new process inherits from us, as the command is to have it; ours again at the end.
class Inheritance {
 public:
  Inheritance(const ContainedWish& wish, int input, int output)
      : directory_(::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC)), environment_(environ) {
    for (int fd = 0; fd < 3; ++fd)
      standard_[static_cast<std::size_t>(fd)].reset(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
    ::dup2(input, 0);
    ::dup2(output, 1);
    if (wish.keep == ContainedWish::Keep::last) ::dup2(output, 2);
    is_in_place_ = wish.directory.empty() || ::chdir(wish.directory.c_str()) == 0;
    if (!is_in_place_) failure_ = errno;
    if (wish.environment == nullptr) return;
    for (const std::string& variable : *wish.environment)
      variables_.push_back(const_cast<char*>(variable.c_str()));
    variables_.push_back(nullptr);
    environ = variables_.data();
  }
  Inheritance(const Inheritance&) = delete;
  Inheritance& operator=(const Inheritance&) = delete;
  ~Inheritance() {
    environ = environment_;
    for (int fd = 0; fd < 3; ++fd) {
      const int own = standard_[static_cast<std::size_t>(fd)].get();
      if (own >= 0)
        ::dup2(own, fd);
      else
        ::close(fd);
    }
    (void)!::fchdir(directory_.get());
  }
  // 0, or why the directory can't be entered.
  [[nodiscard]] int failure() const { return is_in_place_ ? 0 : failure_; }

 private:
  Fd directory_;
  std::array<Fd, 3> standard_;
  char** environment_;
  std::vector<char*> variables_;
  bool is_in_place_ = false;
  int failure_ = 0;
};

class ContainedRun {
 public:
  explicit ContainedRun(const ContainedWish& wish) : wish_(wish), enclosure_(make_cgroup()) {}

  Result<ContainedEnd> run() {
    if (auto started = start(); !started) return std::unexpected(started.error());
    while (!is_ended_) {
      std::array<pollfd, 3> wanted{{{enclosure_.reports(), POLLIN, 0},
                                    {output_.get(), POLLIN, 0},
                                    {is_ending_ ? -1 : wish_.stop, POLLIN, 0}}};
      const bool is_watched = wish_.memory > 0 && guardian_ > 0 && !is_ending_;
      (void)::poll(wanted.data(), wanted.size(),
                   is_watched ? static_cast<int>(limits::validation_memory_look.count()) : -1);
      if (wanted[1].revents != 0) take_output();
      if (wanted[2].revents != 0) {
        end_.is_stopped = true;
        end_all();
      }
      while (!is_ended_)
        if (const auto report = enclosure_.next_report())
          take(*report);
        else
          break;
      if (is_watched) look_at_memory();
    }
    take_output();
    return std::move(end_);
  }

 private:
  static EnclosureCgroup make_cgroup() {
    const char* unwanted = std::getenv("REEVE_NO_CGROUP");  // NOLINT(concurrency-mt-unsafe)
    if (unwanted != nullptr && *unwanted != '\0') return {};
    end_abandoned_enclosures();
    std::string ignored;
    return EnclosureCgroup::make(ignored);
  }

  Result<void> start() {
    auto input = memory_file(wish_.input);
    if (!input) return std::unexpected(input.error());
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return failed(OsError{errno, "make a pipe"});
    output_.reset(ends[0]);
    const Fd write_end(ends[1]);
    ::fcntl(output_.get(), F_SETFL, O_NONBLOCK);
    EnclosedCommand command;
    command.words = wish_.words;
    command.grace_ms = 0;
    command.time_limit_ms = std::max<std::int64_t>(wish_.time_limit.count(), 1);
    sigemptyset(&command.mask);
    const Inheritance inheritance(wish_, input->get(), write_end.get());
    if (inheritance.failure() != 0)
      return failed(OsError{inheritance.failure(), "enter the directory"});
    if (auto started = enclosure_.start(command); !started)
      return failed(to_error(started.error()), "contain " + printable(wish_.words.front()));
    return {};
  }

  void take(const Report& report) {
    if (report.kind == Report::Kind::started) guardian_ = report.guardian;
    if (report.kind != Report::Kind::ended) return;
    end_.report = report;
    is_ended_ = true;
  }

  void take_output() {
    std::array<char, 64 << 10> buffer{};
    while (true) {
      const ssize_t got = ::read(output_.get(), buffer.data(), buffer.size());
      if (got < 0 && errno == EINTR) continue;
      if (got == 0) output_.reset();  // nobody can write any more
      if (got <= 0) return;
      end_.output.append(buffer.data(), static_cast<std::size_t>(got));
      if (end_.output.size() <= wish_.output_max) continue;
      end_.is_output_cut = true;
      const std::size_t rest = end_.output.size() - wish_.output_max;
      if (wish_.keep == ContainedWish::Keep::last) {
        end_.output.erase(0, rest);
      } else {
        end_.output.resize(wish_.output_max);
        end_all();
      }
    }
  }

  void look_at_memory() {
    const std::vector<pid_t> members = descendants_of(guardian_);
    // What they share counts for each of them; only the slow look is exact.
    if (resident_bytes(members) <= wish_.memory || proportional_bytes(members) <= wish_.memory)
      return;
    end_.is_over_memory = true;
    end_all();
  }

  void end_all() {
    if (is_ending_) return;
    is_ending_ = true;
    enclosure_.end(SIGKILL);
  }

  const ContainedWish& wish_;
  Enclosure enclosure_;
  Fd output_;
  ContainedEnd end_;
  pid_t guardian_ = 0;
  bool is_ending_ = false;
  bool is_ended_ = false;
};

}  // namespace

Result<ContainedEnd> run_contained(const ContainedWish& wish) {
  return ContainedRun(wish).run();
}

std::string failure_of(const ContainedEnd& end, const ContainedWish& wish) {
  const Report& report = end.report;
  if (end.is_stopped) return "was stopped";
  if (report.launch != Report::Launch::executed)
    return fmt::format("could not be started ({})", errno_name(report.launch_errno));
  if (report.is_guardian_dead) return "ended, and nobody knows how";
  if (report.is_over_time) return "took longer than " + to_text(wish.time_limit);
  if (end.is_over_memory) return fmt::format("took more than {} of memory", size_text(wish.memory));
  if (end.is_output_cut && wish.keep == ContainedWish::Keep::first) return "wrote too much";
  if (WIFSIGNALED(report.wait_status))
    return fmt::format("was killed by {}", signal_name(WTERMSIG(report.wait_status)));
  if (WEXITSTATUS(report.wait_status) != 0)
    return fmt::format("ended with exit code {}", WEXITSTATUS(report.wait_status));
  return "";
}

}  // namespace reeve::cli
