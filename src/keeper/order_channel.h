#pragma once
// How orders reach a keeper: a socket pair of which the daemon holds one end. A message is one
// order (keeper/order.h), or passes the sealed memory file that holds it, when it is a large one.
// The daemon's end closing, by its wish or by its death, tells a keeper that waits to go.

#include <cstddef>
#include <string_view>

#include "base/fd.h"
#include "base/os.h"

namespace reeve {

// Larger ones go through a memory file.
inline constexpr std::size_t small_order_bytes_max = 64 << 10;

struct OrderChannel {
  Fd daemon_end;
  Fd keeper_end;
};

[[nodiscard]] OsResult<OrderChannel> make_order_channel();

// Never blocks and raises no SIGPIPE. EPIPE: the keeper is gone.
[[nodiscard]] OsResult<void> send_order(int daemon_end, std::string_view order);

// What was received: `bytes` of the buffer, or a file. Neither: the daemon's end is closed.
struct ReceivedOrder {
  std::size_t bytes = 0;
  Fd file;
};

// Waits for the next order; `buffer` has room for a small one. ENOTSOCK, EBADF: there is no
// channel.
[[nodiscard]] OsResult<ReceivedOrder> receive_order(int keeper_end, char* buffer);

}  // namespace reeve
