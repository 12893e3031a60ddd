#pragma once
// What a job tells of itself from within: progress, beat, result, fail.
//
// They send one sd_notify(3) datagram to $NOTIFY_SOCKET and never start a daemon.

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace reeve::cli {

// Sends one datagram; `address` is a path, or "@name" in the abstract name space. Tries again for
// as long as `patience` while nobody listens (the daemon restarts) or the queue is full. Code
// `unreachable` after that, `invalid` for what is no address.
[[nodiscard]] Result<void> send_notify(const std::string& address, std::string_view message,
                                       Duration patience);

}  // namespace reeve::cli
