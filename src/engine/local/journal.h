#pragma once
// The daemon's side of the keepers' journal: files "<boot>-<generation>.journal" in one directory.
//
// Keepers append to the newest; a generation goes when nothing unfinished was started with it, and
// those of an earlier boot go once their facts are committed.
// Space is reserved ahead of the end, so that the end of a job can be written on a full disk.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "keeper/record.h"

namespace reeve {

class Journal {
 public:
  // Opens every generation that is there. The newest of this boot is used further: a keeper of an
  // earlier daemon may be about to write its first record there.
  static Result<Journal> open(std::string directory, std::string boot_id);

  // The file that a new keeper appends to; its generation is counted as used by one more.
  [[nodiscard]] int use_newest();
  [[nodiscard]] std::int64_t newest() const { return generations_.rbegin()->first; }
  // A keeper of `generation` has ended for good.
  void release(std::int64_t generation);
  // Deletes generations without users, except the newest. Not while keepers of an earlier daemon
  // live: which generation they use is not known.
  void remove_unused();

  // Whole records that were appended since the last call, in order within each generation. Damaged
  // lines are skipped and counted.
  struct Read {
    std::int64_t generation = 0;
    bool is_of_this_boot = true;
    Record record;
  };
  [[nodiscard]] std::vector<Read> read();
  [[nodiscard]] std::int64_t damaged() const { return damaged_; }

  // "3:1024 4:96": how far each generation was read.
  [[nodiscard]] std::string cursor() const;
  [[nodiscard]] Result<void> restore(const std::string& cursor);

 private:
  struct Generation {
    Fd fd;
    std::string path;
    bool is_of_this_boot = true;
    std::int64_t offset = 0;
    std::int64_t reserved = 0;
    int users = 0;
  };

  Journal(std::string directory, std::string boot)
      : directory_(std::move(directory)), boot_(std::move(boot)) {}
  Result<void> add_generation(std::int64_t number, const std::string& boot, bool create);
  Result<void> start_generation();
  void read_generation(std::int64_t number, Generation& generation, std::vector<Read>& out);

  std::string directory_;
  std::string boot_;
  std::map<std::int64_t, Generation> generations_;
  std::int64_t damaged_ = 0;
};

}  // namespace reeve
