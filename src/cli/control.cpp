// cancel (kill), signal, hold, release, rm

#include <fmt/format.h>

#include <memory>
#include <optional>

#include "base/time.h"
#include "cli/command.h"
#include "cli/follow.h"
#include "cli/terminal.h"

namespace reeve::cli {
namespace {

struct ControlCommand {
  Selector selector;
  std::string grace;
  std::string signal;
  bool no_wait = false;
  bool as_json = false;
};

// Sends one operation for all selected jobs and tells about those that refused. Gives the ids of
// those that took it.
Result<std::vector<std::int64_t>> apply(Client& client, const ControlCommand& options,
                                        const char* op, json::object args, bool unfinished_only,
                                        bool& any_refused) {
  const auto ids = resolve(client, options.selector, unfinished_only);
  if (!ids) return std::unexpected(ids.error());
  args["ids"] = to_array(*ids);
  const auto reply = client.call(op, std::move(args));
  if (!reply) return std::unexpected(reply.error());
  std::vector<std::int64_t> taken;
  for (const json::value& value : reply->at("results").as_array()) {
    const json::object& result = value.as_object();
    if (flag_of(result, "ok")) {
      taken.push_back(number_of(result, "id"));
    } else {
      say(text_of(result, "message"));
      any_refused = true;
    }
  }
  return taken;
}

void run_simple(const ControlCommand& options, const char* op, json::object args,
                bool unfinished_only) {
  auto client = connect();
  if (!client) return finish(fail(client.error()));
  bool any_refused = false;
  const auto taken = apply(*client, options, op, std::move(args), unfinished_only, any_refused);
  if (!taken) return finish(fail(taken.error()));
  finish(any_refused ? exit_codes::refused : 0);
}

void run_cancel(const ControlCommand& options) {
  json::object args;
  if (!options.grace.empty()) {
    const auto grace = parse_duration(options.grace);
    if (!grace)
      return finish(fail({ErrorCode::invalid, "--grace: expected a duration such as 5s or 1m"}));
    args["grace_ms"] = grace->count();
  }
  auto client = connect();
  if (!client) return finish(fail(client.error()));
  bool any_refused = false;
  const auto taken = apply(*client, options, "cancelJobs", std::move(args), true, any_refused);
  if (!taken) return finish(fail(taken.error()));
  if (!taken->empty() && !options.no_wait) {
    const auto reply = client->call("waitJobs", {{"ids", to_array(*taken)}});
    if (!reply) return finish(fail(reply.error()));
    if (options.as_json) (void)print(json_text(reply->at("jobs")));
    for (const json::value& job : reply->at("jobs").as_array()) tell_end(job.as_object(), true);
  }
  finish(any_refused ? exit_codes::refused : 0);
}

}  // namespace

void add_control_commands(CLI::App& app) {
  const auto cancelled = std::make_shared<ControlCommand>();
  CLI::App* cancel = app.add_subcommand(
      "cancel", "end jobs with everything they started, and wait until nothing of them lives");
  cancel->alias("kill");
  add_selector(*cancel, cancelled->selector);
  cancel->add_option("--grace", cancelled->grace, "time between SIGTERM and SIGKILL")
      ->type_name("DURATION");
  cancel->add_flag("--no-wait", cancelled->no_wait, "return as soon as the cancel is on disk");
  cancel->add_flag("--json", cancelled->as_json, "print the ended jobs as JSON");
  cancel->callback([cancelled] { run_cancel(*cancelled); });

  const auto signalled = std::make_shared<ControlCommand>();
  CLI::App* signal = app.add_subcommand("signal", "send a signal to all processes of running jobs");
  signal->add_option("signal", signalled->signal, "USR1, SIGUSR1, 10 …")->required();
  add_selector(*signal, signalled->selector);
  signal->callback(
      [signalled] { run_simple(*signalled, "signalJobs", {{"signal", signalled->signal}}, true); });

  const auto add_plain = [&app](const char* name, const char* help, const char* op,
                                bool unfinished_only) {
    const auto options = std::make_shared<ControlCommand>();
    CLI::App* command = app.add_subcommand(name, help);
    add_selector(*command, options->selector);
    command->callback(
        [options, op, unfinished_only] { run_simple(*options, op, {}, unfinished_only); });
  };
  add_plain("hold", "keep queued jobs from starting", "holdJobs", true);
  add_plain("release", "let held jobs start", "releaseJobs", true);
  add_plain("rm", "forget ended jobs and delete their logs; their results stay", "deleteJobs",
            false);
}

}  // namespace reeve::cli
