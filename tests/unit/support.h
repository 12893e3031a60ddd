#pragma once
// What several tests need: folders that go, whole files, jobs with every field told.

#include <sys/types.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/job.h"
#include "core/lifecycle.h"

namespace reeve::test {

// A new folder, removed with everything in it.
class TemporaryFolder {
 public:
  TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder();
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string file(std::string_view name) const {
    return path_ + "/" + std::string(name);
  }

 private:
  std::string path_;
};

[[nodiscard]] std::string read_file(const std::string& path);
void write_file(const std::string& path, std::string_view text);
void append_file(const std::string& path, std::string_view text);

// A moment of both clocks.
[[nodiscard]] Now at(std::int64_t ms);

// A specification that find_fault accepts.
[[nodiscard]] JobSpec plain_spec();

// Every field in words, for comparisons.
[[nodiscard]] std::string dump(const Attempt& attempt);
[[nodiscard]] std::string dump(const Job& job);

// Runs `body` in a child process and returns its wait status. A child that hangs is killed after
// ten seconds, one whose parent dies at once.
[[nodiscard]] int status_of_child(const std::function<int()>& body);

}  // namespace reeve::test
