#include "core/secret.h"

#include <algorithm>
#include <cctype>

#include "core/limits.h"

namespace reeve {

bool is_secret_name(std::string_view name, const std::vector<std::string>& marked) {
  if (std::ranges::find(marked, name) != marked.end()) return true;
  std::string upper(name);
  std::ranges::transform(upper, upper.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  for (const char* part : {"TOKEN", "SECRET", "PASSW", "KEY", "CREDENTIAL"})
    if (upper.find(part) != std::string::npos) return true;
  return false;
}

std::vector<std::string> secret_values(const JobSpec& spec,
                                       const std::vector<std::string>& environment) {
  std::vector<std::string> values;
  const auto consider = [&](std::string_view name, std::string_view value) {
    if (value.size() >= limits::secret_bytes_min && is_secret_name(name, spec.secrets))
      values.emplace_back(value);
  };
  for (const std::string_view variable : environment)
    if (const auto equals = variable.find('='); equals != std::string_view::npos)
      consider(variable.substr(0, equals), variable.substr(equals + 1));
  for (const auto& [name, value] : spec.environment) consider(name, value);
  // A value that holds another goes first, else a part of it would stay.
  std::ranges::sort(values, [](const auto& a, const auto& b) {
    return a.size() != b.size() ? a.size() > b.size() : a < b;
  });
  const auto twice = std::ranges::unique(values);
  values.erase(twice.begin(), twice.end());
  return values;
}

std::string mask_secrets(std::string text, const std::vector<std::string>& values) {
  for (const std::string& value : values) {
    if (value.empty()) continue;
    for (std::size_t at = 0; (at = text.find(value, at)) != std::string::npos; at += 3)
      text.replace(at, value.size(), "***");
  }
  return text;
}

}  // namespace reeve
