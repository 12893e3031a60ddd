#pragma once
// The sockets that jobs send their sd_notify(3) messages to.
//
// Making and unlinking one for each job would cost about as much as a tenth of starting it, so they
// are kept: taken for an attempt, given back when nothing of it lives, used again. They stand in a
// directory of the state directory, or, where its path is too long for a socket, in the kernel's
// abstract name space, under a name that can't be guessed and that stays the same over restarts.
//
// While no daemon listens, a sender gets an error (ECONNREFUSED, ENOENT), and goes on after the
// daemon has adopted the attempt.
//
// One thread. Nothing here blocks.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "base/time.h"
#include "core/notify_message.h"

namespace reeve::watch {

struct NotifyArrival {
  std::string address;    // of the socket that it came to
  NotifyMessage message;  // parsed
  std::string refused;    // or why it could not be; then the message is empty
};

class NotifySockets {
 public:
  // Makes the directory where it is missing (0700).
  [[nodiscard]] static Result<NotifySockets> open(const std::string& directory);

  // The value of NOTIFY_SOCKET for a new attempt. Code `full` when limits::notify_sockets_max are
  // taken: the attempt then runs without one.
  [[nodiscard]] Result<std::string> take();
  // Listens again at the address of an attempt that runs. Code `invalid` for an address that is
  // none of this directory's, `conflict` when it is taken already. All that run are adopted before
  // the first `take`.
  [[nodiscard]] Result<void> adopt(const std::string& address);
  // Nothing of the attempt lives. What it has sent and nobody received is dropped: receive first.
  void give_back(const std::string& address);

  // Becomes readable when there is something to receive.
  [[nodiscard]] int poll_fd() const { return poll_.get(); }
  // What has come in. From one socket limits::notify_messages_max at the most; one that has more is
  // left alone for limits::notify_pause, in which its sender waits or gets EAGAIN. Messages of
  // other users than this one and root are dropped. Descriptors that were passed along are closed,
  // which answers BARRIER=1.
  [[nodiscard]] std::vector<NotifyArrival> receive(Time now);
  // When to call `receive` again though nothing becomes readable.
  [[nodiscard]] std::optional<Time> wake_at() const;

 private:
  struct Socket {
    Fd fd;
    bool is_taken = false;
    Time window;              // since when messages are counted
    std::size_t counted = 0;  // within limits::notify_pause from there
    std::optional<Time> paused_until;
  };
  NotifySockets(std::string directory, Fd poll)
      : directory_(std::move(directory)), poll_(std::move(poll)) {}
  [[nodiscard]] Result<void> choose_names();
  [[nodiscard]] std::string address_of(int number) const;
  [[nodiscard]] std::optional<int> number_of(const std::string& address) const;
  [[nodiscard]] Result<Fd> listen(int number) const;
  [[nodiscard]] Result<void> add(int number);
  void set_polled(int number, const Socket& socket, bool is_polled) const;
  void receive_from(int number, Socket& socket, Time now, std::vector<NotifyArrival>& arrivals);

  std::string directory_;
  std::string abstract_;  // what abstract names begin with; empty: paths are used
  Fd poll_;
  std::map<int, Socket> sockets_;  // by number
  std::vector<int> free_;
  int made_ = 0;
};

}  // namespace reeve::watch
