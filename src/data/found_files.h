#pragma once
// The files below a directory that fit a pattern, and opening them so that neither a symbolic link,
// nor a FIFO, nor a device leads anywhere else or makes us wait.

#include <cstdint>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "core/glob.h"

namespace reeve {

struct FoundFiles {
  std::vector<std::string> paths;  // below the directory, sorted; no folders
  std::string trouble;             // why the search could not be finished; empty: it was
};

// Folders that are symbolic links are followed where the pattern names a level, as long as they
// stay below the directory, and never by `**`.
[[nodiscard]] FoundFiles find_files(int directory, const std::vector<GlobPart>& pattern);

struct OpenedFile {
  enum class Kind : std::uint8_t {
    regular,
    folder,
    other,    // a FIFO, a device, a socket
    outside,  // a link that leaves the directory
    gone,     // there was one a moment ago; or a link to nothing
  };
  Kind kind = Kind::gone;
  std::string path;
  Fd file;  // to read, of kind `regular`
  std::int64_t bytes = 0;
  std::int64_t changed_ms = 0;  // since 1970
};

// Fails when nobody can say: no permission, no descriptors, a disk that does not read.
[[nodiscard]] Result<OpenedFile> open_below(int directory, const std::string& path);

}  // namespace reeve
