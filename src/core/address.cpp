#include "core/address.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/text.h"

namespace reeve {
namespace {

struct Special {
  const char* network;
  const char* what;
};

// The registries of special addresses (RFC 6890), and what clouds answer at. Where two match, the
// first counts.
constexpr std::array<Special, 17> special_v4{{
    {"169.254.0.0/16", "a link-local address, where clouds keep their metadata"},
    {"127.0.0.0/8", "an address of this machine"},
    {"0.0.0.0/8", "no address of a machine"},
    {"10.0.0.0/8", "a private address"},
    {"172.16.0.0/12", "a private address"},
    {"192.168.0.0/16", "a private address"},
    {"100.64.0.0/10", "a shared address behind a carrier"},
    {"192.0.0.0/24", "a reserved address"},
    {"192.0.2.0/24", "an address for documentation"},
    {"192.31.196.0/24", "a reserved address"},
    {"192.52.193.0/24", "a reserved address"},
    {"192.88.99.0/24", "a reserved address"},
    {"198.18.0.0/15", "an address for measurements"},
    {"198.51.100.0/24", "an address for documentation"},
    {"203.0.113.0/24", "an address for documentation"},
    {"224.0.0.0/4", "a multicast address"},
    {"240.0.0.0/4", "a reserved address"},
}};
constexpr std::array<Special, 7> special_v6{{
    {"fd00:ec2::254/128", "where a cloud keeps its metadata"},
    {"fe80::/10", "a link-local address"},
    {"::1/128", "an address of this machine"},
    {"::/128", "no address of a machine"},
    {"fc00::/7", "a private address"},
    {"ff00::/8", "a multicast address"},
    {"2001:db8::/32", "an address for documentation"},
}};
// Only these are given to machines of the Internet (2000::/3).
constexpr const char* global_v6 = "2000::/3";

bool contains(const Network& network, const unsigned char* address) {
  const auto whole = static_cast<std::size_t>(network.bits / 8);
  if (std::memcmp(network.address.data(), address, whole) != 0) return false;
  const int rest = network.bits % 8;
  if (rest == 0) return true;
  const auto mask = static_cast<unsigned char>(0xFF << (8 - rest));
  return (network.address[whole] & mask) == (address[whole] & mask);
}

template <std::size_t N>
const char* find_special(const std::array<Special, N>& table, const unsigned char* address) {
  for (const Special& special : table)
    if (const auto network = parse_network(special.network); network && contains(*network, address))
      return special.what;
  return nullptr;
}

// The IPv4 address that an IPv6 one stands for: mapped, translated (NAT64), 6to4, or compatible.
const unsigned char* find_inner(const unsigned char* address) {
  constexpr std::array<unsigned char, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  constexpr std::array<unsigned char, 12> translated{0, 0x64, 0xFF, 0x9B};
  constexpr std::array<unsigned char, 12> compatible{};
  for (const auto* prefix : {&mapped, &translated, &compatible})
    if (std::memcmp(address, prefix->data(), prefix->size()) == 0) return address + 12;
  if (address[0] == 0x20 && address[1] == 0x02) return address + 2;
  return nullptr;
}

const char* judge_v4(const unsigned char* address) {
  return find_special(special_v4, address);
}

const char* judge_v6(const unsigned char* address) {
  if (const char* what = find_special(special_v6, address)) return what;
  if (const unsigned char* inner = find_inner(address)) return judge_v4(inner);
  const auto global = parse_network(global_v6);
  return global && contains(*global, address) ? nullptr : "a reserved address";
}

bool is_allowed(const std::vector<Network>& allowed, int family, const unsigned char* address) {
  return std::ranges::any_of(allowed, [&](const Network& network) {
    return network.family == family && contains(network, address);
  });
}

}  // namespace

std::optional<Network> parse_network(const std::string& text) {
  const auto slash = text.find('/');
  const std::string address = text.substr(0, slash);
  Network network;
  network.family = address.find(':') == std::string::npos ? AF_INET : AF_INET6;
  const int bits_max = network.family == AF_INET ? 32 : 128;
  network.address.resize(static_cast<std::size_t>(bits_max / 8));
  network.bits = bits_max;
  if (::inet_pton(network.family, address.c_str(), network.address.data()) != 1)
    return std::nullopt;
  if (slash == std::string::npos) return network;
  const auto bits = parse_integer(text.substr(slash + 1));
  if (!bits || *bits < 0 || *bits > bits_max) return std::nullopt;
  network.bits = static_cast<int>(*bits);
  return network;
}

std::optional<std::string> find_refusal(const sockaddr& address,
                                        const std::vector<Network>& allowed) {
  const bool is_v4 = address.sa_family == AF_INET;
  if (!is_v4 && address.sa_family != AF_INET6) return "the address is of no known kind";
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  const unsigned char* bytes = nullptr;
  if (is_v4) {
    std::memcpy(&v4, &address, sizeof v4);
    bytes = reinterpret_cast<const unsigned char*>(&v4.sin_addr);
  } else {
    std::memcpy(&v6, &address, sizeof v6);
    bytes = reinterpret_cast<const unsigned char*>(&v6.sin6_addr);
  }
  const char* what = is_v4 ? judge_v4(bytes) : judge_v6(bytes);
  if (what == nullptr || is_allowed(allowed, address.sa_family, bytes)) return std::nullopt;
  const unsigned char* inner = is_v4 ? nullptr : find_inner(bytes);
  if (inner != nullptr && is_allowed(allowed, AF_INET, inner)) return std::nullopt;
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(address.sa_family, bytes, text.data(), text.size());
  return fmt::format("{} is {}; if it is meant, allow it: allow = [\"{}\"]", text.data(), what,
                     text.data());
}

}  // namespace reeve
