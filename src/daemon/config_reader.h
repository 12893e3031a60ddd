#pragma once
// Reading tables of config.toml strictly: known keys with what to do with their value.

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/mistake.h"
#include "base/time.h"
#include "base/toml.h"

namespace reeve {

// Takes a value, or says what it expected when it can't.
using Take = std::function<const char*(const toml::node&)>;

// Each mistake is told with its place.
void read_table(const toml::table& table, Mistakes& mistakes,
                const std::map<std::string, Take>& keys);

template <typename T>
Take count_into(T& out, std::int64_t least) {
  return [&out, least](const toml::node& node) -> const char* {
    const auto value = node.value_exact<std::int64_t>();
    if (!value || *value < least || *value > 1'000'000) return "a whole number";
    out = static_cast<T>(*value);
    return nullptr;
  };
}
[[nodiscard]] Take size_into(std::int64_t& out);
// Absolute; slashes at its end go.
[[nodiscard]] Take path_into(std::string& out);
[[nodiscard]] Take flag_into(bool& out);
// Not empty, without control characters.
[[nodiscard]] Take text_into(std::string& out);
// One text, or an array of them; not empty.
[[nodiscard]] Take texts_into(std::vector<std::string>& out);
[[nodiscard]] Take duration_into(Duration& out, Duration least, Duration most);
// A nested table with its own keys, whose mistakes have their own places.
[[nodiscard]] Take table_into(std::map<std::string, Take> keys, Mistakes& mistakes);

}  // namespace reeve
