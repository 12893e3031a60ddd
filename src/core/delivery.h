#pragma once
// One message to one target, and what became of it.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/time.h"
#include "core/notice.h"

namespace reeve {

enum class DeliveryState : std::uint8_t {
  pending,    // to be sent, or sent again
  delivered,  // the target has confirmed it
  failed,     // given up, or refused for good
  folded,     // told by a digest instead
};
[[nodiscard]] std::string_view to_word(DeliveryState state);
[[nodiscard]] std::optional<DeliveryState> delivery_state_from_word(std::string_view word);

struct Delivery {
  std::int64_t id = 0;  // never given out twice
  std::string target;
  Occasion occasion = Occasion::end;
  JobId job;  // 0: about no single one
  std::int32_t attempt = 0;
  std::int64_t event = 0;  // sequence number of the event that it tells; 0: none
  std::string subject;
  std::string payload;
  DeliveryState state = DeliveryState::pending;
  std::int32_t tries = 0;
  Time due;                 // when it is sent, or sent again
  std::int64_t digest = 0;  // the delivery that told it, when it is folded
  std::string error;        // of the last try
  UtcTime created_at;
  UtcTime tried_at;
  UtcTime ended_at;
};

// How one try ended.
struct TryOutcome {
  enum class Kind : std::uint8_t {
    delivered,
    temporary,  // worth another try
    permanent,  // the same message to the same place will be refused again
  };
  Kind kind = Kind::temporary;
  std::string error;
  std::optional<Duration> retry_after;  // asked for by the target
};

}  // namespace reeve
