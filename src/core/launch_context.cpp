#include "core/launch_context.h"

#include <boost/describe/class.hpp>

#include "base/json.h"

namespace reeve {

namespace {

constexpr char separator = '\x1e';  // no JSON text has one in it

}  // namespace

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

std::string join_recorded(const Recorded& recorded) {
  std::string text(recorded.context);
  if (recorded.provenance.empty()) return text;
  text += separator;
  return text += recorded.provenance;
}

Recorded split_recorded(std::string_view text) {
  const auto end = text.find(separator);
  if (end == std::string_view::npos) return {text, {}};
  return {text.substr(0, end), text.substr(end + 1)};
}

}  // namespace reeve
