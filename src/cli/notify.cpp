// notify ls, notify test, notify history

#include <fmt/format.h>

#include <memory>
#include <optional>

#include "base/text.h"
#include "base/time.h"
#include "cli/command.h"
#include "cli/terminal.h"

namespace reeve::cli {
namespace {

struct NotifyCommand {
  std::string target;
  std::string state;
  std::optional<std::int64_t> job;
  std::int64_t limit = 50;
  bool as_json = false;
};

std::string short_time(const json::object& row, const char* key) {
  const std::string time = text_of(row, key);
  return time.size() < 19 ? "-" : time.substr(5, 5) + " " + time.substr(11, 8);
}

std::string words_of(const json::array& words) {
  std::string out;
  for (const json::value& word : words)
    out += (out.empty() ? "" : ", ") + printable(std::string(word.as_string()));
  return out.empty() ? "named jobs" : out;
}

std::string last_text(const json::value& last) {
  if (last.is_null()) return "-";
  const json::object& row = last.as_object();
  const std::string error = text_of(row, "error");
  return fmt::format("{} {}{}", short_time(row, "created_at"), text_of(row, "state"),
                     error.empty() ? "" : ": " + printable(error));
}

void run_targets(const NotifyCommand& options) {
  auto client = connect();
  if (!client) return finish(fail(client.error()));
  const auto reply = client->call("listTargets", {});
  if (!reply) return finish(fail(reply.error()));
  const json::array& targets = reply->at("targets").as_array();
  if (options.as_json) {
    (void)print(json_text(targets));
    return;
  }
  if (targets.empty()) return say("no targets; see `[notify.NAME]` in man reeve");
  std::string out = fmt::format("{:<14} {:<8} {:<22} {:>7}  {:<36} {}\n", "NAME", "KIND", "TOLD OF",
                                "PENDING", "PLACE", "LAST (UTC)");
  for (const json::value& value : targets) {
    const json::object& target = value.as_object();
    out += fmt::format("{:<14} {:<8} {:<22} {:>7}  {:<36} {}\n", printable(text_of(target, "name")),
                       text_of(target, "kind"), words_of(target.at("on").as_array()),
                       number_of(target, "pending"), printable(text_of(target, "place")),
                       last_text(target.at("last")));
  }
  (void)print(out);
}

void run_test(const NotifyCommand& options) {
  auto client = connect();
  if (!client) return finish(fail(client.error()));
  const auto reply = client->call("testTarget", {{"name", options.target}});
  if (!reply) return finish(fail(reply.error()));
  if (options.as_json) {
    (void)print(json_text(*reply));
  } else if (flag_of(*reply, "delivered")) {
    (void)print("delivered\n");
  } else {
    say("not delivered: " + printable(text_of(*reply, "error")));
  }
  finish(flag_of(*reply, "delivered") ? 0 : exit_codes::refused);
}

void run_history(const NotifyCommand& options) {
  auto client = connect();
  if (!client) return finish(fail(client.error()));
  json::object args{{"target", options.target}, {"state", options.state}, {"limit", options.limit}};
  if (options.job) args["job"] = *options.job;
  const auto reply = client->call("listDeliveries", std::move(args));
  if (!reply) return finish(fail(reply.error()));
  const json::array& deliveries = reply->at("deliveries").as_array();
  if (options.as_json) {
    (void)print(json_text(deliveries));
    return;
  }
  if (deliveries.empty()) return say("nothing was told yet");
  std::string out = fmt::format("{:>6}  {:<14} {:<14} {:<9} {:>5}  {}\n", "ID", "MADE (UTC)",
                                "TARGET", "STATE", "TRIES", "SUBJECT");
  for (const json::value& value : deliveries) {
    const json::object& row = value.as_object();
    const std::string error = text_of(row, "error");
    out += fmt::format("{:>6}  {:<14} {:<14} {:<9} {:>5}  {}{}\n", number_of(row, "id"),
                       short_time(row, "created_at"), printable(text_of(row, "target")),
                       text_of(row, "state"), number_of(row, "tries"),
                       printable(text_of(row, "subject")),
                       error.empty() ? "" : "  # " + printable(error));
  }
  (void)print(out);
}

}  // namespace

void add_notify_commands(CLI::App& app) {
  CLI::App* notify = app.add_subcommand("notify", "who is told of jobs' ends, and what was told");
  notify->require_subcommand(1);
  const auto listed = std::make_shared<NotifyCommand>();
  CLI::App* ls = notify->add_subcommand("ls", "the targets of the configuration");
  ls->add_flag("--json", listed->as_json, "a JSON array; the fields are in docs/formats.md");
  ls->callback([listed] { run_targets(*listed); });

  const auto tested = std::make_shared<NotifyCommand>();
  CLI::App* test = notify->add_subcommand("test", "send a message to a target now, once");
  test->add_option("name", tested->target, "the target")->type_name("NAME")->required();
  test->add_flag("--json", tested->as_json, "how it ended as JSON");
  test->callback([tested] { run_test(*tested); });

  const auto told = std::make_shared<NotifyCommand>();
  CLI::App* history = notify->add_subcommand("history", "what was told, newest first");
  history->add_option("--target", told->target, "only to this target")->type_name("NAME");
  history->add_option("--job", told->job, "only of this job")->type_name("ID");
  history->add_option("-s,--state", told->state, "pending, delivered, failed or folded")
      ->type_name("STATE");
  history->add_option("--limit", told->limit, "at most so many (default 50)")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  history->add_flag("--json", told->as_json, "a JSON array; the fields are in docs/formats.md");
  history->callback([told] { run_history(*told); });
}

}  // namespace reeve::cli
