#include "cli/app.h"

#include <fmt/format.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "cli/command.h"
#include "cli/given_options.h"
#include "cli/pipeline_choice.h"
#include "cli/terminal.h"

namespace reeve::cli {
namespace {

using Words = std::vector<std::string>;

bool has_value(const std::string& word, bool is_contain) {
  if (is_contain) return takes_contain_value(word);
  if (word == "--batch" || word == "--param" || word == "--file") return true;
  for (const SubmitOption& option : submit_options()) {
    if (std::string_view(option.value).empty()) continue;
    const std::string flags = option.flags;
    for (std::size_t at = 0; at <= flags.size();) {
      const std::size_t comma = std::min(flags.find(',', at), flags.size());
      if (word == flags.substr(at, comma - at)) return true;
      at = comma + 1;
    }
  }
  return false;
}

// Takes the words from `at` on.
Words take_from(Words& words, std::size_t at) {
  at = std::min(at, words.size());
  Words taken(words.begin() + static_cast<std::ptrdiff_t>(at), words.end());
  words.resize(at);
  return taken;
}

// What follows `--`, which goes as well.
Words take_after_dashes(Words& words) {
  const auto dashes = std::ranges::find(words, "--");
  Words taken = take_from(words, static_cast<std::size_t>(dashes - words.begin()));
  if (!taken.empty()) taken.erase(taken.begin());
  return taken;
}

// The file that is named by an option among the first `end` words.
std::string named_file(const Words& words, std::size_t end) {
  std::string file;
  for (std::size_t i = 1; i < end; ++i) {
    if (words[i] == "--file" && i + 1 < end) file = words[i + 1];
    if (words[i].starts_with("--file=")) file = words[i].substr(7);
  }
  return file;
}

// The words of the job's command are taken out before anything else is parsed: they are not ours,
// whatever they look like. They stand after `--`, or begin with the first word that is neither an
// option of `run`, `submit` and `contain` nor an option's value. When that word names a pipeline,
// options may follow it, and only what is after a `--` is for the job.
CommandWords take_command_words(Words& words) {
  if (words.empty()) return {};
  if (words[0] == "pipeline" && words.size() > 1 && words[1] == "run")
    return {take_after_dashes(words), ""};
  const bool is_contain = words[0] == "contain";
  if (!is_contain && words[0] != "run" && words[0] != "submit" && words[0] != "add") return {};
  std::size_t at = 1;
  while (at < words.size() && words[at] != "--" && words[at].starts_with('-') && words[at] != "-")
    at += has_value(words[at], is_contain) ? 2 : 1;
  if (at >= words.size()) return {};
  if (words[at] == "--") return {take_after_dashes(words), ""};
  const std::string file = named_file(words, at);
  if (!is_contain && (!file.empty() || names_pipeline(words[at], find_pipelines("")))) {
    CommandWords taken{{}, words[at]};
    words.erase(words.begin() + static_cast<std::ptrdiff_t>(at));
    taken.words = take_after_dashes(words);
    return taken;
  }
  return {take_from(words, at), ""};
}

// A pipeline may have the name of a program that was meant.
void explain_pipeline(const CommandWords& words) {
  if (!words.pipeline.empty())
    say(fmt::format(
        "`{0}` is a pipeline here: options follow it, and further words after `--`; for "
        "a program of that name: reeve run -- {0} …",
        printable(words.pipeline)));
}

}  // namespace

int run_command_line(int argc, char** argv) {
  // A reader that goes away is an error of write, not our death.
  const bool ignored_pipe = signal(SIGPIPE, SIG_IGN) == SIG_IGN;
  Words words(argv + 1, argv + argc);
  const CommandWords command_words = take_command_words(words);
  CLI::App app{"Reeve runs long pipelines, loses nothing, and tells the truth about them.",
               "reeve"};
  app.set_help_flag("-h,--help", "print this help");
  app.set_version_flag("--version", std::string("reeve ") + REEVE_VERSION);
  app.require_subcommand(1);
  app.option_defaults()->always_capture_default(false);
  app.footer("Start here: reeve run -- python3 train.py\nMore: man reeve, README.md");
  CLI::App* pipeline = add_pipeline_commands(app);
  add_submit_commands(app, *pipeline, command_words);
  add_list_commands(app);
  add_log_commands(app);
  add_why_command(app);
  add_grep_command(app);
  add_stats_command(app);
  add_control_commands(app);
  add_in_job_commands(app);
  add_remark_commands(app);
  add_clean_command(app);
  add_notify_commands(app);
  add_daemon_commands(app);
  add_config_commands(app);
  const ContainInput contain_input{command_words.words, ignored_pipe};
  add_contain_command(app, contain_input);
  add_validate_command(app);
  add_report_command(app);
  add_completion_command(app);
  app.add_subcommand("version", "print the version")->callback([] {
    (void)print(std::string("reeve ") + REEVE_VERSION + "\n");
  });
  if (words.empty()) {
    fmt::print(stderr, "{}", app.help());
    return exit_codes::usage;
  }
  std::ranges::reverse(words);  // as the parser wants them
  try {
    app.parse(words);
    return 0;
  } catch (const CLI::RuntimeError& error) {
    return error.get_exit_code();
  } catch (const CLI::Success& success) {
    app.exit(success);
    return 0;
  } catch (const CLI::ParseError& error) {
    say(error.what());
    explain_pipeline(command_words);
    say("see reeve --help, or reeve COMMAND --help");
    return exit_codes::usage;
  }
}

}  // namespace reeve::cli
