// Runs seeds of the simulation: `sim --seeds 1000 [--from N] [--seed N] [--steps N]`.

#include <fmt/format.h>

#include <cstdlib>
#include <string>

#include "base/text.h"
#include "world.h"

int main(int argc, char** argv) {
  std::int64_t from = 1;
  std::int64_t seeds = 1000;
  std::int64_t steps = 150;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string option = argv[i];
    const std::int64_t value = reeve::parse_integer(argv[i + 1]).value_or(0);
    if (option == "--seeds") seeds = value;
    if (option == "--from") from = value;
    if (option == "--steps") steps = value;
    if (option == "--seed") {
      from = value;
      seeds = 1;
    }
  }
  std::int64_t broken = 0;
  std::int64_t passed = 0;
  reeve::sim::World::Counts sum;
  for (std::int64_t seed = from; seed < from + seeds && broken < 5; ++seed) {
    reeve::sim::World world(static_cast<std::uint64_t>(seed));
    const std::string report = world.run(static_cast<int>(steps));
    sum.preemptions += world.counts().preemptions;
    sum.suspensions += world.counts().suspensions;
    sum.heads_checked += world.counts().heads_checked;
    if (report.empty()) {
      ++passed;
      continue;
    }
    ++broken;
    fmt::print("{}replay: ./dev sim --seed {}\n\n", report, seed);
  }
  fmt::print("{} preemptions, {} of them pauses; {} times starts behind a head were looked at\n",
             sum.preemptions, sum.suspensions, sum.heads_checked);
  fmt::print("{} seeds passed, {} failed\n", passed, broken);
  return broken == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
