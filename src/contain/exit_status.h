#pragma once
// The exit status of a process that is nobody's child of ours.

#include <optional>

namespace reeve {

// The wait status of an ended and reaped process, for any holder of a pidfd of it. Linux 6.15 and
// newer (PIDFD_GET_INFO with PIDFD_INFO_EXIT); nothing on older kernels, or while it lives.
[[nodiscard]] std::optional<int> exit_status_of(int pidfd);

}  // namespace reeve
