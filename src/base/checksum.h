#pragma once
// FNV-1a, 64 bits (Fowler, Noll, Vo; RFC 9923): finds torn and damaged records, resists nobody.

#include <cstdint>
#include <string_view>

namespace reeve {

[[nodiscard]] constexpr std::uint64_t fnv1a(std::string_view bytes,
                                            std::uint64_t hash = 0xcbf29ce484222325ULL) {
  for (const char c : bytes) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3ULL;
  }
  return hash;
}

}  // namespace reeve
