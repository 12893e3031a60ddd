#pragma once
// One try to deliver one message.

#include "core/delivery_order.h"

namespace reeve::notify {

// Blocks until it is known how the try ended. For a process of its own with one thread, see
// programs/notify_main.cpp.
[[nodiscard]] TryOutcome deliver(const DeliveryOrder& order);

}  // namespace reeve::notify
