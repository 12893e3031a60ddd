#include "contain/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "contain/process.h"

namespace reeve {
namespace {

// The number after `key` in "key value" lines; -1 without it.
std::int64_t value_of(const char* text, const char* key) {
  const std::size_t length = strlen(key);
  for (const char* line = text; line != nullptr && *line != '\0';) {
    if (strncmp(line, key, length) == 0 && line[length] == ' ') return atoll(line + length);
    line = strchr(line, '\n');
    if (line != nullptr) ++line;
  }
  return -1;
}

std::int64_t resident_bytes_of(pid_t pid) {
  static const long page = sysconf(_SC_PAGESIZE);
  char path[32];
  char text[128];
  snprintf(path, sizeof path, "/proc/%d/statm", pid);
  if (read_small_file(path, text, sizeof text) <= 0) return 0;
  const char* resident = strchr(text, ' ');
  return resident == nullptr ? 0 : atoll(resident) * page;
}

std::int64_t number_in(int directory, const char* name) {
  char text[64];
  return read_small_file_at(directory, name, text, sizeof text) > 0 ? atoll(text) : 0;
}

}  // namespace

std::int64_t resident_bytes(const std::vector<pid_t>& pids) {
  std::int64_t sum = 0;
  for (const pid_t pid : pids) sum += resident_bytes_of(pid);
  return sum;
}

std::int64_t proportional_bytes(const std::vector<pid_t>& pids) {
  std::int64_t sum = 0;
  for (const pid_t pid : pids) {
    char path[40];
    char text[2048];
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", pid);
    const char* line = nullptr;
    if (read_small_file(path, text, sizeof text) > 0) line = strstr(text, "\nPss:");
    sum += line == nullptr ? resident_bytes_of(pid) : atoll(line + 5) * 1024;
  }
  return sum;
}

std::optional<MemoryAccount> read_memory_account(int cgroup) {
  char text[512];
  if (read_small_file_at(cgroup, "memory.events", text, sizeof text) > 0)
    return MemoryAccount{value_of(text, "oom_kill"), number_in(cgroup, "memory.peak")};
  if (read_small_file_at(cgroup, "memory.oom_control", text, sizeof text) > 0)
    return MemoryAccount{value_of(text, "oom_kill"),
                         number_in(cgroup, "memory.max_usage_in_bytes")};
  return std::nullopt;
}

std::int64_t machine_oom_kills() {
  char text[16384];
  if (read_small_file("/proc/vmstat", text, sizeof text) <= 0) return 0;
  return value_of(text, "oom_kill");
}

}  // namespace reeve
