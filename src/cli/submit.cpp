// run, submit (add)

#include <fmt/format.h>
#include <unistd.h>

#include <fstream>
#include <iostream>
#include <memory>

#include "base/text.h"
#include "cli/capture.h"
#include "cli/command.h"
#include "cli/follow.h"
#include "cli/provenance.h"
#include "cli/submit_options.h"
#include "cli/terminal.h"
#include "core/spec_json.h"

namespace reeve::cli {
namespace {

struct SubmitCommand {
  GivenOptions given;
  std::string batch;
  bool raw = false;
  bool as_json = false;
  bool no_provenance = false;
};

Result<std::vector<JobSpec>> read_batch(const std::string& file, const GivenOptions& given) {
  std::ifstream opened;
  if (file != "-") {
    opened.open(file);
    if (!opened) return failed(ErrorCode::invalid, "can't open the batch file " + file);
  }
  std::istream& in = file == "-" ? std::cin : opened;
  std::vector<JobSpec> specs;
  std::int64_t number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const auto place = fmt::format("{} line {}", file == "-" ? "batch" : file, number);
    const auto value = parse_json(line);
    if (!value) return failed(value.error(), place);
    if (!value->is_object())
      return failed(ErrorCode::invalid,
                    place + ": expected an object such as {\"command\": [\"true\"]}");
    auto spec = make_spec_from_line(given, value->get_object());
    if (!spec) return failed(spec.error(), place);
    // Looked at here as well, so that the error can name the line.
    JobSpec probe = *spec;
    if (probe.name.empty()) probe.name = default_name(probe.command);
    if (probe.results_root.empty()) probe.results_root = "/";
    if (const auto fault = find_fault(probe))
      return failed(ErrorCode::invalid, place + ": " + *fault);
    specs.push_back(std::move(*spec));
  }
  if (specs.empty()) return failed(ErrorCode::invalid, "the batch has no jobs");
  return specs;
}

Result<std::vector<std::int64_t>> submit(Client& client, const SubmitCommand& options,
                                         const std::vector<JobSpec>& specs) {
  json::array jobs;
  std::vector<std::string> directories;
  for (const JobSpec& spec : specs) {
    jobs.push_back(spec_to_json(spec));
    directories.push_back(spec.directory);
  }
  json::object args{{"context", capture_context()}, {"jobs", std::move(jobs)}};
  if (!options.no_provenance)
    args["provenance"] = capture_provenance(client, std::move(directories));
  const auto reply = client.call("submitJobs", std::move(args));
  if (!reply) return std::unexpected(reply.error());
  std::vector<std::int64_t> ids;
  for (const json::value& id : reply->at("ids").as_array()) ids.push_back(id.as_int64());
  return ids;
}

void run_submit(SubmitCommand& options, const std::vector<std::string>& words) {
  std::vector<JobSpec> specs;
  if (!options.batch.empty()) {
    if (!words.empty())
      return finish(fail({ErrorCode::invalid, "give a batch file or a command, not both"}));
    auto read = read_batch(options.batch, options.given);
    if (!read) return finish(fail(read.error()));
    specs = std::move(*read);
  } else {
    auto spec = make_spec(options.given, words);
    if (!spec) return finish(fail(spec.error()));
    specs.push_back(std::move(*spec));
  }
  auto client = connect();
  if (!client) return finish(fail(client.error()));
  const auto ids = submit(*client, options, specs);
  if (!ids) return finish(fail(ids.error()));
  std::string out;
  if (options.as_json)
    out = json_text(json::object{{"ids", to_array(*ids)}});
  else
    for (const std::int64_t id : *ids) out += fmt::format("{}\n", id);
  if (!print(out)) finish(exit_codes::internal);
}

void run_run(SubmitCommand& options, const std::vector<std::string>& words) {
  auto spec = make_spec(options.given, words);
  if (!spec) return finish(fail(spec.error()));
  auto client = connect();
  if (!client) return finish(fail(client.error()));
  const auto ids = submit(*client, options, {*spec});
  if (!ids) return finish(fail(ids.error()));
  FollowOptions follow_options;
  follow_options.job = ids->front();
  follow_options.on_interrupt = OnInterrupt::offer_cancel;
  follow_options.raw = options.raw;
  if (is_terminal(2)) say(fmt::format("job {} submitted", ids->front()));
  finish(follow(std::move(*client), follow_options));
}

void add_no_provenance(CLI::App& command, bool& flag) {
  command.add_flag("--no-provenance", flag,
                   "do not record the state of the code (git) and of the machine");
}

}  // namespace

void add_submit_commands(CLI::App& app, std::vector<std::string>& command_words) {
  const auto run_options = std::make_shared<SubmitCommand>();
  CLI::App* run = app.add_subcommand(
      "run", "submit a command, follow its output, exit with its code: reeve run -- CMD…");
  run->footer("reeve run [OPTIONS] [--] COMMAND [ARGUMENT…]");
  add_submit_options(*run, run_options->given);
  add_no_provenance(*run, run_options->no_provenance);
  run->add_flag("--raw", run_options->raw, "pass control characters to the terminal unchanged");
  run->callback([run_options, &command_words] { run_run(*run_options, command_words); });

  const auto submit_command = std::make_shared<SubmitCommand>();
  CLI::App* submit_app = app.add_subcommand(
      "submit", "put a command into the queue and print its id: reeve submit -- CMD…");
  submit_app->alias("add");
  submit_app->footer(
      "reeve submit [OPTIONS] [--] COMMAND [ARGUMENT…]\n"
      "reeve submit --batch FILE");
  add_submit_options(*submit_app, submit_command->given);
  submit_app
      ->add_option(
          "--batch", submit_command->batch,
          "JSON lines, one job each: {\"command\": [\"…\"], \"name\": …} with every option by "
          "its long name; all or none; `-` reads standard input")
      ->type_name("FILE");
  add_no_provenance(*submit_app, submit_command->no_provenance);
  submit_app->add_flag("--json", submit_command->as_json, "print {\"ids\": […]}");
  submit_app->callback(
      [submit_command, &command_words] { run_submit(*submit_command, command_words); });
}

}  // namespace reeve::cli
