// What processes use: of real ones, and of cgroups with and without controllers.

#include "core/usage.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <functional>

#include "contain/birth.h"
#include "contain/cgroup_probe.h"
#include "support.h"
#include "watch/usage_sampler.h"

namespace reeve::test {
namespace {

using std::chrono::seconds;
using watch::KeptFiles;
using watch::UsageSampler;

constexpr std::int64_t mebibyte = 1 << 20;

// A process that tells when it has done something, and does more when it is told.
class Worker {
 public:
  explicit Worker(const std::function<void()>& first, const std::function<void()>& second = {},
                  int cgroup = -1) {
    int told[2];
    int asked[2];
    EXPECT_EQ(::pipe2(told, O_CLOEXEC), 0);
    EXPECT_EQ(::pipe2(asked, O_CLOEXEC), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::alarm(30);
      char byte = 0;
      if (cgroup >= 0) (void)!::read(asked[0], &byte, 1);
      first();
      (void)!::write(told[1], "x", 1);
      (void)!::read(asked[0], &byte, 1);
      if (second) second();
      (void)!::write(told[1], "x", 1);
      while (true) ::pause();
    }
    told_.reset(told[0]);
    asked_.reset(asked[1]);
    ::close(told[1]);
    ::close(asked[0]);
    if (cgroup >= 0) {
      const Fd procs(::openat(cgroup, "cgroup.procs", O_WRONLY | O_CLOEXEC));
      const std::string text = std::to_string(pid_);
      EXPECT_GT(::write(procs.get(), text.data(), text.size()), 0);
      (void)!::write(asked_.get(), "x", 1);
    }
    wait_for_it();
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  void go_on() {
    (void)!::write(asked_.get(), "x", 1);
    wait_for_it();
  }
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  void wait_for_it() {
    char byte = 0;
    EXPECT_EQ(::read(told_.get(), &byte, 1), 1);
  }
  pid_t pid_ = -1;
  Fd told_;
  Fd asked_;
};

void spin(std::int64_t ms) {
  timespec now{};
  do {
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  } while (now.tv_sec * 1000 + now.tv_nsec / 1'000'000 < ms);
}

void hold_memory(std::int64_t bytes) {
  void* memory = ::mmap(nullptr, static_cast<std::size_t>(bytes), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  std::memset(memory, 1, static_cast<std::size_t>(bytes));
}

TEST(UsageSampler, SeesCpuMemoryAndProcessesBelowTheKeeper) {
  KeptFiles files(64);
  const Worker keeper([] {
    if (::fork() == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::alarm(30);
      while (true) ::pause();
    }
    if (::fork() == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::alarm(30);
      while (true) ::pause();
    }
  });
  UsageSampler sampler({}, keeper.pid(), files);
  const auto usage = sampler.sample();
  ASSERT_TRUE(usage);
  EXPECT_EQ(usage->processes, 2);
  EXPECT_EQ(usage->threads, 2);
  EXPECT_GT(usage->memory_bytes, 0);
}

TEST(UsageSampler, CountsWhatEndedAndWasWaitedFor) {
  KeptFiles files(64);
  // The worker stands for a keeper: it starts a shell-like child that starts short-lived ones.
  Worker keeper(
      [] {
        if (::fork() == 0) {
          ::prctl(PR_SET_PDEATHSIG, SIGKILL);
          ::alarm(30);
          while (true) ::pause();
        }
      },
      [] {
        for (int i = 0; i < 2; ++i) {
          const pid_t child = ::fork();
          if (child == 0) {
            spin(150);
            ::_exit(0);
          }
          ::waitpid(child, nullptr, 0);
        }
      });
  UsageSampler sampler({}, keeper.pid(), files);
  const auto before = sampler.sample();
  keeper.go_on();
  const auto after = sampler.sample();
  ASSERT_TRUE(before);
  ASSERT_TRUE(after);
  EXPECT_GE(after->cpu_us - before->cpu_us, 250'000);
  EXPECT_LE(after->cpu_us - before->cpu_us, 600'000);
  EXPECT_EQ(after->processes, 1) << "they are gone";
}

TEST(UsageSampler, NothingIsToldOfNobody) {
  KeptFiles files(64);
  EXPECT_FALSE(UsageSampler({}, 0, files).sample());
  const Worker keeper([] {});
  EXPECT_FALSE(UsageSampler({}, keeper.pid(), files).sample()) << "it has no children";
}

TEST(UsageSampler, KeepsNoMoreFilesOpenThanItMay) {
  KeptFiles files(1);
  {
    const Worker keeper([] {
      for (int i = 0; i < 3; ++i)
        if (::fork() == 0) {
          ::prctl(PR_SET_PDEATHSIG, SIGKILL);
          ::alarm(30);
          while (true) ::pause();
        }
    });
    UsageSampler sampler({}, keeper.pid(), files);
    EXPECT_EQ(sampler.sample()->processes, 3);
    EXPECT_EQ(files.left(), 0);
    EXPECT_EQ(sampler.sample()->threads, 3) << "without an open file it is opened for the look";
  }
  EXPECT_EQ(files.left(), 1);
}

TEST(KeptFile, ReadsAsGoneWhenItsProcessIs) {
  KeptFiles files(8);
  pid_t pid = 0;
  std::optional<watch::KeptFile> file;
  {
    const Worker worker([] {});
    pid = worker.pid();
    file.emplace(AT_FDCWD, fmt::format("/proc/{}/stat", pid), files);
    EXPECT_TRUE(file->read().starts_with(std::to_string(pid)));
    EXPECT_EQ(files.left(), 7);
  }
  EXPECT_TRUE(file->read().empty());
  file.reset();
  EXPECT_EQ(files.left(), 8);
}

// A cgroup as the kernel shows it with all controllers, made of plain files.
class PaperCgroup {
 public:
  PaperCgroup() {
    write("cpu.stat", "usage_usec 5000000\nuser_usec 4000000\nsystem_usec 1000000\n");
    write("cgroup.procs", fmt::format("{}\n0\n", ::getpid()));
  }
  void add_controllers() const {
    write("memory.current", "104857600\n");
    write("memory.stat", "anon 1048576\ninactive_anon 5\ninactive_file 94371840\n");
    write("pids.current", "7\n");
    write("io.stat", "8:0 rbytes=1000 wbytes=2000 rios=1 wios=1\n8:16 rbytes=1 wbytes=2 rios=1\n");
  }
  void write(const std::string& name, std::string_view text) const {
    write_file(folder_.file(name), text);
  }
  [[nodiscard]] Fd open() const {
    return Fd(::open(folder_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }

 private:
  TemporaryFolder folder_;
};

TEST(UsageSampler, TakesAllFromTheControllersOfACgroup) {
  const PaperCgroup cgroup;
  cgroup.add_controllers();
  KeptFiles files(64);
  UsageSampler sampler(cgroup.open(), 0, files);
  cgroup.write("cpu.stat", "usage_usec 5250000\n");
  cgroup.write("io.stat", "8:0 rbytes=5000 wbytes=2000 rios=1 wios=1\n8:16 rbytes=1 wbytes=12\n");
  const auto usage = sampler.sample();
  ASSERT_TRUE(usage);
  EXPECT_EQ(usage->cpu_us, 250'000) << "an earlier job's is not counted";
  EXPECT_EQ(usage->read_bytes, 4000);
  EXPECT_EQ(usage->written_bytes, 10);
  EXPECT_EQ(usage->memory_bytes, 10'485'760) << "without what can be dropped";
  EXPECT_EQ(usage->threads, 7);
  EXPECT_EQ(usage->processes, 1);
}

TEST(UsageSampler, LooksAtTheProcessesWhereACgroupHasNoControllers) {
  const PaperCgroup cgroup;
  KeptFiles files(64);
  UsageSampler sampler(cgroup.open(), 0, files);
  const auto usage = sampler.sample();
  ASSERT_TRUE(usage);
  EXPECT_EQ(usage->processes, 1);
  EXPECT_GE(usage->threads, 1);
  EXPECT_GT(usage->memory_bytes, mebibyte);
}

TEST(UsageSampler, TotalsNeverFall) {
  const PaperCgroup cgroup;
  cgroup.add_controllers();
  KeptFiles files(64);
  UsageSampler sampler(cgroup.open(), 0, files);
  cgroup.write("cpu.stat", "usage_usec 6000000\n");
  EXPECT_EQ(sampler.sample()->cpu_us, 1'000'000);
  cgroup.write("cpu.stat", "");
  EXPECT_EQ(sampler.sample()->cpu_us, 1'000'000);
}

// A cgroup of this machine, or none where it has no writable tree.
class RealCgroup {
 public:
  RealCgroup() {
    const auto mount = cgroup_mount_point();
    const auto own = own_cgroup();
    if (!mount || !own) return;
    path_ = fmt::format("{}{}/reeve-unit-{}", *mount, *own, ::getpid());
    if (::mkdir(path_.c_str(), 0755) != 0) path_.clear();
  }
  RealCgroup(const RealCgroup&) = delete;
  RealCgroup& operator=(const RealCgroup&) = delete;
  ~RealCgroup() {
    if (!path_.empty()) ::rmdir(path_.c_str());
  }
  [[nodiscard]] Fd open() const {
    return Fd(path_.empty() ? -1 : ::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }

 private:
  std::string path_;
};

TEST(UsageSampler, SeesAllOfARealCgroup) {
  const RealCgroup cgroup;
  const Fd directory = cgroup.open();
  if (!directory) GTEST_SKIP() << "no cgroup can be made here";
  KeptFiles files(64);
  const TemporaryFolder folder;
  UsageSampler sampler(cgroup.open(), ::getpid(), files);
  Worker worker(
      [] {},
      [&] {
        spin(200);
        hold_memory(64 * mebibyte);
        const std::string text(4 * mebibyte, 'x');
        const Fd file(::open(folder.file("out").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        (void)!::write(file.get(), text.data(), text.size());
      },
      directory.get());
  const auto before = sampler.sample();
  ASSERT_TRUE(before);
  EXPECT_EQ(before->processes, 1);
  worker.go_on();
  const auto after = sampler.sample();
  ASSERT_TRUE(after);
  EXPECT_GE(after->cpu_us - before->cpu_us, 190'000);
  EXPECT_GE(after->memory_bytes - before->memory_bytes, 60 * mebibyte);
  const Reading reading = usage_between(*before, *after, seconds(1));
  EXPECT_GE(reading[0], 19.F);
  EXPECT_EQ(reading[4], 1.F);
}

TEST(UsageSampler, YoungJobsAreLookedAtOftenAndCostlyOnesSeldom) {
  const auto wait = [](Duration age, std::int64_t processes, watch::UsageSource source) {
    UsageTotals totals;
    totals.processes = processes;
    return watch::sample_wait(age, totals, source);
  };
  constexpr auto cgroup = watch::UsageSource::cgroup;
  EXPECT_EQ(wait(seconds(10), 3, cgroup), seconds(2));
  EXPECT_EQ(wait(seconds(10), 3, watch::UsageSource::processes), seconds(5));
  EXPECT_EQ(wait(seconds(100), 3, cgroup), seconds(5));
  EXPECT_EQ(wait(seconds(1000), 3, cgroup), seconds(10));
  EXPECT_EQ(wait(seconds(10), 500, cgroup), seconds(20));
  EXPECT_EQ(wait(seconds(10), 5000, cgroup), seconds(60));
}

TEST(Usage, RatesAreAveragesBetweenTwoMoments) {
  const UsageTotals before{1'000'000, 1000, 0, 5, 1, 1};
  const UsageTotals after{4'640'000, 5000, 300, 1'200'000'000, 3, 12};
  const Reading reading = usage_between(before, after, seconds(2));
  EXPECT_FLOAT_EQ(reading[0], 182);
  EXPECT_FLOAT_EQ(reading[1], 1.2e9F);
  EXPECT_FLOAT_EQ(reading[2], 2000);
  EXPECT_FLOAT_EQ(reading[3], 150);
  EXPECT_FLOAT_EQ(usage_between(after, before, seconds(2))[0], 0);
  EXPECT_FLOAT_EQ(usage_between(before, before, seconds(0))[0], 0);
}

TEST(Usage, LineHasTheDocumentedForm) {
  EXPECT_EQ(resource_line({182, 1.2e9F, 0, 3.4e6F, 3, 12}, std::nullopt),
            "Resources: CPU 182 %, memory 1.2 GB, read 0 B/s, written 3.4 MB/s, 3 processes, "
            "12 threads");
  EXPECT_EQ(resource_line({0.4F, 1.5e5F, 999.4F, 999.6F, 1, 1}, 17),
            "Resources: CPU 0 %, memory 150 kB, read 999 B/s, written 1.0 kB/s, 1 process, "
            "1 thread, 17 tasks pending");
}

}  // namespace
}  // namespace reeve::test
