#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace reeve {

void fail_check(const char* sentence, const std::source_location& where) {
  std::fprintf(stderr, "reeve: bug at %s:%u: this must hold: %s\n", where.file_name(),
               static_cast<unsigned>(where.line()), sentence);
  std::abort();
}

}  // namespace reeve
