#include "core/launch_context.h"

#include <boost/describe/class.hpp>

#include "base/json.h"

namespace reeve {

BOOST_DESCRIBE_STRUCT(LaunchContext, (), (environment, umask, limits))

std::string to_text(const LaunchContext& context) {
  return to_line(encode_json(context));
}

Result<LaunchContext> context_from_text(const std::string& text) {
  LaunchContext context;
  const auto value = parse_json(text);
  if (!value) return std::unexpected(value.error());
  if (auto decoded = decode_json(*value, context, "context"); !decoded)
    return std::unexpected(decoded.error());
  return context;
}

}  // namespace reeve
