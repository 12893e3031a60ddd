#pragma once
// Measures and removes files of jobs, slowly, on a thread of its own: a tree may hold millions.

#include <variant>
#include <vector>

#include "daemon/worker_thread.h"
#include "output/job_files.h"

namespace reeve {

class Cleaner {
 public:
  struct Measured {
    std::vector<RetentionItem> items;  // one for each that was asked for, in order
  };
  struct Order {
    JobFiles files;
    JobParts parts;
  };
  struct Cleaned {
    std::vector<FilesRemoval> removals;  // one for each order; fewer when the daemon stops
  };
  struct Found {
    std::vector<std::string> unknown;
  };
  using Outcome = std::variant<Measured, Cleaned, Found>;

  // Throws std::system_error without a descriptor or a thread to be had.
  explicit Cleaner(JobPlaces places);
  Cleaner(const Cleaner&) = delete;
  Cleaner& operator=(const Cleaner&) = delete;

  // Of what has not ended nothing is looked at.
  void measure(std::vector<JobFiles> files);
  void remove(std::vector<Order> orders);
  void find_unknown(std::vector<std::string> roots, std::set<std::string> known);

  // What was finished since the last call.
  [[nodiscard]] std::vector<Outcome> collect() { return worker_.collect(); }
  // Readable when `collect` has something to give.
  [[nodiscard]] int ready_descriptor() const { return worker_.ready_descriptor(); }

 private:
  // Between two files: rests now and then. False when the daemon stops.
  bool go_on();

  JobPlaces places_;
  int entries_ = 0;
  GoOn go_on_;
  // It stops in the middle of what it does; a removal is repeated by the next daemon.
  WorkerThread<Outcome> worker_;
};

}  // namespace reeve
