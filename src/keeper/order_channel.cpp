#include "keeper/order_channel.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

namespace reeve {
namespace {

// Data, and room for one descriptor beside it (unix(7), SCM_RIGHTS).
struct Message {
  Message(void* bytes, std::size_t size) : data{bytes, size} {
    header.msg_iov = &data;
    header.msg_iovlen = 1;
  }
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;

  void make_room_for_descriptor() {
    header.msg_control = control;
    header.msg_controllen = sizeof control;
  }

  iovec data;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr header{};
};

OsResult<Fd> write_sealed(std::string_view bytes) {
  Fd file(memfd_create("reeve-order", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file) return os_failed("make the keeper's order");
  while (!bytes.empty()) {
    const ssize_t wrote = write(file.get(), bytes.data(), bytes.size());
    if (wrote <= 0) return os_failed("write the keeper's order");
    bytes.remove_prefix(static_cast<std::size_t>(wrote));
  }
  fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
  return file;
}

OsResult<void> send_message(int daemon_end, const Message& message) {
  if (sendmsg(daemon_end, &message.header, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
    return os_failed("send the keeper's order");
  return {};
}

}  // namespace

OsResult<OrderChannel> make_order_channel() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return os_failed("make a keeper's channel");
  return OrderChannel{Fd(ends[0]), Fd(ends[1])};
}

OsResult<void> send_order(int daemon_end, std::string_view order) {
  if (order.size() <= small_order_bytes_max)
    return send_message(daemon_end, Message(const_cast<char*>(order.data()), order.size()));
  auto file = write_sealed(order);
  if (!file) return std::unexpected(file.error());
  char byte = 0;  // a message without data would look like the end
  Message message(&byte, 1);
  message.make_room_for_descriptor();
  cmsghdr* const rights = CMSG_FIRSTHDR(&message.header);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof(int));
  const int descriptor = file->get();
  memcpy(CMSG_DATA(rights), &descriptor, sizeof descriptor);
  return send_message(daemon_end, message);
}

OsResult<ReceivedOrder> receive_order(int keeper_end, char* buffer) {
  Message message(buffer, small_order_bytes_max);
  message.make_room_for_descriptor();
  ssize_t got = -1;
  do {
    got = recvmsg(keeper_end, &message.header, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return os_failed("receive an order");
  const cmsghdr* const rights = CMSG_FIRSTHDR(&message.header);
  if (rights == nullptr || rights->cmsg_type != SCM_RIGHTS)
    return ReceivedOrder{static_cast<std::size_t>(got), Fd()};
  int descriptor = -1;
  memcpy(&descriptor, CMSG_DATA(rights), sizeof descriptor);
  return ReceivedOrder{0, Fd(descriptor)};
}

}  // namespace reeve
