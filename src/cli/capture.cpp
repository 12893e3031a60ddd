#include "cli/capture.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/launch_context.h"

namespace reeve::cli {

std::string capture_context() {
  LaunchContext context;
  for (char** variable = environ; *variable != nullptr; ++variable)
    context.environment.emplace_back(*variable);
  context.umask = ::umask(0);
  ::umask(static_cast<mode_t>(context.umask));
  for (int resource = 0; resource < RLIM_NLIMITS; ++resource) {
    rlimit limit{};
    ::getrlimit(static_cast<__rlimit_resource>(resource), &limit);
    context.limits.push_back(
        {static_cast<std::int64_t>(limit.rlim_cur), static_cast<std::int64_t>(limit.rlim_max)});
  }
  return to_text(context);
}

}  // namespace reeve::cli
