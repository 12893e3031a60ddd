#pragma once
// The keeper's view of its order: argv and environment as execve wants them, without a copy.

#include <sys/types.h>

#include <cstddef>

#include "base/os.h"
#include "keeper/order.h"

namespace reeve {

// Maps the order and unmaps it when it goes, which the keeper does once the job runs: a large
// environment does not stay in its memory.
class OrderView {
 public:
  static OsResult<OrderView> open(int fd);
  OrderView(OrderView&& other) noexcept;
  OrderView& operator=(OrderView&&) = delete;
  OrderView(const OrderView&) = delete;
  OrderView& operator=(const OrderView&) = delete;
  ~OrderView();

  const OrderHeader* header = nullptr;
  const char* log_name = nullptr;
  const char* directory = nullptr;
  const char* input = nullptr;
  char** arguments = nullptr;
  char** environment = nullptr;

 private:
  OrderView() = default;
  void* mapping_ = nullptr;
  std::size_t mapping_bytes_ = 0;
  void* pointers_ = nullptr;
  std::size_t pointers_bytes_ = 0;
};

}  // namespace reeve
