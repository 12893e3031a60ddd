#include "contain/exit_status.h"

#include <sys/ioctl.h>

#include <cstdint>

namespace reeve {
namespace {

// linux/pidfd.h as of Linux 6.15; older headers lack it.
struct PidfdInfo {
  std::uint64_t mask;
  std::uint64_t cgroup_id;
  std::uint32_t pid, tgid, ppid;
  std::uint32_t ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
  std::int32_t exit_code;
};
static_assert(sizeof(PidfdInfo) == 64);
constexpr std::uint64_t info_exit = 1ULL << 3;
constexpr unsigned long get_info = _IOWR(0xFF, 11, PidfdInfo);

}  // namespace

std::optional<int> exit_status_of(int pidfd) {
  PidfdInfo info{};
  info.mask = info_exit;
  if (ioctl(pidfd, get_info, &info) != 0 || (info.mask & info_exit) == 0) return std::nullopt;
  return info.exit_code;
}

}  // namespace reeve
