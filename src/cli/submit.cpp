// run, submit (add)

#include <fmt/format.h>
#include <unistd.h>

#include <expected>
#include <fstream>
#include <iostream>
#include <memory>

#include "base/text.h"
#include "cli/capture.h"
#include "cli/command.h"
#include "cli/follow.h"
#include "cli/given_options.h"
#include "cli/pipeline_choice.h"
#include "cli/provenance.h"
#include "cli/terminal.h"
#include "core/spec_json.h"

namespace reeve::cli {
namespace {

struct SubmitCommand {
  GivenOptions given;
  std::string pipeline;             // of `pipeline run`
  std::string file;                 // with pipelines
  std::vector<std::string> params;  // of one
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

// The one job of a command, or of a pipeline; else the exit code, after what is wrong was said.
std::expected<JobSpec, int> make_job_spec(const SubmitCommand& options, const CommandWords& words) {
  const std::string& pipeline = words.pipeline.empty() ? options.pipeline : words.pipeline;
  if (!pipeline.empty())
    return make_pipeline_spec({pipeline, options.file, options.params, words.words}, options.given);
  if (!options.params.empty() || !options.file.empty())
    return std::unexpected(
        fail({ErrorCode::invalid,
              "--param and --file are for a pipeline, as in: reeve run NAME --param n=5"}));
  auto spec = make_spec(options.given, words.words);
  if (!spec) return std::unexpected(fail(spec.error()));
  return std::move(*spec);
}

void run_submit(SubmitCommand& options, const CommandWords& words) {
  std::vector<JobSpec> specs;
  if (!options.batch.empty()) {
    if (!words.words.empty() || !words.pipeline.empty() || !options.params.empty())
      return finish(fail({ErrorCode::invalid, "give a batch file or a command, not both"}));
    auto read = read_batch(options.batch, options.given);
    if (!read) return finish(fail(read.error()));
    specs = std::move(*read);
  } else {
    auto spec = make_job_spec(options, words);
    if (!spec) return finish(spec.error());
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

// Without its output: the job as it ended, for programs.
void wait_for_json(Client& client, std::int64_t id) {
  const auto reply = client.call("waitJobs", {{"ids", json::array{id}}});
  if (!reply) return finish(fail(reply.error()));
  const json::object& job = reply->at("jobs").as_array().front().as_object();
  (void)print(json_text(job));
  finish(static_cast<int>(number_of(job, "process_exit_code")));
}

void run_run(SubmitCommand& options, const CommandWords& words) {
  auto spec = make_job_spec(options, words);
  if (!spec) return finish(spec.error());
  auto client = connect();
  if (!client) return finish(fail(client.error()));
  const auto ids = submit(*client, options, {*spec});
  if (!ids) return finish(fail(ids.error()));
  if (options.as_json) return wait_for_json(*client, ids->front());
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

// What `run`, `submit` and `pipeline run` have in common.
void add_common(CLI::App& command, SubmitCommand& options) {
  add_submit_options(command, options.given);
  command
      .add_option("--param", options.params, "value of a pipeline's parameter (may be repeated)")
      ->type_name("NAME=VALUE")
      ->type_size(1)
      ->allow_extra_args(false);
  command
      .add_option("--file", options.file,
                  "file of the pipeline (default: the nearest reeve.toml, from here upwards)")
      ->type_name("FILE");
  add_no_provenance(command, options.no_provenance);
}

void add_run_options(CLI::App& command, SubmitCommand& options) {
  add_common(command, options);
  command.add_flag("--raw", options.raw, "pass control characters to the terminal unchanged");
  command.add_flag("--json", options.as_json,
                   "show no output; print the job as JSON when it has ended");
}

}  // namespace

void add_submit_commands(CLI::App& app, CLI::App& pipeline, const CommandWords& words) {
  const auto run_options = std::make_shared<SubmitCommand>();
  CLI::App* run = app.add_subcommand(
      "run",
      "submit a command or a pipeline, follow its output, exit with its code: reeve run -- CMD…");
  run->footer(
      "reeve run [OPTIONS] [--] COMMAND [ARGUMENT…]\n"
      "reeve run [OPTIONS] PIPELINE [OPTIONS] [-- ARGUMENT…]");
  add_run_options(*run, *run_options);
  run->callback([run_options, &words] { run_run(*run_options, words); });

  const auto pipeline_options = std::make_shared<SubmitCommand>();
  CLI::App* pipeline_run = pipeline.add_subcommand("run", "as `reeve run NAME`");
  pipeline_run->add_option("name", pipeline_options->pipeline, "its name")
      ->type_name("NAME")
      ->required();
  add_run_options(*pipeline_run, *pipeline_options);
  pipeline_run->callback([pipeline_options, &words] { run_run(*pipeline_options, words); });

  const auto submit_command = std::make_shared<SubmitCommand>();
  CLI::App* submit_app = app.add_subcommand(
      "submit",
      "put a command or a pipeline into the queue and print the job's id: reeve submit -- CMD…");
  submit_app->alias("add");
  submit_app->footer(
      "reeve submit [OPTIONS] [--] COMMAND [ARGUMENT…]\n"
      "reeve submit [OPTIONS] PIPELINE [OPTIONS] [-- ARGUMENT…]\n"
      "reeve submit --batch FILE");
  add_common(*submit_app, *submit_command);
  submit_app
      ->add_option(
          "--batch", submit_command->batch,
          "JSON lines, one job each: {\"command\": [\"…\"], \"name\": …} with every option by "
          "its long name; all or none; `-` reads standard input")
      ->type_name("FILE");
  submit_app->add_flag("--json", submit_command->as_json, "print {\"ids\": […]}");
  submit_app->callback([submit_command, &words] { run_submit(*submit_command, words); });
}

}  // namespace reeve::cli
