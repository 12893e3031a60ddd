#pragma once
// The command line's end of the protocol: blocking calls to the daemon.

#include <cstdint>
#include <string>

#include "api/frame.h"
#include "api/paths.h"
#include "base/fd.h"
#include "base/result.h"

namespace reeve::cli {

enum class IfDown { start, fail };

class Client {
 public:
  // Connects; with IfDown::start a daemon is started when none answers, and this returns when it
  // is ready. Code `unreachable` when there is none to be had, with the reason.
  static Result<Client> connect(const Paths& paths, IfDown if_down);

  [[nodiscard]] Result<json::object> call(const std::string& op, json::object args);

  // The two halves of a call, for waiting on other things as well. `descriptor` becomes readable
  // when a reply (or the end of the connection) is there.
  [[nodiscard]] Result<std::int64_t> send(const std::string& op, json::object args);
  [[nodiscard]] Result<json::object> receive();
  [[nodiscard]] int descriptor() const { return socket_.get(); }

 private:
  explicit Client(Fd socket) : socket_(std::move(socket)) {}
  Result<void> read_all(char* data, std::size_t size);

  Fd socket_;
  std::int64_t next_id_ = 1;
};

}  // namespace reeve::cli
