#include "daemon/pressure_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>

#include "base/fd.h"

namespace reeve {
namespace {

std::string read_small(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return "";
  std::array<char, 4096> buffer{};  // what we look for stands in the first lines
  const ssize_t count = ::read(file.get(), buffer.data(), buffer.size());
  return count > 0 ? std::string(buffer.data(), static_cast<std::size_t>(count)) : "";
}

}  // namespace

PressureReadings read_pressure(const std::string& proc) {
  PressureReadings readings;
  readings.memory = pressure_average(read_small(proc + "/pressure/memory"), "full");
  // Of a whole machine the kernel tells no "full" for CPUs: somebody always runs.
  readings.cpu = pressure_average(read_small(proc + "/pressure/cpu"), "some");
  readings.io = pressure_average(read_small(proc + "/pressure/io"), "full");
  const std::string memory = read_small(proc + "/meminfo");
  readings.memory_available = memory_figure(memory, "MemAvailable");
  readings.memory_total = memory_figure(memory, "MemTotal").value_or(0);
  return readings;
}

}  // namespace reeve
