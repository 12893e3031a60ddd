#include "core/validation.h"

#include <array>
#include <cstddef>

namespace reeve {

std::string_view to_word(ResultsVerdict verdict) {
  static constexpr std::array<std::string_view, 4> words{"unchecked", "valid", "invalid",
                                                         "inconclusive"};
  return words[static_cast<std::size_t>(verdict)];
}

}  // namespace reeve
