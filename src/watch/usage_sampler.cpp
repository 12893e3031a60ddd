#include "watch/usage_sampler.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <string_view>
#include <utility>

#include "contain/process.h"

namespace reeve::watch {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

enum CgroupFile : std::size_t {
  cpu_stat,
  cgroup_procs,
  memory_current,
  memory_stat,
  pids_current,
  io_stat
};

// The number at the beginning of the text; 0 without one.
std::int64_t leading_number(std::string_view text) {
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// The number behind `key`, as in "usage_usec 123", "read_bytes: 123", "rbytes=123".
std::int64_t number_after(std::string_view text, std::string_view key) {
  const auto at = text.find(key);
  return at == std::string_view::npos ? 0 : leading_number(text.substr(at + key.size()));
}

// Over all devices, each in a line "8:0 rbytes=1 wbytes=2 …".
std::int64_t sum_after(std::string_view text, std::string_view key) {
  std::int64_t sum = 0;
  for (auto at = text.find(key); at != std::string_view::npos; at = text.find(key, at + 1))
    sum += leading_number(text.substr(at + key.size()));
  return sum;
}

std::int64_t to_us(std::int64_t ticks) {
  static const long each_second = ::sysconf(_SC_CLK_TCK);
  return ticks * 1'000'000 / each_second;
}

std::optional<ProcessStat> read_stat(KeptFile& file) {
  const std::string_view text = file.read();
  if (text.empty()) return std::nullopt;
  return parse_stat(text.data());  // NOLINT(bugprone-suspicious-stringview-data-usage): terminated
}

bool has_file(int directory, const char* name) {
  return ::faccessat(directory, name, R_OK, 0) == 0;
}

}  // namespace

UsageSampler::UsageSampler(Fd cgroup, pid_t keeper, KeptFiles& files)
    : files_(files), cgroup_(std::move(cgroup)), keeper_(keeper) {
  if (cgroup_) {
    has_memory_ = has_file(cgroup_.get(), "memory.current");
    has_pids_ = has_file(cgroup_.get(), "pids.current");
    has_io_ = has_file(cgroup_.get(), "io.stat");
    for (const char* name :
         {"cpu.stat", "cgroup.procs", "memory.current", "memory.stat", "pids.current", "io.stat"})
      cgroup_files_.emplace_back(cgroup_.get(), name, files_);
    // A cgroup that is used again goes on counting.
    before_ = read_cgroup();
  }
  if (keeper_ > 0) keeper_files_.emplace(open_process(keeper_));
}

UsageSampler::Process UsageSampler::open_process(pid_t pid) const {
  return {pid, KeptFile(AT_FDCWD, fmt::format("/proc/{}/stat", pid), files_),
          KeptFile(AT_FDCWD, fmt::format("/proc/{}/io", pid), files_)};
}

UsageTotals UsageSampler::read_cgroup() {
  UsageTotals totals;
  totals.cpu_us = number_after(cgroup_files_[cpu_stat].read(), "usage_usec ");
  if (has_pids_) totals.threads = leading_number(cgroup_files_[pids_current].read());
  if (has_memory_) {
    totals.memory_bytes = leading_number(cgroup_files_[memory_current].read());
    totals.memory_bytes -= number_after(cgroup_files_[memory_stat].read(), "\ninactive_file ");
    totals.memory_bytes = std::max<std::int64_t>(totals.memory_bytes, 0);
  }
  if (has_io_) {
    const std::string_view io = cgroup_files_[io_stat].read();
    totals.read_bytes = sum_after(io, "rbytes=");
    totals.written_bytes = sum_after(io, "wbytes=");
  }
  return totals;
}

std::vector<pid_t> UsageSampler::list_processes() {
  if (!cgroup_) return below_keeper();
  std::vector<pid_t> pids;
  std::string_view text = cgroup_files_[cgroup_procs].read();
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    // 0 is a process outside of our PID namespace.
    if (const auto pid = leading_number(text.substr(0, end)); pid > 0)
      pids.push_back(static_cast<pid_t>(pid));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return pids;
}

// Zombies as well: what they have used is in no other total yet.
std::vector<pid_t> UsageSampler::below_keeper() const {
  std::vector<pid_t> found;
  std::set<pid_t> seen{keeper_};  // pids may be given out again while we read
  if (keeper_ > 0) found = children_of(keeper_);
  for (std::size_t at = 0; at < found.size(); ++at) {
    if (!seen.insert(found[at]).second) continue;
    for (const pid_t child : children_of(found[at]))
      if (!seen.contains(child)) found.push_back(child);
  }
  return found;
}

void UsageSampler::follow(const std::vector<pid_t>& pids) {
  std::vector<pid_t> sorted = pids;
  std::ranges::sort(sorted);
  std::erase_if(processes_, [&](const Process& process) {
    return !std::ranges::binary_search(sorted, process.pid);
  });
  const std::size_t known = processes_.size();
  for (const pid_t pid : sorted) {
    const auto end = processes_.begin() + static_cast<std::ptrdiff_t>(known);
    const auto found = std::ranges::lower_bound(processes_.begin(), end, pid, {}, &Process::pid);
    if (found == end || found->pid != pid) processes_.push_back(open_process(pid));
  }
  std::ranges::sort(processes_, {}, &Process::pid);
}

UsageSampler::Io UsageSampler::read_io(KeptFile& file) {
  // What is not allowed to be read (a program that changed its user) counts as nothing.
  const std::string_view text = file.read();
  return {number_after(text, "\nread_bytes: "), number_after(text, "\nwrite_bytes: ")};
}

void UsageSampler::add_processes(UsageTotals& totals) {
  static const long page = ::sysconf(_SC_PAGESIZE);
  for (Process& process : processes_) {
    if (needs_stat()) {
      auto stat = read_stat(process.stat);
      if (!stat) {  // gone, and perhaps its pid is another's
        process = open_process(process.pid);
        stat = read_stat(process.stat);
      }
      if (!stat) continue;
      if (is_alive(*stat)) ++totals.processes;
      if (!cgroup_) totals.cpu_us += to_us(stat->cpu_ticks + stat->reaped_ticks);
      if (!has_memory_) totals.memory_bytes += stat->resident_pages * page;
      if (!has_pids_) totals.threads += stat->threads;
    }
    if (!has_io_) {
      const Io io = read_io(process.io);
      totals.read_bytes += io.read;
      totals.written_bytes += io.written;
    }
  }
}

void UsageSampler::add_keeper(UsageTotals& totals) {
  if (!keeper_files_) return;
  UsageTotals now;
  if (!cgroup_) {
    const auto stat = read_stat(keeper_files_->stat);
    if (stat) now.cpu_us = to_us(stat->reaped_ticks);
  }
  if (!has_io_) {
    const Io io = read_io(keeper_files_->io);
    now.read_bytes = io.read;
    now.written_bytes = io.written;
  }
  if (!keeper_before_) keeper_before_ = now;
  totals.cpu_us += now.cpu_us - keeper_before_->cpu_us;
  totals.read_bytes += now.read_bytes - keeper_before_->read_bytes;
  totals.written_bytes += now.written_bytes - keeper_before_->written_bytes;
}

std::optional<UsageTotals> UsageSampler::sample() {
  const std::vector<pid_t> pids = list_processes();
  follow(pids);
  UsageTotals totals;
  if (cgroup_) totals = read_cgroup();
  totals.cpu_us -= before_.cpu_us;
  totals.read_bytes -= before_.read_bytes;
  totals.written_bytes -= before_.written_bytes;
  totals.processes = 0;
  add_processes(totals);
  // With controllers there is no need to look at each of them.
  if (!needs_stat()) totals.processes = static_cast<std::int64_t>(pids.size());
  if (totals.processes == 0 && !cgroup_) return std::nullopt;
  add_keeper(totals);
  // A process between its end and its parent's wait is in no total for a moment.
  totals.cpu_us = std::max(totals.cpu_us, last_.cpu_us);
  totals.read_bytes = std::max(totals.read_bytes, last_.read_bytes);
  totals.written_bytes = std::max(totals.written_bytes, last_.written_bytes);
  last_ = totals;
  return totals;
}

Duration sample_wait(Duration age, const UsageTotals& last, UsageSource source) {
  if (last.processes > 1000) return seconds(60);
  if (last.processes > 100) return seconds(20);
  if (age < minutes(1) && source == UsageSource::cgroup) return seconds(2);
  return age < minutes(5) ? seconds(5) : seconds(10);
}

}  // namespace reeve::watch
