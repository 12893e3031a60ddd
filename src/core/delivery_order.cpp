#include "core/delivery_order.h"

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>
#include <boost/describe/enum_to_string.hpp>
#include <optional>

#include "base/json.h"

namespace reeve {

BOOST_DESCRIBE_ENUM(MailTls, starttls, tls, none)
BOOST_DESCRIBE_STRUCT(SecretPlace, (), (file, variable))
BOOST_DESCRIBE_STRUCT(CommandWay, (), (words))
BOOST_DESCRIBE_STRUCT(WebhookWay, (), (url, url_place, key, token, ca_file, allow, plain_http))
BOOST_DESCRIBE_STRUCT(MailWay, (), (host, port, tls, user, password, from, to, ca_file))
BOOST_DESCRIBE_STRUCT(DesktopWay, (), ())

namespace {

// One of the ways is there.
struct OrderOnTheWire {
  std::string id;
  std::string occasion;
  std::string subject;
  std::string text;
  std::string payload;
  std::int64_t at_ms = 0;
  Duration time_limit{0};
  std::optional<CommandWay> command;
  std::optional<WebhookWay> webhook;
  std::optional<MailWay> mail;
  std::optional<DesktopWay> desktop;
};
BOOST_DESCRIBE_STRUCT(OrderOnTheWire, (),
                      (id, occasion, subject, text, payload, at_ms, time_limit, command, webhook,
                       mail, desktop))

enum class OutcomeKind : std::uint8_t { delivered, temporary, permanent };
BOOST_DESCRIBE_ENUM(OutcomeKind, delivered, temporary, permanent)
struct OutcomeOnTheWire {
  OutcomeKind kind = OutcomeKind::temporary;
  std::string error;
  std::optional<Duration> retry_after;
};
BOOST_DESCRIBE_STRUCT(OutcomeOnTheWire, (), (kind, error, retry_after))

template <typename T>
Result<T> decode(const std::string& text) {
  const auto value = parse_json(text);
  if (!value) return std::unexpected(value.error());
  T out;
  if (auto decoded = decode_json(*value, out, ""); !decoded)
    return std::unexpected(decoded.error());
  return out;
}

}  // namespace

std::string to_text(const DeliveryOrder& order) {
  OrderOnTheWire wire{order.id,
                      order.occasion,
                      order.subject,
                      order.text,
                      order.payload,
                      order.at.ms,
                      order.time_limit,
                      {},
                      {},
                      {},
                      {}};
  if (const auto* command = std::get_if<CommandWay>(&order.way)) wire.command = *command;
  if (const auto* webhook = std::get_if<WebhookWay>(&order.way)) wire.webhook = *webhook;
  if (const auto* mail = std::get_if<MailWay>(&order.way)) wire.mail = *mail;
  if (const auto* desktop = std::get_if<DesktopWay>(&order.way)) wire.desktop = *desktop;
  return to_line(encode_json(wire));
}

Result<DeliveryOrder> order_from_text(const std::string& text) {
  auto wire = decode<OrderOnTheWire>(text);
  if (!wire) return failed(wire.error(), "read the order");
  DeliveryOrder order{wire->id,      wire->occasion, wire->subject,    wire->text,
                      wire->payload, {wire->at_ms},  wire->time_limit, DesktopWay{}};
  if (wire->command)
    order.way = *wire->command;
  else if (wire->webhook)
    order.way = *wire->webhook;
  else if (wire->mail)
    order.way = *wire->mail;
  else if (!wire->desktop)
    return failed(ErrorCode::invalid, "the order names no way");
  return order;
}

std::string to_text(const TryOutcome& outcome) {
  return to_line(encode_json(OutcomeOnTheWire{static_cast<OutcomeKind>(outcome.kind), outcome.error,
                                              outcome.retry_after}));
}

Result<TryOutcome> outcome_from_text(const std::string& text) {
  auto wire = decode<OutcomeOnTheWire>(text);
  if (!wire) return failed(wire.error(), "read the outcome");
  return TryOutcome{static_cast<TryOutcome::Kind>(wire->kind), wire->error, wire->retry_after};
}

}  // namespace reeve
