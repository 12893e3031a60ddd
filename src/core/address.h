#pragma once
// Which addresses a webhook may be sent to.
//
// An address in a configuration is a promise about a name, and whoever answers for the name can
// point it at machines that only we reach: a cloud's metadata service, a router, a database. So the
// address is judged when the connection is made, not before, and only public ones pass unless the
// configuration allows their network.

#include <sys/socket.h>

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace reeve {

// "10.0.0.0/8", "fd00::/8", or one address.
struct Network {
  int family = 0;
  std::vector<unsigned char> address;  // network order
  int bits = 0;
};
[[nodiscard]] std::optional<Network> parse_network(const std::string& text);

// Why the address must not be reached, in words that name it and how to allow it; nothing when it
// may be.
[[nodiscard]] std::optional<std::string> find_refusal(const sockaddr& address,
                                                      const std::vector<Network>& allowed);

}  // namespace reeve
