// pipeline ls, show; `pipeline run` is in submit.cpp

#include <fmt/format.h>

#include <memory>

#include "base/json.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/pipeline_choice.h"
#include "cli/terminal.h"

namespace reeve::cli {
namespace {

struct PipelineCommand {
  std::string file;
  std::string name;
  bool as_json = false;
};

json::object to_json(const Pipeline& pipeline, const PipelineFile& file) {
  const JobSpec& spec = pipeline.spec;
  json::object out;
  out["name"] = pipeline.name;
  out["description"] = pipeline.description;
  out["file"] = file.path;
  out["line"] = pipeline.place.line;
  out["command"] =
      pipeline.is_script ? json::value(spec.command.back()) : encode_json(spec.command);
  out["directory"] = spec.directory;
  out["environment"] = encode_json(spec.environment);
  out["time_limit_ms"] = encode_json(spec.time_limit);
  out["time_limit_is_default"] = spec.time_limit_is_default;
  out["results_root"] = spec.results_root;
  json::object params;
  for (const Param& param : pipeline.params) params[param.name] = reeve::to_json(param);
  out["params"] = std::move(params);
  out["checks"] = pipeline.checks;
  out["options"] = pipeline.settings;
  return out;
}

std::string param_names(const Pipeline& pipeline) {
  std::string out;
  for (const Param& param : pipeline.params) out += (out.empty() ? "" : ", ") + param.name;
  return out;
}

void run_ls(const PipelineCommand& options) {
  const PipelineSource source = find_pipelines(options.file);
  if (const int code = tell_mistakes(source); code != 0) return finish(code);
  const PipelineFile& file = source.loaded.file;
  if (options.as_json) {
    json::array out;
    for (const Pipeline& pipeline : file.pipelines) out.push_back(to_json(pipeline, file));
    (void)print(json_text(out));
    return;
  }
  if (file.pipelines.empty()) return say(printable(file.path) + " has no pipelines");
  std::size_t name_width = 4;
  std::size_t params_width = 10;
  for (const Pipeline& pipeline : file.pipelines) {
    name_width = std::max(name_width, pipeline.name.size());
    params_width = std::max(params_width, param_names(pipeline).size());
  }
  std::string out = fmt::format("{:<{}}  {:<{}}  {}\n", "NAME", name_width, "PARAMETERS",
                                params_width, "DESCRIPTION");
  for (const Pipeline& pipeline : file.pipelines)
    out += fmt::format("{:<{}}  {:<{}}  {}\n", printable(pipeline.name), name_width,
                       param_names(pipeline), params_width,
                       printable(shortened(pipeline.description, 120)));
  (void)print(out);
}

std::string option_lines(const Pipeline& pipeline) {
  std::string out;
  for (const auto& [key, value] : pipeline.settings) {
    if (key == "time") continue;  // has a line of its own
    const std::string text = value.is_string() ? std::string(value.get_string()) : to_line(value);
    out += fmt::format("  {:<12} {}\n", std::string(key), printable(shortened(text, 200)));
  }
  return out;
}

std::string details(const Pipeline& pipeline, const PipelineFile& file) {
  const JobSpec& spec = pipeline.spec;
  std::string out =
      fmt::format("Pipeline {}{}\n", printable(pipeline.name),
                  pipeline.description.empty() ? "" : ": " + printable(pipeline.description));
  const auto line = [&](const char* label, const std::string& text) {
    out += fmt::format("{:<14} {}\n", label, text);
  };
  line("file", fmt::format("{}:{}", printable(file.path), pipeline.place.line));
  line("command", printable(pipeline.is_script ? spec.command.back() : shell_text(spec.command)) +
                      (pipeline.is_script ? "   (bash -o pipefail -c)" : ""));
  line("directory", printable(spec.directory));
  line("results", printable(spec.results_root));
  line("time limit", time_limit_text(spec.time_limit, spec.time_limit_is_default));
  if (const std::string options = option_lines(pipeline); !options.empty())
    out += "options\n" + options;
  if (!spec.environment.empty()) out += "environment\n";
  for (const auto& [name, value] : spec.environment)
    out += fmt::format("  {}={}\n", printable(name), printable(shortened(value, 200)));
  if (!pipeline.params.empty()) out += "parameters\n";
  for (const Param& param : pipeline.params)
    out += fmt::format(
        "  {:<12} {}{}{}\n", param.name, printable(expectation(param)),
        param.initial ? fmt::format(", default {}", printable(*param.initial)) : ", must be given",
        param.help.empty() ? "" : ": " + printable(param.help));
  if (!pipeline.checks.empty()) out += "checks\n";
  for (const json::value& check : pipeline.checks) {
    const json::object& members = check.get_object();
    out +=
        fmt::format("  {:<12} {}\n", text_of(members, "kind"), printable(text_of(members, "path")));
  }
  return out;
}

void run_show(const PipelineCommand& options) {
  const PipelineSource source = find_pipelines(options.file);
  const auto pipeline = choose_pipeline(source, options.name);
  if (!pipeline) return finish(pipeline.error());
  const PipelineFile& file = source.loaded.file;
  (void)print(options.as_json ? json_text(to_json(**pipeline, file)) : details(**pipeline, file));
}

void add_common(CLI::App& command, PipelineCommand& options) {
  command
      .add_option("--file", options.file,
                  "the file (default: the nearest reeve.toml, from here upwards)")
      ->type_name("FILE");
  command.add_flag("--json", options.as_json, "JSON; the fields are in docs/formats.md");
}

}  // namespace

CLI::App* add_pipeline_commands(CLI::App& app) {
  CLI::App* pipeline =
      app.add_subcommand("pipeline", "the pipelines of reeve.toml: named jobs with parameters");
  pipeline->require_subcommand(1);
  const auto listed = std::make_shared<PipelineCommand>();
  CLI::App* ls = pipeline->add_subcommand("ls", "list them");
  add_common(*ls, *listed);
  ls->callback([listed] { run_ls(*listed); });
  const auto shown = std::make_shared<PipelineCommand>();
  CLI::App* show = pipeline->add_subcommand("show", "everything about one");
  show->add_option("name", shown->name, "its name")->type_name("NAME")->required();
  add_common(*show, *shown);
  show->callback([shown] { run_show(*shown); });
  return pipeline;
}

}  // namespace reeve::cli
