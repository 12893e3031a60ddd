// A command that is tied to an object, with real processes.

#include "contain/enclosure.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "contain/descriptors.h"
#include "contain/process.h"
#include "support.h"

namespace reeve::test {
namespace {

EnclosedCommand shell(const std::string& script) {
  EnclosedCommand command;
  command.words = {"sh", "-c", script};
  command.grace_ms = 100;
  sigemptyset(&command.mask);
  return command;
}

Report await_report(Enclosure& enclosure) {
  while (true) {
    if (const auto report = enclosure.next_report()) return *report;
    pollfd wanted{enclosure.reports(), POLLIN, 0};
    ::poll(&wanted, 1, -1);
  }
}

Report run(const EnclosedCommand& command) {
  Enclosure enclosure{EnclosureCgroup{}};
  if (!enclosure.start(command)) return {};
  while (true)
    if (const Report report = await_report(enclosure); report.kind == Report::Kind::ended)
      return report;
}

bool is_gone(pid_t pid) {
  const auto stat = read_stat(pid);
  return !stat || !is_alive(*stat);
}

int code_of_child(const std::function<int()>& body) {
  const int status = status_of_child(body);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(Enclosure, EndOfTheCommandIsReported) {
  EXPECT_EQ(code_of_child([] {
              const Report end = run(shell("exit 5"));
              return WIFEXITED(end.wait_status) ? WEXITSTATUS(end.wait_status) : 99;
            }),
            5);
}

TEST(Enclosure, WhatCanNotBeExecutedIsReportedWithItsErrno) {
  EXPECT_EQ(code_of_child([] {
              EnclosedCommand command = shell("");
              command.words = {"/no/such/program"};
              const Report end = run(command);
              return end.launch == Report::Launch::not_executable ? end.launch_errno : 99;
            }),
            ENOENT);
}

TEST(Enclosure, LeftoversAreCountedAndEnded) {
  EXPECT_EQ(code_of_child([] { return run(shell("sleep 20 & sleep 20 & exit 0")).leftovers; }), 2);
}

TEST(Enclosure, TimeLimitIsReported) {
  EXPECT_EQ(code_of_child([] {
              EnclosedCommand command = shell("sleep 20");
              command.time_limit_ms = 50;
              const Report end = run(command);
              return end.is_over_time && WTERMSIG(end.wait_status) == SIGTERM ? 0 : 1;
            }),
            0);
}

TEST(Enclosure, ObjectThatGoesTakesTheCommandWithIt) {
  EXPECT_EQ(code_of_child([] {
              pid_t command = 0;
              pid_t guardian = 0;
              {
                Enclosure enclosure{EnclosureCgroup{}};
                if (!enclosure.start(shell("trap '' TERM HUP INT; sleep 20; sleep 20"))) return 1;
                const Report report = await_report(enclosure);
                if (report.kind != Report::Kind::started) return 2;
                command = report.pid;
                guardian = report.guardian;
                if (is_gone(command)) return 3;
              }
              return is_gone(command) && is_gone(guardian) ? 0 : 4;
            }),
            0);
}

TEST(Enclosure, HolderThatDiesTakesTheCommandWithIt) {
  int ends[2] = {-1, -1};
  ASSERT_EQ(::pipe2(ends, 0), 0);
  const Fd alive(ends[0]);
  Fd write_end(ends[1]);
  EXPECT_EQ(code_of_child([] {
              static Enclosure enclosure{EnclosureCgroup{}};
              if (!enclosure.start(shell("setsid sleep 20 & sleep 20"))) return 1;
              (void)await_report(enclosure);
              ::_exit(7);  // no destructor runs
            }),
            7);
  // What is left holds the pipe open, which both guardians have closed.
  write_end.reset();
  char byte = 0;
  EXPECT_EQ(::read(alive.get(), &byte, 1), 0);
}

TEST(Descriptors, OnlyTheKeptStayOpen) {
  EXPECT_EQ(code_of_child([] {
              const int kept = ::fcntl(2, F_DUPFD, 20);
              const int closed = ::fcntl(2, F_DUPFD, 10);
              const int above = ::fcntl(2, F_DUPFD, 30);
              keep_only({kept, 2});
              const auto is_open = [](int fd) { return ::fcntl(fd, F_GETFD) >= 0; };
              if (!is_open(kept) || !is_open(2) || is_open(closed) || is_open(above)) return 1;
              char byte = 0;
              return ::read(0, &byte, 1) == 0 && ::write(1, &byte, 1) == 1 ? 0 : 2;
            }),
            0);
}

}  // namespace
}  // namespace reeve::test
