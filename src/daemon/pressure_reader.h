#pragma once
// Reads what the kernel tells of the machine's pressure.

#include <string>

#include "core/pressure.h"

namespace reeve {

// `proc` is /proc, or a copy for tests. What is not there is left out. Costs four small reads.
[[nodiscard]] PressureReadings read_pressure(const std::string& proc);

}  // namespace reeve
