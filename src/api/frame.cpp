#include "api/frame.h"

#include <fmt/format.h>

#include <cstring>

#include "core/limits.h"

namespace reeve {

std::string to_frame(const json::value& message) {
  const std::string body = to_line(message);
  std::string frame(frame_header_bytes, '\0');
  for (std::size_t i = 0; i < frame_header_bytes; ++i)
    frame[i] = static_cast<char>(body.size() >> (8 * i) & 0xFF);
  return frame + body;
}

Result<std::size_t> frame_length(const std::array<char, frame_header_bytes>& header) {
  std::size_t length = 0;
  for (std::size_t i = 0; i < frame_header_bytes; ++i)
    length |= static_cast<std::size_t>(static_cast<unsigned char>(header[i])) << (8 * i);
  if (length > limits::frame_bytes_max)
    return failed(ErrorCode::too_large, fmt::format("a message has at most {} bytes, not {}",
                                                    limits::frame_bytes_max, length));
  return length;
}

Result<Request> parse_request(std::string_view text) {
  auto value = parse_json(text);
  if (!value) return std::unexpected(value.error());
  if (!value->is_object()) return failed(ErrorCode::invalid, "a request is a JSON object");
  json::object& object = value->get_object();
  const json::value* version = object.if_contains("v");
  const json::value* op = object.if_contains("op");
  const json::value* id = object.if_contains("id");
  json::value* args = object.if_contains("args");
  if (version == nullptr || !version->is_int64() || version->get_int64() != protocol_version)
    return failed(
        ErrorCode::invalid,
        "client and daemon are of different versions; run `reeve daemon restart` (jobs go "
        "on meanwhile)");
  if (op == nullptr || !op->is_string() || id == nullptr || !id->is_int64() || args == nullptr ||
      !args->is_object())
    return failed(ErrorCode::invalid, "a request has `id`, `op` and `args`");
  return Request{id->get_int64(), std::string(op->get_string()), std::move(args->get_object())};
}

json::object ok_reply(std::int64_t id, json::value value) {
  return {{"id", id}, {"ok", std::move(value)}};
}

json::object error_reply(std::int64_t id, const Error& error) {
  return {{"id", id}, {"error", {{"code", to_word(error.code)}, {"message", error.message}}}};
}

}  // namespace reeve
