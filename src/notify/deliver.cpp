#include "notify/deliver.h"

#include "notify/program.h"
#include "notify/transfer.h"

namespace reeve::notify {
namespace {

struct Deliver {
  const DeliveryOrder& order;
  TryOutcome operator()(const CommandWay& way) const { return run_command(order, way); }
  TryOutcome operator()(const WebhookWay& way) const { return post_webhook(order, way); }
  TryOutcome operator()(const MailWay& way) const { return send_mail(order, way); }
  TryOutcome operator()(const DesktopWay&) const { return show_on_desktop(order); }
};

}  // namespace

TryOutcome deliver(const DeliveryOrder& order) {
  return std::visit(Deliver{order}, order.way);
}

}  // namespace reeve::notify
