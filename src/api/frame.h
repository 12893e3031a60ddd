#pragma once
// How clients and the daemon talk: frames of a 4-byte little-endian length and one JSON object.
//
//   request  {"v": 1, "id": 7, "op": "submitJobs", "args": {…}}
//   reply    {"id": 7, "ok": {…}}   or   {"id": 7, "error": {"code": "not_found", "message": "…"}}
//
// Replies come in any order. The operations are listed in docs/protocol.md.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace reeve {

inline constexpr std::int64_t protocol_version = 1;
inline constexpr std::size_t frame_header_bytes = 4;

[[nodiscard]] std::string to_frame(const json::value& message);
// The length that a header announces; code `too_large` beyond limits::frame_bytes_max.
[[nodiscard]] Result<std::size_t> frame_length(const std::array<char, frame_header_bytes>& header);

struct Request {
  std::int64_t id = 0;
  std::string op;
  json::object args;
};

// Refuses what is not a request, and other protocol versions, in words.
[[nodiscard]] Result<Request> parse_request(std::string_view text);
[[nodiscard]] json::object ok_reply(std::int64_t id, json::value value);
[[nodiscard]] json::object error_reply(std::int64_t id, const Error& error);

}  // namespace reeve
