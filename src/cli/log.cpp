// log, follow, wait

#include <fmt/format.h>
#include <unistd.h>

#include <memory>

#include "api/log_reader.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/follow.h"
#include "cli/terminal.h"

namespace reeve::cli {
namespace {

struct LogCommand {
  Selector selector;
  std::int64_t tail = 0;
  bool raw = false;
  bool path = false;
};

bool print_log(const std::string& path, const LogCommand& options, bool& is_unread) {
  auto reader = LogReader::open(path);
  if (!reader) {
    // The file is made with the first output.
    if (reader.error().code == ErrorCode::not_found) return true;
    say(reader.error().message);
    is_unread = true;
    return true;
  }
  if (options.tail > 0) reader->seek_to_last_lines(options.tail);
  const bool filtered = is_terminal(1) && !options.raw;
  TerminalFilter filter;
  while (true) {
    const std::string data = reader->read();
    if (data.empty()) break;
    if (!print(filtered ? filter.filter(data) : data)) return false;
  }
  return !filtered || print(filter.finish());
}

void run_log(const LogCommand& options) {
  auto client = connect();
  if (!client) return finish(fail(client.error()));
  const auto ids = resolve(*client, options.selector, Scope::any);
  if (!ids) return finish(fail(ids.error()));
  const auto reply = client->call("getJobs", {{"ids", to_array(*ids)}});
  if (!reply) return finish(fail(reply.error()));
  bool is_unread = false;
  for (const json::value& value : reply->at("jobs").as_array()) {
    const json::object& job = value.as_object();
    const std::string path = text_of(job, "log_path");
    if (options.path) {
      (void)print(path + "\n");
    } else if (path.empty()) {
      say(fmt::format("job {} is {} and has written nothing yet", number_of(job, "id"),
                      text_of(job, "state")));
    } else if (!print_log(path, options, is_unread)) {
      return;  // nobody reads on
    }
  }
  finish(is_unread ? exit_codes::refused : 0);
}

struct FollowCommand {
  Selector selector;
  bool raw = false;
};

void run_follow(const FollowCommand& options) {
  auto client = connect();
  if (!client) return finish(fail(client.error()));
  const auto ids = resolve(*client, options.selector, Scope::unfinished);
  if (!ids) return finish(fail(ids.error()));
  if (ids->size() != 1)
    return finish(fail({ErrorCode::invalid, "one job at a time can be followed"}));
  FollowOptions follow_options;
  follow_options.job = ids->front();
  follow_options.raw = options.raw;
  finish(follow(std::move(*client), follow_options));
}

struct WaitCommand {
  Selector selector;
  bool as_json = false;
};

// The ended jobs. A daemon that crashed is started again: the jobs go on meanwhile.
Result<json::array> wait_for(Client& client, const std::vector<std::int64_t>& ids) {
  while (true) {
    const auto reply = client.call("waitJobs", {{"ids", to_array(ids)}});
    if (reply) return reply->at("jobs").as_array();
    if (reply.error().code != ErrorCode::unreachable ||
        reply.error().message.find("stopping") != std::string::npos)
      return std::unexpected(reply.error());
    auto again = connect();
    if (!again) return std::unexpected(again.error());
    client = std::move(*again);
  }
}

void run_wait(const WaitCommand& options) {
  auto client = connect();
  if (!client) return finish(fail(client.error()));
  const auto ids = resolve(*client, options.selector, Scope::all_is_unfinished);
  if (!ids) return finish(fail(ids.error()));
  json::array ended;
  int code = 0;
  for (const auto& piece : in_pieces(*ids)) {
    const auto jobs = wait_for(*client, piece);
    if (!jobs) return finish(fail(jobs.error()));
    for (const json::value& value : *jobs) {
      const json::object& job = value.as_object();
      const auto own = static_cast<int>(number_of(job, "process_exit_code"));
      if (own != 0) tell_end(job, false);
      if (code == 0) code = own;
      if (options.as_json) ended.push_back(value);
    }
  }
  if (options.as_json)
    (void)print(json_text(ended.size() == 1 ? ended.front() : json::value(ended)));
  finish(code);
}

}  // namespace

void add_log_commands(CLI::App& app) {
  const auto log_options = std::make_shared<LogCommand>();
  CLI::App* log = app.add_subcommand("log", "print what a job wrote");
  add_selector(*log, log_options->selector);
  log->add_option("--tail", log_options->tail, "only the last N lines")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  log->add_flag("--raw", log_options->raw, "pass control characters to the terminal unchanged");
  log->add_flag("--path", log_options->path, "print the path of the log file instead");
  log->callback([log_options] { run_log(*log_options); });

  const auto follow_options = std::make_shared<FollowCommand>();
  CLI::App* follow_app = app.add_subcommand(
      "follow", "show a job's output as it comes, until it ends; exit with its code");
  add_selector(*follow_app, follow_options->selector);
  follow_app->add_flag("--raw", follow_options->raw,
                       "pass control characters to the terminal unchanged");
  follow_app->callback([follow_options] { run_follow(*follow_options); });

  const auto wait_options = std::make_shared<WaitCommand>();
  CLI::App* wait = app.add_subcommand(
      "wait", "wait until jobs have ended; exit with their code (the first that is not 0)");
  add_selector(*wait, wait_options->selector);
  wait->add_flag("--json", wait_options->as_json, "print the ended jobs as JSON");
  wait->callback([wait_options] { run_wait(*wait_options); });
}

}  // namespace reeve::cli
