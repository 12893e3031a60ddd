#include "contain/affinity.h"

#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include <memory>

namespace reeve {

void bind_to_cpus(const std::vector<pid_t>& processes, const std::vector<int>& cpus) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int cpu : cpus)
    if (cpu >= 0 && cpu < CPU_SETSIZE) CPU_SET(cpu, &set);
  for (const pid_t process : processes) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", process);
    const std::unique_ptr<DIR, int (*)(DIR*)> tasks(opendir(path), closedir);
    if (!tasks) continue;
    while (const dirent* entry = readdir(tasks.get())) {
      const int thread = atoi(entry->d_name);
      if (thread > 0) sched_setaffinity(thread, sizeof set, &set);
    }
  }
}

}  // namespace reeve
