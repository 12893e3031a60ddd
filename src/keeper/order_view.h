#pragma once
// The keeper's view of its order: argv and environment as execve wants them, without a copy.

#include <sys/types.h>

#include <cstddef>

#include "base/os.h"
#include "keeper/order.h"

namespace reeve {

// A large order is mapped, and unmapped when the view goes, which is once the job runs: a large
// environment does not stay in the keeper's memory.
class OrderView {
 public:
  static OsResult<OrderView> open(int fd);
  // `order` outlives the view, which does not change it.
  static OsResult<OrderView> over(char* order, std::size_t bytes);
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
  OsResult<void> read(char* order, std::size_t bytes);
  void* mapping_ = nullptr;
  std::size_t mapping_bytes_ = 0;
  char** pointers_ = nullptr;
};

}  // namespace reeve
