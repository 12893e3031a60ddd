#include "pipeline/pipeline_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "base/json.h"
#include "base/text.h"
#include "core/limits.h"
#include "pipeline/check_reader.h"
#include "pipeline/param_reader.h"
#include "pipeline/placeholder.h"
#include "pipeline/script.h"
#include "pipeline/settings.h"

namespace reeve {
namespace {

bool is_shell(std::string_view program) {
  program.remove_prefix(program.find_last_of('/') + 1);
  for (const char* shell : {"sh", "bash", "dash", "ksh", "zsh", "fish"})
    if (program == shell) return true;
  return false;
}

// Whether this word of the command is read as code: the one after `-c` of a shell.
bool is_code(const std::vector<std::string>& words, std::size_t at) {
  return at > 1 && words[at - 1].starts_with('-') && words[at - 1].ends_with('c') &&
         std::ranges::any_of(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(at - 1),
                             is_shell);
}

class Reader {
 public:
  Reader(const Member& member, const Settings& defaults, const std::string& directory,
         Mistakes& mistakes)
      : node_(member.node), defaults_(defaults), directory_(directory), mistakes_(mistakes) {
    pipeline_.name = member.name;
    pipeline_.place = member.place;
  }

  Pipeline read() {
    const Settings own = read_settings(node_, pipeline_keys(), mistakes_);
    if (const Member* description = find("description", NodeKind::text, "a string"))
      pipeline_.description = description->node.text();
    if (const Member* params = find("params", NodeKind::table, "a table of parameters"))
      pipeline_.params = read_params(params->node, directory_, mistakes_);
    for (const Param& param : pipeline_.params) known_params_.emplace_back(param.name);
    read_spec(own);
    read_command(own);
    look_at_texts(own);
    if (const Member* checks = node_.find("check"))
      pipeline_.checks = read_checks(checks->node, pipeline_.params, mistakes_);
    return std::move(pipeline_);
  }

 private:
  // The member with this key; a mistake, and nothing, when it is of another kind.
  const Member* find(const char* key, NodeKind kind, const char* expected) {
    const Member* member = node_.find(key);
    if (member == nullptr || member->node.is(kind)) return member;
    mistakes_.add(member->node.place, fmt::format("`{}`: expected {}", key, expected));
    return nullptr;
  }

  void read_spec(const Settings& own) {
    JobSpec& spec = pipeline_.spec;
    spec.command = {"true"};
    spec.name = pipeline_.name;
    spec.directory = directory_;
    spec.results_root = (std::filesystem::path(directory_) / "results").string();
    spec.time_limit = limits::pipeline_time_default;
    spec.time_limit_is_default = true;
    if (const auto fault = find_fault(spec); fault || pipeline_.name.starts_with('-')) {
      mistakes_.add(pipeline_.place,
                    fmt::format("`{}` can't name a pipeline: {}", shortened(pipeline_.name),
                                fault.value_or("it would be taken for an option")));
      spec.name = "pipeline";
    }
    Settings all = merge(defaults_, own);
    std::erase_if(all.options, [](const Setting& s) { return s.option->is_named("shell"); });
    pipeline_.settings = to_json(all);
    // Of the defaults' variables those stay that the pipeline does not set itself.
    all.environment = defaults_.environment;
    apply_settings(all, directory_, Judge::sense, spec, mistakes_);
    apply_settings({{}, own.environment}, directory_, Judge::sense, spec, mistakes_);
  }

  void read_command(const Settings& own) {
    const Member* command = node_.find("command");
    const auto shell = std::ranges::find_if(
        own.options, [](const Setting& setting) { return setting.option->is_named("shell"); });
    if (command != nullptr && shell != own.options.end())
      return mistakes_.add(shell->member->place, "give `command` or `shell`, not both");
    if (command == nullptr && shell != own.options.end()) command = shell->member;
    if (command == nullptr)
      return mistakes_.add(pipeline_.place,
                           fmt::format("the pipeline `{}` has no `command`", pipeline_.name));
    const Node& node = command->node;
    if (node.is(NodeKind::text) && node.text().find_first_not_of(" \t\r\n") != std::string::npos)
      return read_script(node);
    if (node.is(NodeKind::array) && !node.elements.empty() && command->name != "shell")
      return read_words(node);
    mistakes_.add(node.place,
                  fmt::format("`{}`: expected a string for bash{}", command->name,
                              command->name == "shell" ? "" : ", or an array of words"));
  }

  void read_script(const Node& node) {
    pipeline_.is_script = true;
    const std::string script = node.text();
    find_unknown(node.place, "command", script);
    for (const std::string& fault : find_script_faults(script, pipeline_.params))
      mistakes_.add(node.place, "`command`: " + fault);
    set_command(node, script_command(script));
  }

