// cancel (kill), signal, hold, release, pause, resume, retry, edit, rm

#include <fmt/format.h>

#include <memory>
#include <optional>

#include "base/time.h"
#include "cli/capture.h"
#include "cli/command.h"
#include "cli/follow.h"
#include "cli/given_options.h"
#include "cli/provenance.h"
#include "cli/terminal.h"
#include "core/spec_json.h"

namespace reeve::cli {
namespace {

struct ControlCommand {
  Selector selector;
  std::string grace;
  std::string signal;
  bool no_wait = false;
  bool as_json = false;
  bool same = false;
  bool no_provenance = false;
  GivenOptions given;
};

// Sends one operation for all selected jobs and tells about those that refused. Gives the ids of
// those that took it. With --all those are meant that are in a state for it.
Result<std::vector<std::int64_t>> apply(Client& client, const ControlCommand& options,
                                        const char* op, json::object args, Scope scope,
                                        bool& any_refused) {
  const auto ids = resolve(client, options.selector, scope);
  if (!ids) return std::unexpected(ids.error());
  std::vector<std::int64_t> taken;
  std::size_t passed_over = 0;
  for (const auto& piece : in_pieces(*ids)) {
    args["ids"] = to_array(piece);
    const auto reply = client.call(op, args);
    if (!reply) return std::unexpected(reply.error());
    for (const json::value& value : reply->at("results").as_array()) {
      const json::object& result = value.as_object();
      if (flag_of(result, "ok")) {
        taken.push_back(number_of(result, "id"));
      } else if (options.selector.all && text_of(result, "code") == to_word(ErrorCode::conflict)) {
        ++passed_over;
      } else {
        say(text_of(result, "message"));
        any_refused = true;
      }
    }
  }
  if (taken.empty() && passed_over > 0) {
    say(fmt::format("none of {} jobs is in a state for it", passed_over));
    any_refused = true;
  }
  return taken;
}

void run_simple(const ControlCommand& options, const char* op, json::object args, Scope scope) {
  auto client = connect();
  if (!client) return finish(fail(client.error()));
  bool any_refused = false;
  const auto taken = apply(*client, options, op, std::move(args), scope, any_refused);
  if (!taken) return finish(fail(taken.error()));
  finish(any_refused ? exit_codes::refused : 0);
}

// Waits until each job has left `seen`, its state when it was asked: then it is frozen, or goes on,
// or has ended.
void run_pause(const ControlCommand& options, const char* op, const char* seen, Scope scope) {
  auto client = connect();
  if (!client) return finish(fail(client.error()));
  bool any_refused = false;
  const auto taken = apply(*client, options, op, {}, scope, any_refused);
  if (!taken) return finish(fail(taken.error()));
  for (const std::int64_t id : options.no_wait ? std::vector<std::int64_t>{} : *taken) {
    const auto jobs = client->call("getJobs", {{"ids", to_array({id})}});
    if (!jobs) return finish(fail(jobs.error()));
    // Its user has let it go on, and the scheduler has not.
    if (text_of(jobs->at("jobs").as_array().at(0).as_object(), "paused_by") == "scheduler") {
      say(fmt::format("job {} goes on by itself when its CPUs are free", id));
      continue;
    }
    const auto reply = client->call("watchJob", {{"id", id}, {"seen", seen}});
    if (!reply) return finish(fail(reply.error()));
  }
  finish(any_refused ? exit_codes::refused : 0);
}

// Of the jobs that there are; what is wrong with others the retry itself tells.
std::vector<std::string> directories_of(Client& client, const std::vector<std::int64_t>& ids) {
  std::vector<std::string> directories;
  for (const auto& piece : in_pieces(ids)) {
    const auto reply = client.call("getJobs", {{"ids", to_array(piece)}});
    if (!reply) continue;
    for (const json::value& job : reply->at("jobs").as_array())
      directories.push_back(text_of(job.as_object(), "directory"));
  }
  return directories;
}

void run_retry(const ControlCommand& options) {
  auto client = connect();
  if (!client) return finish(fail(client.error()));
  const auto ids = resolve(*client, options.selector, Scope::any);
  if (!ids) return finish(fail(ids.error()));
  json::object args;
  if (!options.same) args["context"] = capture_context();
  if (!options.same && !options.no_provenance)
    args["provenance"] = capture_provenance(*client, directories_of(*client, *ids));
  bool any_refused = false;
  const auto taken = apply(*client, options, "retryJobs", std::move(args), Scope::any, any_refused);
  if (!taken) return finish(fail(taken.error()));
  if (options.same) warn_of_changed_code(*client, *taken);
  finish(any_refused ? exit_codes::refused : 0);
}

void run_edit(const ControlCommand& options) {
  if (options.given.values.empty())
    return finish(fail(
        {ErrorCode::invalid, "what is to be changed? For example: reeve edit 12 --priority high"}));
  for (const auto& [option, value] : options.given.values)
    for (const char* fixed : {"hold", "on-busy", "idempotency-key"})
      if (option->is_named(fixed))
        return finish(
            fail({ErrorCode::invalid,
                  fmt::format("--{} counts at submission only{}", fixed,
                              std::string_view(fixed) == "hold" ? "; use `reeve hold`" : "")}));
  auto client = connect();
  if (!client) return finish(fail(client.error()));
  const auto ids = resolve(*client, options.selector, Scope::unfinished);
  if (!ids) return finish(fail(ids.error()));
  bool any_refused = false;
  for (const std::int64_t id : *ids) {
    const auto specs = client->call("getSpecifications", {{"ids", to_array({id})}});
    if (!specs) return finish(fail(specs.error()));
    auto spec = spec_from_json(specs->at("specs").as_array().at(0));
    if (!spec) return finish(fail(spec.error()));
    const auto edited = edit_spec(std::move(*spec), options.given);
    if (!edited) return finish(fail(edited.error()));
    const auto reply = client->call("editJob", {{"id", id}, {"spec", spec_to_json(*edited)}});
    if (!reply) return finish(fail(reply.error()));
    const json::object& result = reply->at("results").as_array().at(0).as_object();
    if (flag_of(result, "ok")) continue;
    say(text_of(result, "message"));
    any_refused = true;
  }
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
  const auto taken =
      apply(*client, options, "cancelJobs", std::move(args), Scope::unfinished, any_refused);
  if (!taken) return finish(fail(taken.error()));
  json::array ended;
  for (const auto& piece : in_pieces(options.no_wait ? std::vector<std::int64_t>() : *taken)) {
    const auto reply = client->call("waitJobs", {{"ids", to_array(piece)}});
    if (!reply) return finish(fail(reply.error()));
    for (const json::value& job : reply->at("jobs").as_array()) {
      tell_end(job.as_object(), true);
      if (options.as_json) ended.push_back(job);
    }
  }
  if (options.as_json) (void)print(json_text(ended));
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
  signal->callback([signalled] {
    run_simple(*signalled, "signalJobs", {{"signal", signalled->signal}}, Scope::unfinished);
  });

  const auto add_plain = [&app](const char* name, const char* help, const char* op, Scope scope) {
    const auto options = std::make_shared<ControlCommand>();
    CLI::App* command = app.add_subcommand(name, help);
    add_selector(*command, options->selector);
    command->callback([options, op, scope] { run_simple(*options, op, {}, scope); });
  };
  add_plain("hold", "keep queued jobs from starting", "holdJobs", Scope::unfinished);
  add_plain("release", "let held jobs start", "releaseJobs", Scope::unfinished);
  const auto add_pause = [&app](const char* name, const char* help, const char* op,
                                const char* seen) {
    const auto options = std::make_shared<ControlCommand>();
    CLI::App* command = app.add_subcommand(name, help);
    add_selector(*command, options->selector);
    command->add_flag("--no-wait", options->no_wait, "return as soon as the wish is on disk");
    command->callback([options, op, seen] { run_pause(*options, op, seen, Scope::unfinished); });
  };
  add_pause("pause", "freeze running jobs with all their processes", "pauseJobs", "running");
  add_pause("resume", "let paused jobs go on", "resumeJobs", "paused");

  const auto retried = std::make_shared<ControlCommand>();
  CLI::App* retry = app.add_subcommand(
      "retry", "run ended jobs again, as a further attempt, with the environment of this shell");
  add_selector(*retry, retried->selector);
  retry->add_flag("--same", retried->same, "with the environment that was recorded at submission");
  retry->add_flag("--no-provenance", retried->no_provenance,
                  "do not record the state of the code (git) and of the machine anew");
  retry->callback([retried] { run_retry(*retried); });

  const auto edited = std::make_shared<ControlCommand>();
  CLI::App* edit = app.add_subcommand(
      "edit", "change jobs that wait; of running ones limits, priority, retries, group and tags");
  edit->add_option("jobs", edited->selector.words, "ids (12), ranges (12-15), or `last`")
      ->type_name("JOB...")
      ->required();
  add_submit_options(*edit, edited->given);
  edit->callback([edited] { run_edit(*edited); });

  add_plain("rm", "forget ended jobs and delete their logs; their results stay", "deleteJobs",
            Scope::any);
}

}  // namespace reeve::cli
