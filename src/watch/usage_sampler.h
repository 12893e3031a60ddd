#pragma once
// What all processes of a running attempt use, from its cgroup where it has one, else by looking at
// each of them.
//
// CPU time comes from cpu.stat, which every cgroup of version 2 has; memory, I/O and threads from
// their controllers where those are, else from the processes. Then memory is the sum of what is
// resident, in which shared pages count more than once; that of the controller is without the page
// cache that the kernel can drop at any time.
//
// Without a cgroup the processes are those below the keeper. What ended and was waited for is kept
// in the totals, since the kernel adds it to the parent, and what the keeper has waited for to the
// keeper; short-lived processes are thus counted, too.
//
// Cgroups and keepers are used again and go on counting: totals begin when the sampler is made (the
// cgroup's) and at its first sample (the keeper's), so it is to be made when the attempt starts.

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "base/fd.h"
#include "base/time.h"
#include "core/usage.h"
#include "watch/kept_file.h"

namespace reeve::watch {

enum class UsageSource : std::uint8_t { cgroup, processes };

class UsageSampler {
 public:
  // `cgroup`: its directory, or none. `keeper`: 0 when it is not known. `files` must live longer.
  UsageSampler(Fd cgroup, pid_t keeper, KeptFiles& files);
  UsageSampler(const UsageSampler&) = delete;
  UsageSampler& operator=(const UsageSampler&) = delete;

  [[nodiscard]] UsageSource source() const {
    return cgroup_ ? UsageSource::cgroup : UsageSource::processes;
  }

  // Nothing when there is neither a cgroup nor a process to look at.
  [[nodiscard]] std::optional<UsageTotals> sample();
  // Its processes at this moment.
  [[nodiscard]] std::vector<pid_t> processes() { return list_processes(); }

 private:
  struct Process {
    pid_t pid;
    KeptFile stat;
    KeptFile io;
  };
  struct Io {
    std::int64_t read = 0;
    std::int64_t written = 0;
  };
  [[nodiscard]] UsageTotals read_cgroup();
  [[nodiscard]] bool needs_stat() const { return !cgroup_ || !has_memory_ || !has_pids_; }
  [[nodiscard]] std::vector<pid_t> list_processes();
  [[nodiscard]] std::vector<pid_t> below_keeper() const;
  void follow(const std::vector<pid_t>& pids);
  void add_processes(UsageTotals& totals);
  void add_keeper(UsageTotals& totals);
  [[nodiscard]] static Io read_io(KeptFile& file);
  [[nodiscard]] Process open_process(pid_t pid) const;

  KeptFiles& files_;
  Fd cgroup_;
  pid_t keeper_;
  bool has_memory_ = false;  // the controllers of the cgroup
  bool has_pids_ = false;
  bool has_io_ = false;
  std::vector<KeptFile> cgroup_files_;  // in the order of their names in the source
  std::vector<Process> processes_;      // by pid
  std::optional<Process> keeper_files_;
  UsageTotals before_;  // of the cgroup, when this was made
  std::optional<UsageTotals> keeper_before_;
  UsageTotals last_;
};

// How long to wait for the next sample of a job: two seconds while it is young, ten later, and more
// where a look costs more: without a cgroup, and with many processes. Fifty jobs of four processes
// cost less than a thousandth of a core that way (bench/sampling.py).
[[nodiscard]] Duration sample_wait(Duration age, const UsageTotals& last, UsageSource source);

}  // namespace reeve::watch
