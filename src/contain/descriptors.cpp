#include "contain/descriptors.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "base/fd.h"

namespace reeve {

void keep_only(std::vector<int> kept) {
  std::sort(kept.begin(), kept.end());
  const Fd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  for (int fd = 0; null && fd < 3; ++fd)
    if (!std::binary_search(kept.begin(), kept.end(), fd)) dup2(null.get(), fd);
  unsigned from = 3;
  for (const int fd : kept) {
    if (fd < 3) continue;
    const auto number = static_cast<unsigned>(fd);
    if (number > from) syscall(SYS_close_range, from, number - 1, 0);
    from = number + 1;
  }
  syscall(SYS_close_range, from, ~0U, 0);
}

void fill_standard_descriptors() {
  int fd = 0;
  while (fd >= 0 && fd < 3) fd = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (fd >= 0) close(fd);
}

}  // namespace reeve
