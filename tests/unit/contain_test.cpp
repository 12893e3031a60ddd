// Real processes: who belongs to a tree, and ending all of it and nobody else.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "base/fd.h"
#include "contain/birth.h"
#include "contain/containment.h"
#include "contain/process.h"
#include "support.h"

namespace reeve::test {
namespace {

// A process that does nothing until it gets a signal; it goes when its parent does.
pid_t spawn_idle(const std::function<void()>& first = [] {}) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::alarm(20);
  first();
  while (true) ::pause();
}

void end(pid_t pid) {
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
}

bool contains(const std::vector<pid_t>& pids, pid_t pid) {
  return std::ranges::find(pids, pid) != pids.end();
}

TEST(Process, StatOfThisProcessIsTrue) {
  const auto stat = read_stat(::getpid());
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat->parent, ::getppid());
  EXPECT_EQ(stat->state, 'R');
  EXPECT_GE(stat->threads, 1);
  EXPECT_GT(stat->start_ticks, 0U);
  EXPECT_GT(stat->resident_pages, 100);
  EXPECT_TRUE(is_alive(*stat));
}

TEST(Process, NameMayHoldAnyCharacter) {
  const int status = status_of_child([] {
    ::prctl(PR_SET_NAME, ") Z 1 (((");
    const auto stat = read_stat(::getpid());
    return stat && stat->state == 'R' && stat->parent == ::getppid() ? 0 : 1;
  });
  EXPECT_EQ(status, 0);
}

TEST(Process, ProcessThatIsGoneHasNoStat) {
  const pid_t child = spawn_idle();
  EXPECT_TRUE(read_stat(child));
  end(child);
  EXPECT_FALSE(read_stat(child));
}

TEST(Process, ZombieIsNotAlive) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  const auto stat = read_stat(child);
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat->state, 'Z');
  EXPECT_FALSE(is_alive(*stat));
  EXPECT_TRUE(contains(children_of(::getpid()), child)) << "children include zombies";
  EXPECT_FALSE(contains(descendants_of(::getpid()), child)) << "descendants do not";
  ::waitpid(child, nullptr, 0);
}

TEST(Process, ManyChildrenAreAllFound) {
  const int status = status_of_child([] {
    std::vector<pid_t> spawned;
    // More than fit into one read of the kernel's list. Not forked: that copies too much.
    char program[] = "sleep";
    char seconds[] = "20";
    char* words[] = {program, seconds, nullptr};
    for (int i = 0; i < 800; ++i) {
      pid_t pid = 0;
      if (::posix_spawnp(&pid, program, nullptr, nullptr, words, ::environ) != 0) return 2;
      spawned.push_back(pid);
    }
    auto found = children_of(::getpid());
    std::ranges::sort(found);
    std::ranges::sort(spawned);
    const bool are_equal = found == spawned;
    for (const pid_t pid : spawned) end(pid);
    return are_equal ? 0 : 1;
  });
  EXPECT_EQ(status, 0);
}

TEST(Process, SignalThroughAPidfdReachesTheProcessAndNothingAfterItsEnd) {
  const pid_t child = spawn_idle();
  const Fd pidfd(open_pidfd(child));
  ASSERT_TRUE(pidfd);
  EXPECT_TRUE(send_signal(pidfd.get(), SIGKILL));
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WTERMSIG(status), SIGKILL);
  EXPECT_FALSE(send_signal(pidfd.get(), SIGKILL));
}

TEST(Process, SmallFileIsReadUpToTheBuffer) {
  const TemporaryFolder folder;
  write_file(folder.file("x"), "0123456789");
  char buffer[5];
  EXPECT_EQ(read_small_file(folder.file("x").c_str(), buffer, sizeof buffer), 4);
  EXPECT_STREQ(buffer, "0123");
  EXPECT_EQ(read_small_file(folder.file("y").c_str(), buffer, sizeof buffer), -1);
}

// Runs in a process of its own, the subreaper of a small tree:
//
//   here ── obedient ── grandchild
//        ── deaf (ignores SIGTERM)
//        ── orphan (its parent has ended)
struct Tree {
  pid_t obedient = 0, grandchild = 0, deaf = 0, orphan = 0;

