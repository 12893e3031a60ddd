#include "output/report_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/fd.h"
#include "base/text.h"
#include "core/validation_json.h"

namespace reeve {

std::string report_file_name(const ValidationReport& report) {
  return report.name + "_validation.json";
}

Result<void> write_report(const std::string& directory, const ValidationReport& report) {
  const Fd place(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!place) return failed(OsError{errno, "open the results directory"});
  const std::string name = report_file_name(report);
  const std::string made = "." + name + ".new";
  ::unlinkat(place.get(), made.c_str(), 0);  // of a daemon that died here
  // Not through a link that the job has put there.
  const Fd file(::openat(place.get(), made.c_str(),
                         O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666));
  if (!file) return failed(OsError{errno, "make the validation report"});
  const std::string text = valid_utf8(to_pretty(report_to_json(report))) + "\n";
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t wrote = ::write(file.get(), rest.data(), rest.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return failed(OsError{errno, "write the validation report"});
    rest.remove_prefix(static_cast<std::size_t>(wrote));
  }
  if (::renameat(place.get(), made.c_str(), place.get(), name.c_str()) == 0) return {};
  const int failure = errno;
  ::unlinkat(place.get(), made.c_str(), 0);
  return failed(OsError{failure, "put the validation report into place"});
}

}  // namespace reeve
