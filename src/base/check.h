#pragma once
// Bugs end the process: a daemon that continued with a broken state could say something untrue.
// Keepers keep the jobs alive meanwhile.

#include <source_location>

namespace reeve {

// Prints the place and the sentence to stderr and aborts.
[[noreturn]] void fail_check(const char* sentence, const std::source_location& where);

// Stays on in release builds. `sentence` says what must hold.
inline void check(bool holds, const char* sentence,
                  const std::source_location& where = std::source_location::current()) {
  if (!holds) fail_check(sentence, where);
}

}  // namespace reeve