  Tree() {
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    int told[2] = {-1, -1};
    if (::pipe2(told, O_CLOEXEC) != 0) return;
    const auto tell = [&](pid_t pid) { (void)!::write(told[1], &pid, sizeof pid); };
    const auto hear = [&] {
      pid_t pid = 0;
      (void)!::read(told[0], &pid, sizeof pid);
      return pid;
    };
    obedient = spawn_idle([&] { tell(spawn_idle()); });
    grandchild = hear();
    deaf = spawn_idle([&] {
      ::signal(SIGTERM, SIG_IGN);
      tell(::getpid());
    });
    (void)hear();
    const pid_t parent = ::fork();
    if (parent == 0) {
      tell(spawn_idle());
      ::_exit(0);
    }
    orphan = hear();
    ::waitpid(parent, nullptr, 0);
    ::close(told[0]);
    ::close(told[1]);
  }
  [[nodiscard]] std::vector<pid_t> sorted() const {
    std::vector<pid_t> all{obedient, grandchild, deaf, orphan};
    std::ranges::sort(all);
    return all;
  }
};

TEST(Containment, MembersAreTheWholeTreeOrphansIncluded) {
  EXPECT_EQ(status_of_child([] {
              const Tree tree;
              Containment containment(-1, true);
              const bool is_right =
                  containment.members() == tree.sorted() && !containment.is_empty();
              while (!containment.is_empty()) {
                containment.kill_round();
                ::waitpid(-1, nullptr, 0);
              }
              return is_right && containment.members().empty() ? 0 : 1;
            }),
            0);
}

TEST(Containment, SignalReachesEveryMemberAndIsCounted) {
  EXPECT_EQ(status_of_child([] {
              const Tree tree;
              Containment containment(-1, true);
              if (containment.signal_all(SIGTERM) != 4) return 1;
              // The grandchild becomes ours once its parent has gone.
              for (int ended = 0; ended < 3; ++ended) {
                int status = 0;
                if (::waitpid(-1, &status, 0) == tree.deaf || WTERMSIG(status) != SIGTERM) return 2;
              }
              if (containment.members() != std::vector<pid_t>{tree.deaf}) return 3;
              containment.kill_round();
              if (::waitpid(-1, nullptr, 0) != tree.deaf) return 4;
              return containment.is_empty() && containment.signal_all(SIGTERM) == 0 ? 0 : 5;
            }),
            0);
}

TEST(Containment, StrangersAreNeitherMembersNorTouched) {
  const pid_t stranger = spawn_idle();
  EXPECT_EQ(status_of_child([&] {
              const Tree tree;
              Containment containment(-1, true);
              if (contains(containment.members(), stranger)) return 1;
              if (contains(containment.members(), ::getpid())) return 2;
              containment.signal_all(SIGTERM);
              while (!containment.is_empty()) {
                containment.kill_round();
                ::waitpid(-1, nullptr, 0);
              }
              return 0;
            }),
            0);
  const auto stat = read_stat(stranger);
  ASSERT_TRUE(stat);
  EXPECT_TRUE(is_alive(*stat));
  end(stranger);
}

// Bash and dash, Python and others start programs by vfork: the parent sleeps, unstoppable, until
// its child has executed one, and that may be stopped before.
TEST(Containment, ParentThatWaitsForAStoppedVforkChildIsFrozen) {
  const int status = status_of_child([] {
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    const pid_t parent = spawn_idle([] {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      clone_args arguments = vfork_arguments(-1);
      if (reeve_clone3(&arguments, sizeof arguments) != 0) return;
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      while (true) ::pause();
    });
    const Containment tree(-1, true);
    while (tree.members().size() < 2) {
    }
    if (tree.is_frozen()) return 1;
    do {
      tree.freeze_round(true);
    } while (!tree.is_frozen());
    const auto stat = read_stat(parent);
    if (!stat || stat->state != 'D') return 2;
    for (const pid_t pid : tree.members()) ::kill(pid, SIGKILL);
    return 0;
  });
  EXPECT_EQ(status, 0);
}

TEST(Containment, NothingIsEmpty) {
  EXPECT_EQ(status_of_child([] {
              Containment containment(-1, true);
              containment.kill_round();
              return containment.is_empty() && !containment.is_cgroup_spent() ? 0 : 1;
            }),
            0);
}

TEST(Containment, UnreapedChildStillCounts) {
  EXPECT_EQ(status_of_child([] {
              const pid_t child = ::fork();
              if (child == 0) ::_exit(0);
              siginfo_t info{};
              ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT);
              const Containment containment(-1, true);
              if (containment.is_empty() || !containment.members().empty()) return 1;
              ::waitpid(child, nullptr, 0);
              return containment.is_empty() ? 0 : 2;
            }),
            0);
}

}  // namespace
}  // namespace reeve::test