  void read_words(const Node& node) {
    std::vector<std::string> words;
    for (const Node& element : node.elements) {
      if (!element.is(NodeKind::text))
        mistakes_.add(element.place,
                      fmt::format("`command`: expected a string, not {}{}", to_words(element.kind),
                                  element.is(NodeKind::integer) ? "; put it into quotes" : ""));
      words.push_back(element.text());
    }
    for (std::size_t at = 0; at < words.size(); ++at) {
      const Place place = node.elements[at].place;
      find_unknown(place, "command", words[at]);
      if (!is_code(words, at)) continue;
      for (const Piece& piece : split_placeholders(words[at])) {
        const Param* param = piece.is_param ? pipeline_.find_param(piece.text) : nullptr;
        if (param != nullptr && !param->is_plain())
          mistakes_.add(place, fmt::format("`command`: `{{{}}}` would become code here: use the "
                                           "variable `\"${}\"`, or give the command as one string",
                                           param->name, variable_name(param->name)));
      }
    }
    set_command(node, std::move(words));
  }

  void set_command(const Node& node, std::vector<std::string> words) {
    JobSpec probe = pipeline_.spec;
    probe.command = words;
    if (const auto fault = find_fault(probe)) mistakes_.add(node.place, "`command`: " + *fault);
    pipeline_.spec.command = std::move(words);
  }

  // Placeholders in the name and in the environment, own ones and those of [defaults].
  void look_at_texts(const Settings& own) {
    for (const Setting& setting : merge(defaults_, own).options)
      if (setting.option->is_named("name"))
        find_unknown(setting.member->node.place, setting.member->name, setting.member->node.text());
    for (const Settings* settings : {&defaults_, &own}) {
      if (settings->environment == nullptr) continue;
      for (const Member& variable : settings->environment->node.members)
        find_unknown(variable.node.place, shortened(variable.name), variable.node.text());
    }
  }

  void find_unknown(Place place, std::string_view key, std::string_view text) {
    for (const Piece& piece : split_placeholders(text)) {
      if (!piece.is_param || pipeline_.find_param(piece.text) != nullptr) continue;
      const std::string name = shortened(piece.text);
      mistakes_.add(place, fmt::format("`{}`: `{{{}}}` is no parameter of `{}`{}", key, name,
                                       shortened(pipeline_.name), advice(name)));
    }
  }

  std::string advice(const std::string& name) {
    const std::string near = mistakes_.is_full() ? "" : did_you_mean(name, known_params_);
    return near.empty() ? fmt::format("; for braces that stay write `{{{{{}}}}}`", name) : near;
  }

  const Node& node_;
  const Settings& defaults_;
  const std::string& directory_;
  Mistakes& mistakes_;
  Pipeline pipeline_;
  std::vector<std::string_view> known_params_;
};

Settings read_defaults(const Member* member, const std::string& directory, Mistakes& mistakes) {
  if (member == nullptr) return {};
  if (!member->node.is(NodeKind::table)) {
    mistakes.add(member->node.place, "`defaults`: expected a table, [defaults]");
    return {};
  }
  for (const std::string_view key : pipeline_keys())
    if (const Member* own = member->node.find(key))
      mistakes.add(own->place,
                   fmt::format("`{}` belongs into a pipeline, not into [defaults]", key));
  Settings settings = read_settings(member->node, pipeline_keys(), mistakes);
  for (const Setting& setting : settings.options)
    if (setting.option->is_named("shell"))
      mistakes.add(setting.member->place, "`shell` belongs into a pipeline, not into [defaults]");
  std::erase_if(settings.options, [](const Setting& s) { return s.option->is_named("shell"); });
  // Values are looked at here as well, for a file without pipelines. A mistake is told once.
  JobSpec probe;
  apply_settings(settings, directory, Judge::values, probe, mistakes);
  return settings;
}

}  // namespace

const std::vector<std::string_view>& pipeline_keys() {
  static const std::vector<std::string_view> keys{"command", "description", "params", "check"};
  return keys;
}

PipelineFile read_pipelines(const Node& root, const std::string& path, Mistakes& mistakes) {
  PipelineFile file;
  file.path = path;
  file.directory = std::filesystem::path(path).parent_path().string();
  const std::vector<std::string_view> known{"defaults", "pipeline"};
  for (const Member& member : root.members)
    if (std::ranges::find(known, member.name) == known.end())
      mistakes.add(member.place, fmt::format("unknown key `{}`{}", shortened(member.name),
                                             did_you_mean(member.name, known)));
  const Settings defaults = read_defaults(root.find("defaults"), file.directory, mistakes);
  const Member* pipelines = root.find("pipeline");
  if (pipelines == nullptr) return file;
  if (!pipelines->node.is(NodeKind::table)) {
    mistakes.add(pipelines->node.place, "`pipeline`: expected tables, [pipeline.NAME]");
    return file;
  }
  for (const Member& member : pipelines->node.members) {
    if (file.pipelines.size() == limits::pipelines_max) {
      mistakes.add(member.place,
                   fmt::format("a file has at most {} pipelines", limits::pipelines_max));
      break;
    }
    if (member.node.is(NodeKind::table))
      file.pipelines.push_back(Reader(member, defaults, file.directory, mistakes).read());
    else
      mistakes.add(member.place, fmt::format("`pipeline.{0}`: expected a table, [pipeline.{0}]",
                                             shortened(member.name)));
  }
  std::ranges::sort(file.pipelines, {}, &Pipeline::place);
  return file;
}

}  // namespace reeve
