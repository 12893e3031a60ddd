#pragma once
// What was found in one file.

#include <map>
#include <string>
#include <vector>

namespace reeve {

// What is there in a few words, and a sentence about it: "900 rows", "has 900 rows, expected 1000
// or more".
struct FileFault {
  std::string found;
  std::string sentence;
};

struct FileLook {
  std::vector<FileFault> faults;
  std::string trouble;  // why nobody can say; empty: all is known
  std::string found;    // of a file without faults: "1000 rows"
  std::map<std::string, double> metrics;
};

}  // namespace reeve
