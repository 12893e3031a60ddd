// Samples the use of jobs as the daemon does, and tells what that costs it.
//
//   sampling ROUNDS WAIT_MS CGROUP:KEEPER...     (CGROUP empty: none)
//
// Prints, over all rounds after the first: microseconds of CPU time for one sample of one job.

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <memory>
#include <string>
#include <vector>

#include "watch/usage_sampler.h"

namespace {

double cpu_us() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  const int rounds = atoi(argv[1]);
  const int wait_ms = atoi(argv[2]);
  reeve::watch::KeptFiles files(4096);
  std::vector<std::unique_ptr<reeve::watch::UsageSampler>> samplers;
  for (int i = 3; i < argc; ++i) {
    const char* word = argv[i];
    const char* colon = strrchr(word, ':');
    if (colon == nullptr) return 2;
    const std::string cgroup(word, colon);
    reeve::Fd directory;
    if (!cgroup.empty()) directory.reset(open(cgroup.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    samplers.push_back(
        std::make_unique<reeve::watch::UsageSampler>(std::move(directory), atoi(colon + 1), files));
  }
  double used = 0;
  std::int64_t processes = 0;
  for (int round = 0; round <= rounds; ++round) {
    const double before = cpu_us();
    processes = 0;
    for (const auto& sampler : samplers) {
      const auto usage = sampler->sample();
      if (!usage) return 3;
      processes += usage->processes;
    }
    if (round > 0) used += cpu_us() - before;
    // Between two looks caches cool down, as they do in the daemon.
    if (wait_ms > 0) poll(nullptr, 0, wait_ms);
  }
  printf("%.2f %lld %d\n", used / rounds / static_cast<double>(samplers.size()),
         static_cast<long long>(processes), 4096 - files.left());
}
