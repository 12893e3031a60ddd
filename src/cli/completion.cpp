// completion

#include <fmt/format.h>

#include <memory>

#include "cli/command.h"
#include "cli/terminal.h"

namespace reeve::cli {
namespace {

std::string join(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

std::vector<std::string> names_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(command->get_name());
    for (const std::string& alias : command->get_aliases()) names.push_back(alias);
  }
  return names;
}

std::vector<std::string> options_of(const CLI::App& command) {
  std::vector<std::string> options;
  for (const CLI::Option* option : command.get_options())
    for (const std::string& name : option->get_lnames()) options.push_back("--" + name);
  for (const std::string& name : names_of(command)) options.push_back(name);
  return options;
}

// One `case` line for each command: its options and sub-commands.
std::string cases(const CLI::App& app, const char* format) {
  std::string out;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    std::string names = command->get_name();
    for (const std::string& alias : command->get_aliases()) names += "|" + alias;
    out += fmt::format(fmt::runtime(format), names, join(options_of(*command)));
  }
  return out;
}

std::string bash(const CLI::App& app) {
  return fmt::format(R"sh(# reeve completion for bash: eval "$(reeve completion bash)"
_reeve() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} command= i
  for ((i = 1; i < COMP_CWORD; i++)); do
    if [[ ${{COMP_WORDS[i]}} == -- ]]; then
      COMPREPLY=($(compgen -o default -A command -- "$word"))
      return
    fi
    [[ -z $command && ${{COMP_WORDS[i]}} != -* ]] && command=${{COMP_WORDS[i]}}
  done
  case $command in
    '') COMPREPLY=($(compgen -W '{}' -- "$word")) ;;
{}  esac
}}
complete -o default -F _reeve reeve
)sh",
                     join(names_of(app)),
                     cases(app, "    {}) COMPREPLY=($(compgen -W '{}' -- \"$word\")) ;;\n"));
}

std::string zsh(const CLI::App& app) {
  return fmt::format(R"sh(#compdef reeve
# reeve completion for zsh: eval "$(reeve completion zsh)"
_reeve() {{
  local -a words_here
  if (( CURRENT == 2 )); then
    words_here=({})
  else
    case $words[2] in
{}    esac
  fi
  compadd -a words_here
  _files
}}
compdef _reeve reeve
)sh",
                     join(names_of(app)), cases(app, "      {}) words_here=({}) ;;\n"));
}

std::string fish(const CLI::App& app) {
  std::string out = "# reeve completion for fish: reeve completion fish | source\n";
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    std::string help = command->get_description();
    for (std::size_t at = 0; (at = help.find('\'', at)) != std::string::npos; at += 2)
      help.insert(at, "\\");
    out += fmt::format("complete -c reeve -n __fish_use_subcommand -a {} -d '{}'\n",
                       command->get_name(), help);
    for (const CLI::Option* option : command->get_options())
      for (const std::string& name : option->get_lnames())
        out += fmt::format("complete -c reeve -n '__fish_seen_subcommand_from {}' -l {}\n",
                           command->get_name(), name);
  }
  return out;
}

}  // namespace

void add_completion_command(CLI::App& app) {
  const auto shell = std::make_shared<std::string>();
  CLI::App* completion =
      app.add_subcommand("completion", "print a completion script for bash, zsh or fish");
  completion->add_option("shell", *shell, "bash, zsh or fish")->required();
  completion->callback([shell, &app] {
    if (*shell == "bash")
      (void)print(bash(app));
    else if (*shell == "zsh")
      (void)print(zsh(app));
    else if (*shell == "fish")
      (void)print(fish(app));
    else
      finish(fail({ErrorCode::invalid, "completion: expected bash, zsh or fish"}));
  });
}

}  // namespace reeve::cli
