#include "engine/local/idle_keepers.h"

#include <utility>

#include "core/limits.h"
#include "keeper/order_channel.h"

namespace reeve {
namespace {

void give_back(IdleKeeper& keeper, std::optional<CgroupPool>& pool) {
  if (pool && !keeper.cgroup.empty()) pool->release(keeper.cgroup, false);
}

}  // namespace

std::optional<IdleKeeper> IdleKeepers::reuse(std::string_view order, std::int64_t generation,
                                             std::int64_t logs_bucket,
                                             std::optional<CgroupPool>& pool) {
  while (!keepers_.empty()) {
    // What the one that has just become idle needs is still in the caches.
    IdleKeeper keeper = std::move(keepers_.back());
    keepers_.pop_back();
    if (keeper.generation == generation && keeper.logs_bucket == logs_bucket &&
        send_order(keeper.orders.get(), order))
      return keeper;
    give_back(keeper, pool);
  }
  return std::nullopt;
}

void IdleKeepers::let_go(Time since, std::optional<CgroupPool>& pool) {
  while (!keepers_.empty() &&
         (keepers_.front().since <= since || keepers_.size() > limits::idle_keepers_max)) {
    give_back(keepers_.front(), pool);
    keepers_.pop_front();
  }
}

}  // namespace reeve
