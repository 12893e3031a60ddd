#include "cli/app.h"

#include <fmt/format.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"
#include "cli/submit_options.h"
#include "cli/terminal.h"

namespace reeve::cli {
namespace {

// The words of the job's command are taken out before anything else is parsed: they are not ours,
// whatever they look like. After `--`, or from the first word that is neither an option of `run`,
// `submit` and `contain` nor an option's value.
std::vector<std::string> take_command_words(std::vector<std::string>& words) {
  const bool is_contain = !words.empty() && words[0] == "contain";
  if (!is_contain &&
      (words.empty() || (words[0] != "run" && words[0] != "submit" && words[0] != "add")))
    return {};
  const auto takes_value = [&](const std::string& word) {
    if (is_contain) return takes_contain_value(word);
    if (word == "--batch") return true;
    for (const SubmitOption& option : submit_options()) {
      if (std::string_view(option.value).empty()) continue;
      std::string flags = option.flags;
      for (std::size_t at = 0; at <= flags.size();) {
        const std::size_t comma = std::min(flags.find(',', at), flags.size());
        if (word == flags.substr(at, comma - at)) return true;
        at = comma + 1;
      }
    }
    return false;
  };
  std::size_t at = 1;
  while (at < words.size() && words[at] != "--" && words[at].starts_with('-') && words[at] != "-")
    at += takes_value(words[at]) ? 2 : 1;
  if (at >= words.size()) return {};
  const std::size_t from = words[at] == "--" ? at + 1 : at;
  std::vector<std::string> command(words.begin() + static_cast<std::ptrdiff_t>(from), words.end());
  words.resize(at);
  return command;
}

}  // namespace

int run_command_line(int argc, char** argv) {
  // A reader that goes away is an error of write, not our death.
  const bool ignored_pipe = signal(SIGPIPE, SIG_IGN) == SIG_IGN;
  std::vector<std::string> words(argv + 1, argv + argc);
  std::vector<std::string> command_words = take_command_words(words);
  CLI::App app{"Reeve runs long pipelines, loses nothing, and tells the truth about them.",
               "reeve"};
  app.set_help_flag("-h,--help", "print this help");
  app.set_version_flag("--version", std::string("reeve ") + REEVE_VERSION);
  app.require_subcommand(1);
  app.option_defaults()->always_capture_default(false);
  app.footer("Start here: reeve run -- python3 train.py\nMore: man reeve, README.md");
  add_submit_commands(app, command_words);
  add_list_commands(app);
  add_log_commands(app);
  add_why_command(app);
  add_grep_command(app);
  add_stats_command(app);
  add_control_commands(app);
  add_remark_commands(app);
  add_clean_command(app);
  add_notify_commands(app);
  add_daemon_commands(app);
  const ContainInput contain_input{command_words, ignored_pipe};
  add_contain_command(app, contain_input);
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
    say("see reeve --help, or reeve COMMAND --help");
    return exit_codes::usage;
  }
}

}  // namespace reeve::cli
