#pragma once
// A program that helps to check results: run in an enclosure (contain/enclosure.h), with its output
// taken and its memory watched.

#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "contain/enclosure_wire.h"

namespace reeve::cli {

struct ContainedWish {
  std::vector<std::string> words;
  std::string input;                                      // its standard input
  std::string directory;                                  // to run in; empty: ours
  const std::vector<std::string>* environment = nullptr;  // "NAME=VALUE"; null: ours
  Duration time_limit{0};
  std::int64_t memory = 0;     // bytes resident, of all its processes; 0: not watched
  std::size_t output_max = 0;  // bytes that are kept
  enum class Keep : std::uint8_t {
    first,  // what writes more is ended
    last,   // of standard error, too
  };
  Keep keep = Keep::first;
  int stop = -1;  // when it becomes readable, or hangs up, everything is ended
};

struct ContainedEnd {
  Report report;
  std::string output;
  bool is_output_cut = false;
  bool is_over_memory = false;
  bool is_stopped = false;  // by `stop`
};

// Returns when nothing of it lives any more. The calling process has one thread.
[[nodiscard]] Result<ContainedEnd> run_contained(const ContainedWish& wish);

// How it ended, where that is not with code 0 or is not by itself: "was killed by SIGSEGV".
[[nodiscard]] std::string failure_of(const ContainedEnd& end, const ContainedWish& wish);

}  // namespace reeve::cli
