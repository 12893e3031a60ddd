// progress, beat, result, fail

#include "cli/in_job.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

#include "base/fd.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/terminal.h"
#include "core/limits.h"
#include "core/notify_message.h"

namespace reeve::cli {
namespace {

constexpr int try_again_ms = 50;
// A job does not wait for us to tell how far it is; an outcome is worth some seconds, in which a
// daemon can restart.
constexpr Duration patience_for_progress{200};
constexpr Duration patience_for_outcome{10'000};

std::string variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  return value == nullptr ? "" : value;
}

// Whether the job may go on as if nothing had happened when nobody hears it.
enum class Loss : std::uint8_t { harmless, matters };

// Sends all, and ends the command where it is not to go on.
void tell(std::string_view verb, const std::vector<NotifyMessage>& messages, Loss loss) {
  const std::string address = variable("NOTIFY_SOCKET");
  const int lost = loss == Loss::harmless ? 0 : exit_codes::unreachable;
  if (address.empty() && variable("REEVE_JOB_ID").empty()) {
    say(
        fmt::format("{} tells the daemon about the job that it is run by, and this is none; "
                    "try: reeve run -- sh -c 'reeve {} ...'",
                    verb, verb));
    return finish(exit_codes::usage);
  }
  if (address.empty()) {
    say(fmt::format("{}: this job has no NOTIFY_SOCKET, so nobody hears it", verb));
    return finish(lost);
  }
  const Duration patience = loss == Loss::harmless ? patience_for_progress : patience_for_outcome;
  for (const NotifyMessage& message : messages) {
    const auto sent = send_notify(address, write_notify(message), patience);
    if (sent) continue;
    say(fmt::format("{}: {}", verb, sent.error().message));
    return finish(sent.error().code == ErrorCode::unreachable ? lost : fail(sent.error()));
  }
}

struct ProgressCommand {
  std::string value;
  std::string rows;
  std::string text;
};

void run_progress(const ProgressCommand& options) {
  Progress progress;
  if (!options.value.empty()) {
    const auto parsed = parse_progress(options.value);
    if (!parsed)
      return finish(fail({ErrorCode::invalid, fmt::format("progress: `{}`: expected percent up to "
                                                          "100 (45, 45%), or a count (3/7)",
                                                          printable(options.value))}));
    progress = *parsed;
  }
  if (!options.rows.empty()) {
    progress.rows = parse_integer(options.rows);
    if (!progress.rows || *progress.rows < 0)
      return finish(fail({ErrorCode::invalid, "progress: --rows: expected a number of rows"}));
  }
  progress.text = options.text;
  if (options.value.empty() && options.rows.empty() && options.text.empty())
    return finish(fail({ErrorCode::invalid,
                        "progress: how far is it? Give percent (45), a count (3/7), --rows N or "
                        "--text TEXT"}));
  NotifyMessage message;
  message.progress = std::move(progress);
  tell("progress", {message}, Loss::harmless);
}

void run_result(const std::vector<std::string>& pairs) {
  std::vector<NotifyMessage> messages;
  for (const std::string& pair : pairs) {
    const auto equals = pair.find('=');
    if (equals == std::string::npos || !is_result_name(std::string_view(pair).substr(0, equals)))
      return finish(fail({ErrorCode::invalid,
                          fmt::format("result: `{}`: expected NAME=VALUE, such as loss=0.5; a name "
                                      "has letters, digits, _ - . and /",
                                      printable(pair))}));
    std::string value = pair.substr(equals + 1);
    if (value.size() > limits::notify_text_bytes_max)
      return finish(fail({ErrorCode::too_large, fmt::format("result: {}: longer than {} bytes",
                                                            printable(pair.substr(0, equals)),
                                                            limits::notify_text_bytes_max)}));
    messages.emplace_back().results.emplace_back(pair.substr(0, equals), std::move(value));
  }
  tell("result", messages, Loss::matters);
}

}  // namespace

Result<void> send_notify(const std::string& address, std::string_view message, Duration patience) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  const bool is_abstract = address.starts_with('@');
  if ((!is_abstract && !address.starts_with('/')) || address.size() >= sizeof name.sun_path)
    return failed(ErrorCode::invalid, "NOTIFY_SOCKET is no address: " + printable(address));
  std::memcpy(name.sun_path, address.data(), address.size());
  if (is_abstract) name.sun_path[0] = '\0';
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.size());
  const Fd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) return failed(OsError{errno, "make a socket"});
  for (Duration waited{0};; waited += Duration(try_again_ms)) {
    if (::sendto(fd.get(), message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                 reinterpret_cast<const sockaddr*>(&name), length) >= 0)
      return {};
    const bool may_pass = errno == ECONNREFUSED || errno == ENOENT || errno == EAGAIN ||
                          errno == EINTR || errno == ENOBUFS;
    if (!may_pass) return failed(OsError{errno, "send to NOTIFY_SOCKET"});
    if (waited >= patience)
      return failed(
          ErrorCode::unreachable,
          fmt::format("nobody listens at {}; is the daemon running?", printable(address)));
    // There is nothing to wait for but time: a socket that is made again tells nobody.
    ::poll(nullptr, 0, try_again_ms);
  }
}

void add_in_job_commands(CLI::App& app) {
  const auto progress = std::make_shared<ProgressCommand>();
  CLI::App* command = app.add_subcommand("progress", "in a job: tell how far it is (45, 45%, 3/7)");
  command->add_option("value", progress->value, "percent, or a count")->type_name("VALUE");
  command->add_option("--rows", progress->rows, "rows processed so far")->type_name("N");
  command->add_option("--text", progress->text, "what it is doing")->type_name("TEXT");
  command->callback([progress] { run_progress(*progress); });

  command = app.add_subcommand("beat", "in a job: show life; from then on only beats count");
  command->callback([] {
    NotifyMessage message;
    message.is_beat = true;
    tell("beat", {message}, Loss::harmless);
  });

  const auto pairs = std::make_shared<std::vector<std::string>>();
  command = app.add_subcommand("result", "in a job: record figures of its result: loss=0.5");
  command->add_option("pairs", *pairs, "names and values")->type_name("NAME=VALUE...")->required();
  command->callback([pairs] { run_result(*pairs); });

  const auto reason = std::make_shared<std::string>();
  command = app.add_subcommand("fail", "in a job: say that it failed, whatever its exit code");
  command->add_option("reason", *reason, "why, in one line")->type_name("REASON")->required();
  command->callback([reason] {
    NotifyMessage message;
    message.fail = *reason;
    tell("fail", {message}, Loss::matters);
  });
}

}  // namespace reeve::cli
