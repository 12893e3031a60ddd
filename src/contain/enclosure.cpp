#include "contain/enclosure.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "contain/containment.h"
#include "contain/guardian.h"
#include "contain/marked.h"
#include "contain/process.h"

namespace reeve {
namespace {

constexpr const char* mark_name = "REEVE_CONTAIN";

// Unique on this machine until it is booted again.
std::string own_mark() {
  const auto stat = read_stat(getpid());
  return std::to_string(getpid()) + "." + std::to_string(stat ? stat->start_ticks : 0);
}

struct Pipe {
  Fd read_end;
  Fd write_end;
};

OsResult<Pipe> make_pipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return os_failed("make a pipe");
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

void wait_readable(int fd) {
  pollfd wanted{fd, POLLIN, 0};
  while (poll(&wanted, 1, -1) < 0 && errno == EINTR) {
  }
}

}  // namespace

OsResult<void> Enclosure::start(const EnclosedCommand& command) {
  auto wishes = make_pipe();
  if (!wishes) return std::unexpected(wishes.error());
  auto reports = make_pipe();
  if (!reports) return std::unexpected(reports.error());
  const Fd front(open_pidfd(getpid()));
  if (!front) return os_failed("open a pidfd");
  std::vector<char*> words;
  for (const std::string& word : command.words) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  const std::string mark = own_mark();
  mark_ = std::string(mark_name) + "=" + mark;
  setenv(mark_name, mark.c_str(), 1);
  EnclosureOrder order;
  order.words = words.data();
  order.grace_ms = command.grace_ms;
  order.time_limit_ms = command.time_limit_ms;
  order.cgroup = &cgroup_;
  order.group = getpgrp();
  order.mask = command.mask;
  order.ignores_pipe = command.ignores_pipe;
  order.front = front.get();
  order.wishes = wishes->read_end.get();
  order.reports = reports->write_end.get();
  // A signal must not end a helper before it has taken its place.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, &before);
  backup_ = fork();
  if (backup_ == 0) {
    // Else the guardian would hold open what tells it of the front's death.
    wishes->write_end.reset();
    reports->read_end.reset();
    run_backup_guardian(order);
  }
  const int failure = errno;
  sigprocmask(SIG_SETMASK, &before, nullptr);
  if (backup_ < 0) {
    backup_ = 0;
    return os_failed("start a guardian", failure);
  }
  wishes_ = std::move(wishes->write_end);
  reports_ = std::move(reports->read_end);
  return {};
}

std::optional<Report> Enclosure::next_report() {
  Report report;
  ssize_t got = 0;
  while ((got = read(reports_.get(), &report, sizeof report)) < 0 && errno == EINTR) {
  }
  if (got == 0) return conclude();
  if (got != sizeof report) return std::nullopt;
  if (report.kind == Report::Kind::started) guardian_.reset(open_pidfd(report.guardian));
  if (report.kind != Report::Kind::ended) return report;
  if (!end_) end_ = report;
  // It is passed on when both guardians have gone as well.
  return next_report();
}

// Both guardians have closed their end.
Report Enclosure::conclude() {
  while (backup_ != 0 && waitpid(backup_, nullptr, 0) < 0 && errno == EINTR) {
  }
  backup_ = 0;
  // The child of somebody else, when the backup was killed.
  if (guardian_) wait_readable(guardian_.get());
  if (!end_) end_what_no_guardian_ended();
  cgroup_.remove();
  return *end_;
}

void Enclosure::end_what_no_guardian_ended() {
  Containment containment(cgroup_.directory(), false);
  while (true) {
    const bool was_empty = containment.is_empty();
    if (!was_empty) containment.kill_round();
    // Twice nothing: one that forks and exits for ever may hide from a single look.
    if (kill_marked(mark_) == 0 && was_empty && find_marked(mark_).empty()) break;
    poll(nullptr, 0, 1);
  }
  end_.emplace();
  end_->is_guardian_dead = true;
}

void Enclosure::send(const Wish& wish) const {
  (void)!write(wishes_.get(), &wish, sizeof wish);  // nobody there: it has ended
}

std::vector<int> Enclosure::descriptors() const {
  return {cgroup_.directory(), wishes_.get(), reports_.get(), guardian_.get()};
}

Enclosure::~Enclosure() {
  wishes_.reset();
  while (backup_ != 0) {
    const auto report = next_report();
    if (!report) wait_readable(reports_.get());
  }
  cgroup_.remove();
}

}  // namespace reeve
