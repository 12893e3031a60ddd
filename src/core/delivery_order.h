#pragma once
// What the program that delivers is told, and what it answers: JSON on its standard input and
// output. Secrets are named there, never told.

#include <string>

#include "base/result.h"
#include "core/delivery.h"

namespace reeve {

struct DeliveryOrder {
  std::string id;        // the same in each repetition
  std::string occasion;  // word
  std::string subject;
  std::string text;
  std::string payload;
  UtcTime at;  // when this try begins
  Duration time_limit{0};
  NoticeWay way;
};

[[nodiscard]] std::string to_text(const DeliveryOrder& order);
[[nodiscard]] Result<DeliveryOrder> order_from_text(const std::string& text);

[[nodiscard]] std::string to_text(const TryOutcome& outcome);
[[nodiscard]] Result<TryOutcome> outcome_from_text(const std::string& text);

}  // namespace reeve
