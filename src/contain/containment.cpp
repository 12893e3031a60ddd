#include "contain/containment.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "base/fd.h"
#include "contain/process.h"

namespace reeve {
namespace {

// Descriptors open at a time while signalling: far below the usual limit of 1,024.
constexpr std::size_t chunk = 256;

bool contains(const std::vector<pid_t>& sorted, pid_t pid) {
  return std::binary_search(sorted.begin(), sorted.end(), pid);
}

}  // namespace

std::vector<pid_t> Containment::cgroup_members() const {
  std::vector<pid_t> pids;
  if (cgroup_ < 0) return pids;
  const Fd file(openat(cgroup_, "cgroup.procs", O_RDONLY | O_CLOEXEC));
  FILE* stream = file ? fdopen(dup(file.get()), "re") : nullptr;
  if (stream == nullptr) return pids;
  int pid = 0;
  while (fscanf(stream, "%d", &pid) == 1)
    if (pid > 0) pids.push_back(pid);  // 0: outside of our pid namespace
  fclose(stream);
  std::sort(pids.begin(), pids.end());
  return pids;
}

std::vector<pid_t> Containment::members() const {
  std::vector<pid_t> pids = cgroup_members();
  if (with_children_)
    for (const pid_t pid : descendants_of(getpid())) pids.push_back(pid);
  std::sort(pids.begin(), pids.end());
  pids.erase(std::unique(pids.begin(), pids.end()), pids.end());
  return pids;
}

std::vector<pid_t> Containment::glance() const {
  std::vector<pid_t> pids = cgroup_members();
  return pids.empty() ? members() : pids;
}

// A pid may be given to a stranger between our reading it and the signal. So: list, open a pidfd
// for each, list again, and signal only those that are in both lists. A stranger that took a pid
// before the pidfd was opened is not in the second list; one that took it later is not what the
// pidfd stands for.
int Containment::signal_each(const std::vector<pid_t>& pids, int signal) const {
  int sent = 0;
  for (std::size_t from = 0; from < pids.size(); from += chunk) {
    std::vector<std::pair<pid_t, Fd>> opened;
    for (std::size_t i = from; i < std::min(from + chunk, pids.size()); ++i) {
      Fd pidfd(open_pidfd(pids[i]));
      if (pidfd) opened.emplace_back(pids[i], std::move(pidfd));
    }
    const std::vector<pid_t> second = members();
    for (const auto& [pid, pidfd] : opened)
      if (contains(second, pid) && send_signal(pidfd.get(), signal)) ++sent;
  }
  return sent;
}

void Containment::freeze_round(bool frozen) const {
  if (cgroup_ >= 0) {
    const Fd file(openat(cgroup_, "cgroup.freeze", O_WRONLY | O_CLOEXEC));
    if (file) (void)!write(file.get(), frozen ? "1" : "0", 1);
  }
  if (!frozen) {
    signal_all(SIGCONT);
    return;
  }
  const std::vector<pid_t> inside = cgroup_members();
  // Descendants that are in no cgroup of ours.
  std::vector<pid_t> outside;
  for (const pid_t pid : members())
    if (!contains(inside, pid) && !is_stopped(pid)) outside.push_back(pid);
  signal_each(outside, SIGSTOP);
}

bool Containment::is_frozen() const {
  const std::vector<pid_t> inside = cgroup_members();
  if (!inside.empty()) {
    char text[256];
    if (read_small_file_at(cgroup_, "cgroup.events", text, sizeof text) <= 0 ||
        strstr(text, "frozen 1") == nullptr)
      return false;
  }
  for (const pid_t pid : members())
    if (!contains(inside, pid) && !is_stopped(pid)) return false;
  return true;
}

void Containment::kill_round() {
  if (cgroup_ >= 0 && is_cgroup_populated()) {
    cgroup_killed_ = true;
    const Fd file(openat(cgroup_, "cgroup.kill", O_WRONLY | O_CLOEXEC));
    if (file) (void)!write(file.get(), "1", 1);
    if (!cgroup_members().empty()) {
      const Containment alone(cgroup_, false);
      alone.signal_all(SIGKILL);
    }
  }
  if (!with_children_) return;
  // Our own children can't be strangers: nobody but us reaps them, so their pids are not free.
  for (const pid_t child : children_of(getpid())) kill(child, SIGKILL);
}

bool Containment::is_cgroup_populated() const {
  char text[256];
  if (read_small_file_at(cgroup_, "cgroup.events", text, sizeof text) <= 0) return false;
  return strstr(text, "populated 1") != nullptr;
}

bool Containment::is_empty() const {
  if (with_children_) {
    siginfo_t info{};
    // WNOWAIT: only ask whether there are children; reaping is the caller's.
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0 || errno != ECHILD)
      return false;
  }
  return cgroup_ < 0 || !is_cgroup_populated();
}

}  // namespace reeve
