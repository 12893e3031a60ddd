#include "keeper/order_view.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <utility>

namespace reeve {

OsResult<OrderView> OrderView::open(int fd) {
  struct stat info{};
  if (fstat(fd, &info) != 0) return os_failed("find the order");
  OrderView view;
  view.mapping_bytes_ = static_cast<std::size_t>(info.st_size);
  if (view.mapping_bytes_ < sizeof(OrderHeader)) return os_failed("read the order", EBADMSG);
  void* mapping = mmap(nullptr, view.mapping_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  if (mapping == MAP_FAILED) return os_failed("map the order");
  view.mapping_ = mapping;
  if (auto read = view.read(static_cast<char*>(mapping), view.mapping_bytes_); !read)
    return std::unexpected(read.error());
  return view;
}

OsResult<OrderView> OrderView::over(char* order, std::size_t bytes) {
  OrderView view;
  if (auto read = view.read(order, bytes); !read) return std::unexpected(read.error());
  return view;
}

OsResult<void> OrderView::read(char* order, std::size_t bytes) {
  if (bytes < sizeof(OrderHeader)) return os_failed("read the order", EBADMSG);
  header = reinterpret_cast<const OrderHeader*>(order);
  if (header->version != order_version) return os_failed("understand the order", EPROTO);

  char* at = order + sizeof(OrderHeader);
  char* const end = order + bytes;
  const auto next = [&]() -> char* {
    char* const text = at;
    if (at < end) at += strnlen(at, static_cast<std::size_t>(end - at)) + 1;
    return at <= end && text < end ? text : nullptr;
  };
  log_name = next();
  directory = next();
  input = next();
  if (input == nullptr) return os_failed("read the order", EBADMSG);

  const std::size_t slots = std::size_t{header->argument_count} + header->environment_count + 2;
  // Each string takes a byte at least.
  if (slots > bytes + 2) return os_failed("read the order", EBADMSG);
  pointers_ = static_cast<char**>(malloc(slots * sizeof(char*)));
  if (pointers_ == nullptr) return os_failed("read the order", ENOMEM);
  char** slot = pointers_;
  arguments = slot;
  for (std::uint32_t i = 0; i < header->argument_count; ++i)
    if ((*slot++ = next()) == nullptr) return os_failed("read the order", EBADMSG);
  *slot++ = nullptr;
  environment = slot;
  for (std::uint32_t i = 0; i < header->environment_count; ++i)
    if ((*slot++ = next()) == nullptr) return os_failed("read the order", EBADMSG);
  *slot = nullptr;
  return {};
}

OrderView::OrderView(OrderView&& other) noexcept
    : header(other.header),
      log_name(other.log_name),
      directory(other.directory),
      input(other.input),
      arguments(other.arguments),
      environment(other.environment),
      mapping_(std::exchange(other.mapping_, nullptr)),
      mapping_bytes_(other.mapping_bytes_),
      pointers_(std::exchange(other.pointers_, nullptr)) {}

OrderView::~OrderView() {
  if (mapping_ != nullptr) munmap(mapping_, mapping_bytes_);
  free(pointers_);
}

}  // namespace reeve
