#pragma once
// On which CPUs processes run that were started long ago.

#include <sys/types.h>

#include <vector>

namespace reeve {

// Binds every thread of these processes to the CPUs, of which there is at least one. They should
// be frozen, so that nobody starts a thread meanwhile. What belongs to another user stays as it is.
void bind_to_cpus(const std::vector<pid_t>& processes, const std::vector<int>& cpus);

}  // namespace reeve
