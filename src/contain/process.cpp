#include "contain/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "base/fd.h"

namespace reeve {
namespace {

// Appends the numbers in `text`.
void append_pids(const char* text, std::vector<pid_t>& pids) {
  while (true) {
    char* end = nullptr;
    const long pid = strtol(text, &end, 10);
    if (end == text) return;
    pids.push_back(static_cast<pid_t>(pid));
    text = end;
  }
}

void append_children_of_thread(pid_t pid, pid_t thread, std::vector<pid_t>& pids) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, thread);
  const Fd file(open(path, O_RDONLY | O_CLOEXEC));
  if (!file) return;
  char buffer[4096 + 1];
  std::size_t kept = 0;
  while (true) {
    const ssize_t got = read(file.get(), buffer + kept, sizeof buffer - 1 - kept);
    if (got <= 0) break;
    std::size_t length = kept + static_cast<std::size_t>(got);
    // A number may be cut by the end of the buffer: keep it for the next round.
    std::size_t whole = length;
    while (whole > 0 && buffer[whole - 1] != ' ') --whole;
    const char saved = buffer[whole];
    buffer[whole] = '\0';
    append_pids(buffer, pids);
    buffer[whole] = saved;
    kept = length - whole;
    memmove(buffer, buffer + whole, kept);
  }
  buffer[kept] = '\0';
  append_pids(buffer, pids);
}

bool has_children_files() {
  static const bool has = access("/proc/self/task", F_OK) == 0 && [] {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
    return access(path, F_OK) == 0;
  }();
  return has;
}

template <typename Visit>
void each_number_in(const char* path, Visit visit) {
  DIR* directory = opendir(path);
  if (directory == nullptr) return;
  while (const dirent* entry = readdir(directory)) {
    char* end = nullptr;
    const long number = strtol(entry->d_name, &end, 10);
    if (end != entry->d_name && *end == '\0') visit(static_cast<pid_t>(number));
  }
  closedir(directory);
}

// For the thread or for all of its process: SigPnd and ShdPnd of proc(5).
bool has_pending(pid_t pid, int signal) {
  char path[32];
  char text[4096];
  snprintf(path, sizeof path, "/proc/%d/status", pid);
  if (read_small_file(path, text, sizeof text) <= 0) return false;
  std::uint64_t pending = 0;
  for (const char* name : {"SigPnd:", "ShdPnd:"})
    if (const char* at = strstr(text, name)) pending |= strtoull(at + strlen(name), nullptr, 16);
  return (pending >> (signal - 1) & 1) != 0;
}

// Of a child of ours, without a look into /proc: where processes die by the thousand, most of what
// is listed waits to be reaped.
bool is_reapable(pid_t child) {
  siginfo_t info{};
  return waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG | WNOWAIT | __WALL) ==
             0 &&
         info.si_pid == child;
}

}  // namespace

ssize_t read_small_file_at(int directory, const char* name, char* buffer, std::size_t size) {
  const Fd file(openat(directory, name, O_RDONLY | O_CLOEXEC));
  if (!file) return -1;
  std::size_t length = 0;
  while (length + 1 < size) {
    const ssize_t got = read(file.get(), buffer + length, size - 1 - length);
    if (got < 0) return -1;
    if (got == 0) break;
    length += static_cast<std::size_t>(got);
  }
  buffer[length] = '\0';
  return static_cast<ssize_t>(length);
}

ssize_t read_small_file(const char* path, char* buffer, std::size_t size) {
  return read_small_file_at(AT_FDCWD, path, buffer, size);
}

std::optional<ProcessStat> read_stat(pid_t pid) {
  char path[32];
  char text[1024];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  if (read_small_file(path, text, sizeof text) <= 0) return std::nullopt;
  return parse_stat(text);
}

std::optional<ProcessStat> parse_stat(const char* text) {
  // The name stands in parentheses and may hold any character: the last one counts.
  const char* at = strrchr(text, ')');
  if (at == nullptr) return std::nullopt;
  ProcessStat stat;
  ++at;
  while (*at == ' ') ++at;
  stat.state = *at++;
  // proc(5) numbers the fields from 1; the state is the third.
  for (int field = 4; field <= 24; ++field) {
    char* end = nullptr;
    const long long value = strtoll(at, &end, 10);
    if (end == at) return std::nullopt;
    if (field == 4) stat.parent = static_cast<pid_t>(value);
    if (field == 14 || field == 15) stat.cpu_ticks += value;
    if (field == 16 || field == 17) stat.reaped_ticks += value;
    if (field == 20) stat.threads = value;
    if (field == 22) stat.start_ticks = static_cast<std::uint64_t>(value);
    if (field == 24) stat.resident_pages = value;
    at = end;
  }
  return stat;
}

bool is_alive(const ProcessStat& stat) {
  return (stat.state != 'Z' && stat.state != 'X') || stat.threads > 1;
}

bool is_stopped(pid_t pid) {
  const auto stat = read_stat(pid);
  if (!stat || strchr("TtZX", stat->state) != nullptr) return true;
  if (stat->state != 'D') return false;
  if (has_pending(pid, SIGSTOP)) return true;
  // One of its threads has taken the signal, and the others stop with it.
  bool is_stopping = false;
  char path[32];
  snprintf(path, sizeof path, "/proc/%d/task", pid);
  each_number_in(path, [&](pid_t thread) {
    const auto other = thread == pid ? std::nullopt : read_stat(thread);
    is_stopping |= other && other->state == 'T';
  });
  return is_stopping;
}

std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> children;
  if (has_children_files()) {
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    each_number_in(path, [&](pid_t thread) { append_children_of_thread(pid, thread, children); });
  } else {
    each_number_in("/proc", [&](pid_t candidate) {
      const auto stat = read_stat(candidate);
      if (stat && stat->parent == pid) children.push_back(candidate);
    });
  }
  return children;
}

std::vector<pid_t> descendants_of(pid_t root) {
  const pid_t self = getpid();
  std::vector<pid_t> found;
  std::vector<pid_t> open_parents{root};
  while (!open_parents.empty()) {
    const pid_t parent = open_parents.back();
    open_parents.pop_back();
    for (const pid_t child : children_of(parent)) {
      if (parent == self && is_reapable(child)) continue;
      const auto stat = read_stat(child);
      if (!stat || !is_alive(*stat)) continue;  // the dead have no children
      // Pids may be given out again while we read: a second sight of one ends the walk there.
      if (std::find(found.begin(), found.end(), child) != found.end()) continue;
      found.push_back(child);
      open_parents.push_back(child);
    }
  }
  return found;
}

int open_pidfd(pid_t pid) {
  return static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
}

bool send_signal(int pidfd, int signal) {
  return syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0) == 0;
}

}  // namespace reeve
