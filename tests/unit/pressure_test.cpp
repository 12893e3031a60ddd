// When the machine is too busy for another job.

#include "core/pressure.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "daemon/pressure_reader.h"
#include "support.h"

namespace reeve::test {
namespace {

PressureReadings calm() {
  return {0.0, 0.0, 0.0, 500'000, 1'000'000};
}

TEST(Pressure, CalmMachineTakesJobs) {
  EXPECT_FALSE(find_pressure(calm(), {}));
}

TEST(Pressure, MemoryBeyondItsLimitHoldsJobsBackAndIsNamed) {
  PressureReadings readings = calm();
  readings.memory = 20.0;
  EXPECT_FALSE(find_pressure(readings, {})) << "exactly at the limit";
  readings.memory = 47.3;
  const auto why = find_pressure(readings, {});
  ASSERT_TRUE(why);
  EXPECT_NE(why->find("47%"), std::string::npos) << *why;
  EXPECT_NE(why->find("20%"), std::string::npos) << *why;
  EXPECT_FALSE(find_pressure(readings, {.memory = 0}));
}

TEST(Pressure, CpuAndDiskCountOnlyWhereALimitIsSet) {
  PressureReadings readings = calm();
  readings.cpu = readings.io = 99.0;
  EXPECT_FALSE(find_pressure(readings, {}));
  EXPECT_TRUE(find_pressure(readings, {.cpu = 50}));
  EXPECT_TRUE(find_pressure(readings, {.io = 50}));
}

TEST(Pressure, LittleAvailableMemoryHoldsJobsBack) {
  PressureReadings readings = calm();
  readings.memory_available = 20'000;
  EXPECT_FALSE(find_pressure(readings, {}));
  readings.memory_available = 19'999;
  EXPECT_TRUE(find_pressure(readings, {}));
  EXPECT_FALSE(find_pressure(readings, {.min_memory_percent = 0}));
  EXPECT_TRUE(find_pressure(readings, {.min_memory = 30'000, .min_memory_percent = 0}));
}

TEST(Pressure, KernelThatTellsNothingHoldsNothingBack) {
  EXPECT_FALSE(find_pressure({}, {.memory = 1, .cpu = 1, .io = 1}));
}

TEST(Pressure, AveragesAndFiguresAreReadFromTheirLines) {
  const char* text =
      "some avg10=3.50 avg60=0.00 avg300=0.00 total=3951\n"
      "full avg10=1.25 avg60=0.00 avg300=0.00 total=482\n";
  EXPECT_EQ(pressure_average(text, "some"), 3.5);
  EXPECT_EQ(pressure_average(text, "full"), 1.25);
  EXPECT_FALSE(pressure_average("", "full"));
  EXPECT_FALSE(pressure_average("full avg10=", "full"));
  EXPECT_EQ(memory_figure("MemTotal:  8 kB\nMemAvailable:    5 kB\n", "MemAvailable"), 5 * 1024);
  EXPECT_FALSE(memory_figure("MemTotal:  8 kB\n", "MemAvailable"));
  EXPECT_FALSE(memory_figure("MemTotal:", "MemTotal"));
}

TEST(Pressure, FilesOfProcAreReadAndMissingOnesLeftOut) {
  const TemporaryFolder proc;
  EXPECT_FALSE(read_pressure(proc.path()).memory);
  EXPECT_FALSE(read_pressure(proc.path()).memory_available);
  std::filesystem::create_directory(proc.file("pressure"));
  write_file(proc.file("pressure/memory"), "some avg10=9.00 a\nfull avg10=7.00 b\n");
  write_file(proc.file("pressure/cpu"), "some avg10=5.00 a\nfull avg10=0.00 b\n");
  write_file(proc.file("meminfo"), "MemTotal: 100 kB\nMemAvailable: 50 kB\n");
  const PressureReadings readings = read_pressure(proc.path());
  EXPECT_EQ(readings.memory, 7.0);
  EXPECT_EQ(readings.cpu, 5.0);
  EXPECT_FALSE(readings.io);
  EXPECT_EQ(readings.memory_available, 50 * 1024);
  EXPECT_EQ(readings.memory_total, 100 * 1024);
}

}  // namespace
}  // namespace reeve::test
