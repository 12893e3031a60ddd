#pragma once
// Programs that are told: of the user's, and of the desktop.

#include "core/delivery_order.h"

namespace reeve::notify {

// Runs the command, contained: when this returns, nothing that it started lives, and if this
// process is killed nothing of it survives either. It gets the payload on its standard input and
// the rest as REEVE_NOTICE_… variables; exit code 0 means that it has it, anything else, and taking
// longer than the time limit, is worth another try. What it prints on stderr is quoted.
[[nodiscard]] TryOutcome run_command(const DeliveryOrder& order, const CommandWay& way);

// A bubble on the screen, by notify-send(1). Where that is missing no further try would help.
[[nodiscard]] TryOutcome show_on_desktop(const DeliveryOrder& order);

}  // namespace reeve::notify
