#include "cli/client.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>

#include "cli/daemon_start.h"

namespace reeve::cli {
namespace {

constexpr std::chrono::seconds start_patience{15};
constexpr int start_pause_ms = 20;

// "The daemon answered nothing": it went away in the middle, which callers may mend by connecting
// again.
std::unexpected<Error> connection_lost() {
  return failed(ErrorCode::unreachable, "the connection to the daemon was lost");
}

}  // namespace

Result<Client> Client::connect(const Paths& paths, IfDown if_down) {
  auto socket = connect_to(paths.socket());
  if (!socket && if_down == IfDown::fail)
    return failed(ErrorCode::unreachable, "no daemon is running for " + paths.state);
  const auto give_up = std::chrono::steady_clock::now() + start_patience;
  while (!socket) {
    const auto started = start_daemon(paths);
    if (!started &&
        (started.error().code != ErrorCode::busy || std::chrono::steady_clock::now() > give_up))
      return failed(ErrorCode::unreachable, started.error().message);
    socket = connect_to(paths.socket());
    // The other daemon does not tell us when it listens, or is gone.
    if (!socket) ::poll(nullptr, 0, start_pause_ms);
  }
  return Client(Fd(*socket));
}

Result<std::int64_t> Client::send(const std::string& op, json::object args) {
  const std::int64_t id = next_id_++;
  const std::string frame = to_frame(
      json::object{{"v", protocol_version}, {"id", id}, {"op", op}, {"args", std::move(args)}});
  std::size_t sent = 0;
  while (sent < frame.size()) {
    const ssize_t wrote =
        ::send(socket_.get(), frame.data() + sent, frame.size() - sent, MSG_NOSIGNAL);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return connection_lost();
    sent += static_cast<std::size_t>(wrote);
  }
  return id;
}

Result<void> Client::read_all(char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t got = ::read(socket_.get(), data, size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return connection_lost();
    data += got;
    size -= static_cast<std::size_t>(got);
  }
  return {};
}

Result<json::object> Client::receive() {
  std::array<char, frame_header_bytes> header{};
  if (auto read = read_all(header.data(), header.size()); !read)
    return std::unexpected(read.error());
  const auto length = frame_length(header);
  if (!length) return std::unexpected(length.error());
  std::string body(*length, '\0');
  if (auto read = read_all(body.data(), body.size()); !read) return std::unexpected(read.error());
  const auto value = parse_json(body);
  if (!value || !value->is_object())
    return failed(ErrorCode::corrupt, "the daemon's answer is not readable");
  const json::object& object = value->get_object();
  if (const json::value* error = object.if_contains("error")) {
    const json::object& told = error->as_object();
    return failed(error_code_from_word(told.at("code").as_string()),
                  std::string(told.at("message").as_string()));
  }
  const json::value* ok = object.if_contains("ok");
  if (ok == nullptr || !ok->is_object())
    return failed(ErrorCode::corrupt, "the daemon's answer is not readable");
  return ok->get_object();
}

Result<json::object> Client::call(const std::string& op, json::object args) {
  if (auto sent = send(op, std::move(args)); !sent) return std::unexpected(sent.error());
  return receive();
}

}  // namespace reeve::cli
