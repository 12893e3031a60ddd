// config check, schema

#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "api/paths.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/pipeline_choice.h"
#include "cli/terminal.h"
#include "daemon/config.h"
#include "pipeline/schema.h"

namespace reeve::cli {
namespace {

struct CheckCommand {
  std::string file;
  bool as_json = false;
};

struct CheckedFile {
  std::string path;
  const char* kind = "pipelines";  // or "daemon"
  bool is_there = true;
  std::vector<Mistake> mistakes;
  std::size_t pipelines = 0;
  std::string refusal;  // why it can't be used at all; names the file
};

CheckedFile check_pipelines(const PipelineSource& source) {
  CheckedFile checked;
  checked.path = source.path;
  if (source.refusal) {
    checked.refusal = source.refusal->message;
    checked.mistakes.push_back({{}, checked.refusal});
    return checked;
  }
  checked.path = source.loaded.file.path;
  checked.mistakes = source.loaded.mistakes;
  checked.pipelines = source.loaded.file.pipelines.size();
  if (source.loaded.mistakes_left_out > 0)
    checked.mistakes.push_back(
        {{}, fmt::format("and {} more mistakes", source.loaded.mistakes_left_out)});
  return checked;
}

CheckedFile check_daemon(const std::string& path) {
  std::error_code error;
  CheckedFile checked{path, "daemon", std::filesystem::exists(path, error), {}, 0, ""};
  checked.mistakes = check_config(path).mistakes;
  return checked;
}

// What is there: the pipelines in use, and the configuration of the daemon. A file that is named is
// taken for the latter when it is called config.toml.
Result<std::vector<CheckedFile>> check_files(const std::string& file) {
  if (!file.empty()) {
    if (std::filesystem::path(file).filename() != "config.toml")
      return std::vector{check_pipelines(find_pipelines(file))};
    CheckedFile checked = check_daemon(file);
    if (!checked.is_there) return failed(ErrorCode::not_found, file + ": no such file");
    return std::vector{std::move(checked)};
  }
  std::vector<CheckedFile> files;
  if (const PipelineSource source = find_pipelines(""); !source.path.empty())
    files.push_back(check_pipelines(source));
  const auto paths = find_paths();
  if (!paths) return std::unexpected(paths.error());
  files.push_back(check_daemon(paths->config));
  return files;
}

json::object to_json(const CheckedFile& file) {
  json::array mistakes;
  for (const Mistake& mistake : file.mistakes)
    mistakes.push_back(json::object{
        {"line", mistake.place.line}, {"column", mistake.place.column}, {"message", mistake.what}});
  return {{"path", file.path},
          {"kind", file.kind},
          {"exists", file.is_there},
          {"mistakes", std::move(mistakes)}};
}

std::string to_text(const CheckedFile& file) {
  if (!file.refusal.empty()) return printable(file.refusal) + "\n";
  std::string out;
  for (const Mistake& mistake : file.mistakes) out += reeve::to_text(file.path, mistake) + "\n";
  if (!out.empty()) return out;
  if (!file.is_there) return fmt::format("{}: not there; defaults hold\n", printable(file.path));
  if (std::string_view(file.kind) == "daemon")
    return fmt::format("{}: no mistakes\n", printable(file.path));
  return fmt::format("{}: no mistakes, {} pipeline{}\n", printable(file.path), file.pipelines,
                     file.pipelines == 1 ? "" : "s");
}

void run_check(const CheckCommand& options) {
  const auto files = check_files(options.file);
  if (!files) return finish(fail(files.error()));
  json::array list;
  std::string text;
  bool has_mistakes = false;
  for (const CheckedFile& file : *files) {
    list.push_back(to_json(file));
    text += to_text(file);
    has_mistakes = has_mistakes || !file.mistakes.empty();
  }
  (void)print(options.as_json ? json_text(list) : text);
  finish(has_mistakes ? exit_codes::config : 0);
}

}  // namespace

void add_config_commands(CLI::App& app) {
  CLI::App* config = app.add_subcommand("config", "check files of configuration");
  config->require_subcommand(1);
  const auto options = std::make_shared<CheckCommand>();
  CLI::App* check = config->add_subcommand(
      "check", "tell every mistake in reeve.toml and in the daemon's config.toml (exit code 78)");
  check
      ->add_option("file", options->file,
                   "only this one; the daemon's when it is called config.toml")
      ->type_name("FILE");
  check->add_flag("--json", options->as_json, "JSON; the fields are in docs/formats.md");
  check->callback([options] { run_check(*options); });
  config->add_subcommand("schema", "print the JSON Schema of reeve.toml, for editors")
      ->callback([] { (void)print(json_text(pipeline_file_schema())); });
}

}  // namespace reeve::cli
