#include "keeper/order_view.h"

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
  view.header = static_cast<const OrderHeader*>(mapping);
  if (view.header->version != order_version) return os_failed("understand the order", EPROTO);

  char* at = static_cast<char*>(mapping) + sizeof(OrderHeader);
  char* const end = static_cast<char*>(mapping) + view.mapping_bytes_;
  const auto next = [&]() -> char* {
    char* const text = at;
    if (at < end) at += strnlen(at, static_cast<std::size_t>(end - at)) + 1;
    return at <= end && text < end ? text : nullptr;
  };
  view.log_name = next();
  view.directory = next();
  view.input = next();
  if (view.input == nullptr) return os_failed("read the order", EBADMSG);

  const std::size_t slots =
      std::size_t{view.header->argument_count} + view.header->environment_count + 2;
  // Each string takes a byte at least.
  if (slots > view.mapping_bytes_ + 2) return os_failed("read the order", EBADMSG);
  view.pointers_bytes_ = slots * sizeof(char*);
  void* pointers = mmap(nullptr, view.pointers_bytes_, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pointers == MAP_FAILED) return os_failed("map the order");
  view.pointers_ = pointers;
  char** slot = static_cast<char**>(pointers);
  view.arguments = slot;
  for (std::uint32_t i = 0; i < view.header->argument_count; ++i)
    if ((*slot++ = next()) == nullptr) return os_failed("read the order", EBADMSG);
  *slot++ = nullptr;
  view.environment = slot;
  for (std::uint32_t i = 0; i < view.header->environment_count; ++i)
    if ((*slot++ = next()) == nullptr) return os_failed("read the order", EBADMSG);
  *slot = nullptr;
  return view;
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
      pointers_(std::exchange(other.pointers_, nullptr)),
      pointers_bytes_(other.pointers_bytes_) {}

OrderView::~OrderView() {
  if (mapping_ != nullptr) munmap(mapping_, mapping_bytes_);
  if (pointers_ != nullptr) munmap(pointers_, pointers_bytes_);
}

}  // namespace reeve
