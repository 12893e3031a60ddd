#pragma once
// Where this user's Reeve keeps its things.

#include <optional>
#include <string>

#include "base/result.h"

namespace reeve {

struct Paths {
  std::string state;   // $REEVE_HOME, else $XDG_STATE_HOME/reeve, else ~/.local/state/reeve
  std::string config;  // config.toml: in $REEVE_HOME, else in $XDG_CONFIG_HOME/reeve
  [[nodiscard]] std::string socket() const { return state + "/reeve.sock"; }
  [[nodiscard]] std::string database() const { return state + "/reeve.db"; }
  [[nodiscard]] std::string lock() const { return state + "/daemon.lock"; }
  [[nodiscard]] std::string log() const { return state + "/daemon.log"; }
  [[nodiscard]] std::string results() const { return state + "/results"; }
};

// All absolute. Fails when there is neither REEVE_HOME nor a home directory.
[[nodiscard]] Result<Paths> find_paths();

// The pid of the process that holds a lock (fcntl) on the whole of an open file; 0 for nobody.
[[nodiscard]] int lock_holder(int fd);
// The pid of the daemon that holds the state directory. Not for the daemon itself: it would lose
// its lock.
[[nodiscard]] std::optional<int> find_daemon(const Paths& paths);

// A connected stream socket; paths longer than sockaddr_un allows are reached through their
// directory. Code `unreachable` when nobody listens.
[[nodiscard]] Result<int> connect_to(const std::string& socket_path);
// A listening socket with mode 0600; whatever is at the path is replaced.
[[nodiscard]] Result<int> listen_at(const std::string& socket_path);

}  // namespace reeve
