#pragma once
// A word to whoever started us as a service.

namespace reeve::systemd {

// "READY=1" to $NOTIFY_SOCKET, where that is set (sd_notify(3)).
void notify_ready();

}  // namespace reeve::systemd
