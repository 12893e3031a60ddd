// reeve-notify: delivers one message, and ends.
//
// A process of its own, so that what servers answer is read away from the daemon, which neither
// waits nor needs the libraries for it. It dies with the daemon; a message whose end nobody heard
// of is sent again, under the same id.

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <string>

#include "notify/deliver.h"

namespace {

constexpr std::size_t order_bytes_max = 1 << 20;

std::string read_order() {
  std::string text;
  std::array<char, 65536> buffer{};
  while (text.size() <= order_bytes_max) {
    const ssize_t got = ::read(0, buffer.data(), buffer.size());
    if (got <= 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return text;
}

}  // namespace

int main() {
  const pid_t parent = ::getppid();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) return 125;
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  const auto order = reeve::order_from_text(read_order());
  if (!order) {
    static const char sentence[] =
        "reeve-notify is started by the Reeve daemon, which sends its order on standard input\n";
    (void)!::write(2, sentence, sizeof sentence - 1);
    return 125;
  }
  // Passwords pass through here: other processes of the user must not trace us. What runs a command
  // needs its own /proc, and knows no secret.
  const bool is_command = std::holds_alternative<reeve::CommandWay>(order->way) ||
                          std::holds_alternative<reeve::DesktopWay>(order->way);
  if (!is_command) ::prctl(PR_SET_DUMPABLE, 0);
  const std::string answer = to_text(reeve::notify::deliver(*order)) + "\n";
  return ::write(1, answer.data(), answer.size()) == static_cast<ssize_t>(answer.size()) ? 0 : 1;
}
