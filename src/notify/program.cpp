#include "notify/program.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "base/fd.h"
#include "base/memory_file.h"
#include "base/text.h"
#include "contain/enclosure.h"

namespace reeve::notify {
namespace {

using Kind = TryOutcome::Kind;

constexpr std::size_t quoted_bytes_max = 500;

// The last line that it printed, which most often says what went wrong.
std::string last_words(int fd) {
  const off_t length = ::lseek(fd, 0, SEEK_END);
  const off_t from = std::max<off_t>(0, length - static_cast<off_t>(quoted_bytes_max));
  std::string text(static_cast<std::size_t>(std::max<off_t>(0, length - from)), '\0');
  const ssize_t got = ::pread(fd, text.data(), text.size(), from);
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  while (text.ends_with('\n')) text.pop_back();
  text = text.substr(text.rfind('\n') == std::string::npos ? 0 : text.rfind('\n') + 1);
  return printable(valid_utf8(text));
}

std::string end_in_words(const Report& end, const std::string& program) {
  if (end.launch == Report::Launch::not_executable)
    return fmt::format("{}: can't be executed: {}", program,
                       std::strerror(end.launch_errno));  // NOLINT(concurrency-mt-unsafe)
  if (end.launch != Report::Launch::executed) return program + " could not be started";
  if (end.is_guardian_dead) return fmt::format("a guardian of {} was killed", program);
  if (end.is_over_time)
    return fmt::format("{} took longer than its time limit; it was ended", program);
  if (WIFSIGNALED(end.wait_status))
    return fmt::format("{} was ended by {}", program, signal_name(WTERMSIG(end.wait_status)));
  return fmt::format("{} ended with exit code {}", program, WEXITSTATUS(end.wait_status));
}

// Not through a signal handler: nothing but the end of the command is waited for.
Report wait_for_end(Enclosure& enclosure) {
  while (true) {
    const auto report = enclosure.next_report();
    if (report && report->kind == Report::Kind::ended) return *report;
    if (report) continue;
    pollfd wanted{enclosure.reports(), POLLIN, 0};
    ::poll(&wanted, 1, -1);
  }
}

// What a program of the user's needs to be itself, and nothing else of the daemon's environment,
// where secrets for other targets may be.
void set_environment(const DeliveryOrder& order) {
  std::vector<std::string> variables{"REEVE_NOTICE_ID=" + order.id,
                                     "REEVE_NOTICE_KIND=" + order.occasion,
                                     "REEVE_NOTICE_SUBJECT=" + order.subject};
  for (const char* name : {"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "LC_CTYPE",
                           "TZ", "TMPDIR", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "DISPLAY",
                           "WAYLAND_DISPLAY", "XAUTHORITY", "REEVE_HOME"})
    if (const char* value = std::getenv(name); value != nullptr)  // NOLINT(concurrency-mt-unsafe)
      variables.push_back(std::string(name) + "=" + value);
  ::clearenv();
  for (const std::string& variable : variables) {
    const auto equals = variable.find('=');
    ::setenv(variable.substr(0, equals).c_str(),  // NOLINT(concurrency-mt-unsafe)
             variable.c_str() + equals + 1, 1);
  }
}

TryOutcome run(const DeliveryOrder& order, const std::vector<std::string>& words,
               std::string_view input) {
  const auto in = memory_file(input);
  const auto err = memory_file("");
  if (!in) return {Kind::temporary, in.error().message, std::nullopt};
  if (!err) return {Kind::temporary, err.error().message, std::nullopt};
  const char* no_cgroup = std::getenv("REEVE_NO_CGROUP");  // NOLINT(concurrency-mt-unsafe)
  const bool may_use_cgroup = no_cgroup == nullptr || *no_cgroup == '\0';
  set_environment(order);
  // Our own standard output tells the outcome; the command must not write there.
  const Fd own_out(::fcntl(1, F_DUPFD_CLOEXEC, 3));
  const Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  ::dup2(in->get(), 0);
  ::dup2(null.get(), 1);
  ::dup2(err->get(), 2);
  std::string why_not;
  EnclosureCgroup cgroup;
  if (may_use_cgroup) cgroup = EnclosureCgroup::make(why_not);
  Enclosure enclosure(std::move(cgroup));
  EnclosedCommand command;
  command.words = words;
  command.time_limit_ms = order.time_limit.count();
  sigemptyset(&command.mask);
  const auto started = enclosure.start(command);
  ::dup2(own_out.get(), 1);
  if (!started) return {Kind::temporary, to_error(started.error()).message, std::nullopt};
  const Report end = wait_for_end(enclosure);
  const bool is_good = end.launch == Report::Launch::executed && !end.is_over_time &&
                       !end.is_guardian_dead && WIFEXITED(end.wait_status) &&
                       WEXITSTATUS(end.wait_status) == 0;
  if (is_good) return {Kind::delivered, "", std::nullopt};
  std::string error = end_in_words(end, printable(words.front()));
  if (const std::string said = last_words(err->get()); !said.empty()) error += ": " + said;
  const bool is_missing = end.launch == Report::Launch::not_executable;
  return {is_missing && words.front() == "notify-send" ? Kind::permanent : Kind::temporary,
          std::move(error), std::nullopt};
}

// Servers of notifications may take the body for markup.
std::string without_markup(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else
      out += c;
  }
  return out;
}

}  // namespace

TryOutcome run_command(const DeliveryOrder& order, const CommandWay& way) {
  return run(order, way.words, order.payload + "\n");
}

TryOutcome show_on_desktop(const DeliveryOrder& order) {
  const bool is_bad = order.occasion != "end" && order.occasion != "test";
  return run(order,
             {"notify-send", "--app-name=Reeve", is_bad ? "--urgency=critical" : "--urgency=normal",
              "--", order.subject, without_markup(order.text)},
             "");
}

}  // namespace reeve::notify
