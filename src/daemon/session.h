#pragma once
// One client on the daemon's Unix socket: frames in, frames out.

#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "api/frame.h"
#include "base/result.h"
#include "daemon/service.h"

namespace boost::asio {
class io_context;  // NOLINT(readability-identifier-naming): Boost's name
}

namespace reeve {

// Accepts clients of this user and hands their requests to the service. Everything runs on the
// io_context's thread. Bounds: limits::sessions_max clients, limits::frame_bytes_max a message,
// limits::session_backlog_bytes_max of replies that a client has not read.
class SessionServer {
 public:
  // `listening` is a listening Unix socket; it is taken over. `after_request` is called once after
  // each request.
  SessionServer(boost::asio::io_context& context, int listening, Service& service,
                std::function<void()> after_request);
  ~SessionServer();
  SessionServer(const SessionServer&) = delete;
  SessionServer& operator=(const SessionServer&) = delete;

  // Stops accepting, and closes every session once its replies are written.
  void close();
  [[nodiscard]] std::size_t sessions() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;  // shared with the callbacks that are under way
};

}  // namespace reeve
