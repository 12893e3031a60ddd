#pragma once
// Over the network, by libcurl. Blocks for at most the order's time limit.

#include <string>

#include "core/delivery_order.h"

namespace reeve::notify {

// POST of the payload. What answers 2xx has it; 408, 425, 429 and 5xx, and whatever kept us from
// an answer, are worth another try; other answers are not. Redirections are not followed, no proxy
// is used, and certificates count.
[[nodiscard]] TryOutcome post_webhook(const DeliveryOrder& order, const WebhookWay& way);

// By SMTP. A 4xx reply, and whatever kept us from a reply, is worth another try, and so is a
// refused password: it can be put right. Other 5xx replies are not.
[[nodiscard]] TryOutcome send_mail(const DeliveryOrder& order, const MailWay& way);

// What signs a webhook (Standard Webhooks, symmetric): "v1,…", over id, time and payload. A key
// that begins with `whsec_` is base64 from there on.
[[nodiscard]] std::string signature_of(const std::string& key, const std::string& id,
                                       std::int64_t seconds, const std::string& payload);

}  // namespace reeve::notify
