#include "watch/notify_sockets.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <fstream>

#include "base/text.h"
#include "core/limits.h"

namespace reeve::watch {
namespace {

constexpr std::size_t path_bytes_max = sizeof(sockaddr_un::sun_path) - 1;
// Longer than any number that a socket gets.
constexpr std::size_t number_bytes_max = 8;
constexpr std::size_t random_bytes = 16;
// A message may carry descriptors, and always carries who sent it.
constexpr std::size_t passed_fds_max = 16;
// More than the kernel queues for a socket; nobody can hold us up by sending on and on.
constexpr int drained_max = 1024;

struct Address {
  sockaddr_un name{};
  socklen_t length = 0;
};

Address to_address(const std::string& text) {
  Address address;
  address.name.sun_family = AF_UNIX;
  std::memcpy(address.name.sun_path, text.data(), std::min(text.size(), path_bytes_max));
  address.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + text.size());
  if (text.starts_with('@'))
    address.name.sun_path[0] = '\0';  // an abstract name, whose length counts
  else
    ++address.length;
  return address;
}

// A name that outlives the daemon: the sockets of running jobs are called by it.
Result<std::string> random_name(const std::string& file) {
  std::string name;
  std::getline(std::ifstream(file), name);
  const bool is_whole = name.size() == 2 * random_bytes &&
                        name.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (is_whole) return name;
  std::array<unsigned char, random_bytes> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    return failed(OsError{errno, "get random bytes"});
  name.clear();
  for (const unsigned char byte : bytes) name += fmt::format("{:02x}", byte);
  std::ofstream out(file, std::ios::trunc);
  out << name << '\n';
  if (!out.flush()) return failed(ErrorCode::io, "cannot write " + file);
  return name;
}

// What recvmsg gave beside the bytes.
struct Received {
  std::size_t bytes = 0;
  bool is_whole = false;
  std::optional<uid_t> sender;
};

// Closes the descriptors that came along.
void read_control(msghdr& header, Received& received) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET) continue;
    if (part->cmsg_type == SCM_RIGHTS) {
      for (std::size_t at = 0; at + sizeof(int) <= part->cmsg_len - CMSG_LEN(0);
           at += sizeof(int)) {
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(part) + at, sizeof fd);
        ::close(fd);
      }
    } else if (part->cmsg_type == SCM_CREDENTIALS) {
      ucred credentials{};
      std::memcpy(&credentials, CMSG_DATA(part), sizeof credentials);
      received.sender = credentials.uid;
    }
  }
}

// Nothing when nothing is there.
std::optional<Received> receive_one(int fd, std::string& buffer) {
  buffer.resize(limits::notify_bytes_max);
  iovec piece{buffer.data(), buffer.size()};
  alignas(cmsghdr)
      std::array<char, CMSG_SPACE(sizeof(ucred)) + CMSG_SPACE(passed_fds_max * sizeof(int))>
          control{};
  msghdr header{};
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  ssize_t length = 0;
  do {
    length = ::recvmsg(fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (length < 0 && errno == EINTR);
  if (length < 0) return std::nullopt;
  Received received{static_cast<std::size_t>(length), (header.msg_flags & MSG_TRUNC) == 0, {}};
  read_control(header, received);
  return received;
}

void drain(int fd) {
  std::string buffer;
  for (int i = 0; i < drained_max && receive_one(fd, buffer); ++i) {
  }
}

}  // namespace

Result<NotifySockets> NotifySockets::open(const std::string& directory) {
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST)
    return failed(OsError{errno, "make the directory of the notify sockets"});
  Fd poll(::epoll_create1(EPOLL_CLOEXEC));
  if (!poll) return failed(OsError{errno, "make a poll descriptor"});
  NotifySockets sockets(directory, std::move(poll));
  if (auto chosen = sockets.choose_names(); !chosen) return std::unexpected(chosen.error());
  return sockets;
}

Result<void> NotifySockets::choose_names() {
  if (directory_.size() + 1 + number_bytes_max <= path_bytes_max) return {};
  const auto name = random_name(directory_ + "/abstract");
  if (!name) return std::unexpected(name.error());
  abstract_ = "@reeve-" + *name + "-";
  return {};
}

std::string NotifySockets::address_of(int number) const {
  return fmt::format("{}{}", abstract_.empty() ? directory_ + "/" : abstract_, number);
}

std::optional<int> NotifySockets::number_of(const std::string& address) const {
  const std::string prefix = abstract_.empty() ? directory_ + "/" : abstract_;
  if (!address.starts_with(prefix)) return std::nullopt;
  const auto number = parse_integer(std::string_view(address).substr(prefix.size()));
  // Written as we would: no sign, no zeros in front.
  if (!number || *number < 1 || *number > limits::notify_number_max ||
      address_of(static_cast<int>(*number)) != address)
    return std::nullopt;
  return static_cast<int>(*number);
}

Result<Fd> NotifySockets::listen(int number) const {
  Fd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return failed(OsError{errno, "make a notify socket"});
  const int on = 1;
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0)
    return failed(OsError{errno, "ask a notify socket for its senders"});
  const std::string text = address_of(number);
  if (abstract_.empty()) ::unlink(text.c_str());
  const Address address = to_address(text);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address.name), address.length) != 0)
    return failed(OsError{errno, "name a notify socket"});
  return fd;
}

Result<void> NotifySockets::add(int number) {
  auto fd = listen(number);
  if (!fd) return std::unexpected(fd.error());
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = number;
  if (::epoll_ctl(poll_.get(), EPOLL_CTL_ADD, fd->get(), &event) != 0)
    return failed(OsError{errno, "watch a notify socket"});
  Socket& socket = sockets_[number];
  socket.fd = std::move(*fd);
  socket.is_taken = true;
  made_ = std::max(made_, number);
  return {};
}

Result<std::string> NotifySockets::take() {
  if (!free_.empty()) {
    const int number = free_.back();
    free_.pop_back();
    Socket& socket = sockets_.at(number);
    // What was sent since it was given back is of nobody.
    drain(socket.fd.get());
    socket.is_taken = true;
    set_polled(number, socket, true);
    return address_of(number);
  }
  if (sockets_.size() >= limits::notify_sockets_max)
    return failed(ErrorCode::full, "there are no more notify sockets");
  const int number = made_ + 1;
  if (auto added = add(number); !added) return std::unexpected(added.error());
  return address_of(number);
}

Result<void> NotifySockets::adopt(const std::string& address) {
  const auto number = number_of(address);
  if (!number) return failed(ErrorCode::invalid, "no notify socket of ours: " + printable(address));
  if (sockets_.contains(*number))
    return failed(ErrorCode::conflict, "the notify socket is taken: " + printable(address));
  return add(*number);
}

// It is not polled while it is free: nobody could keep us awake through it.
void NotifySockets::give_back(const std::string& address) {
  const auto number = number_of(address);
  const auto found = number ? sockets_.find(*number) : sockets_.end();
  if (found == sockets_.end() || !found->second.is_taken) return;
  Socket& socket = found->second;
  drain(socket.fd.get());
  socket.is_taken = false;
  socket.paused_until.reset();
  set_polled(*number, socket, false);
  free_.push_back(*number);
}

void NotifySockets::set_polled(int number, const Socket& socket, bool is_polled) const {
  epoll_event event{};
  event.events = is_polled ? static_cast<std::uint32_t>(EPOLLIN) : 0U;
  event.data.fd = number;
  ::epoll_ctl(poll_.get(), EPOLL_CTL_MOD, socket.fd.get(), &event);
}

std::vector<NotifyArrival> NotifySockets::receive(Time now) {
  std::vector<NotifyArrival> arrivals;
  for (auto& [number, socket] : sockets_) {
    if (!socket.paused_until || *socket.paused_until > now) continue;
    socket.paused_until.reset();
    set_polled(number, socket, true);
  }
  std::array<epoll_event, 64> events{};
  const int count = ::epoll_wait(poll_.get(), events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < count; ++i) {
    const int number = events[static_cast<std::size_t>(i)].data.fd;
    receive_from(number, sockets_.at(number), now, arrivals);
  }
  return arrivals;
}

void NotifySockets::receive_from(int number, Socket& socket, Time now,
                                 std::vector<NotifyArrival>& arrivals) {
  if (now - socket.window >= limits::notify_pause) {
    socket.window = now;
    socket.counted = 0;
  }
  const std::string address = address_of(number);
  std::string buffer;
  while (socket.counted < limits::notify_messages_max) {
    const auto received = receive_one(socket.fd.get(), buffer);
    if (!received) return;
    ++socket.counted;
    if (!received->sender || (*received->sender != ::getuid() && *received->sender != 0)) continue;
    NotifyArrival arrival{address, {}, ""};
    auto message = received->is_whole
                       ? parse_notify(std::string_view(buffer).substr(0, received->bytes))
                       : failed(ErrorCode::too_large, "a message that is too large");
    if (message)
      arrival.message = std::move(*message);
    else
      arrival.refused = message.error().message;
    arrivals.push_back(std::move(arrival));
  }
  socket.paused_until = socket.window + limits::notify_pause;
  set_polled(number, socket, false);
}

std::optional<Time> NotifySockets::wake_at() const {
  std::optional<Time> earliest;
  for (const auto& [number, socket] : sockets_)
    if (socket.paused_until)
      earliest = std::min(earliest.value_or(*socket.paused_until), *socket.paused_until);
  return earliest;
}

}  // namespace reeve::watch
