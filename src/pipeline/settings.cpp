#include "pipeline/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/object.hpp>
#include <filesystem>

#include "base/text.h"
#include "core/limits.h"

namespace reeve {
namespace {

namespace json = boost::json;

constexpr std::string_view environment_key = "environment";

const std::vector<Synonym>& synonyms() {
  static const std::vector<Synonym> words{
      {"cmd", "command"},      {"run", "command"},       {"script", "command"},
      {"cwd", "directory"},    {"workdir", "directory"}, {"working_directory", "directory"},
      {"timeout", "time"},     {"time_limit", "time"},   {"env_vars", "environment"},
      {"vars", "environment"}, {"parameters", "params"}, {"args", "params"},
      {"validation", "check"}, {"validate", "check"},    {"tests", "check"},
      {"help", "description"}, {"max_retries", "retry"}, {"threads", "cpus"},
      {"ram", "memory"},       {"stdin_file", "stdin"},  {"output", "results-root"}};
  return words;
}

void sort_by_table(std::vector<Setting>& settings) {
  // The options are elements of one table, so that their addresses are in its order.
  std::ranges::sort(settings, {}, &Setting::option);
}

// What is given at once but may be wrong by itself.
struct Part {
  Place place;
  json::value value;
};

std::vector<Part> parts_of(const SubmitOption& option, const Node& node) {
  std::vector<Part> parts;
  if (option.repeatable && node.is(NodeKind::array))
    for (const Node& element : node.elements) parts.push_back({element.place, to_json(element)});
  else if (option.repeatable && node.is(NodeKind::table))
    for (const Member& member : node.members)
      parts.push_back({member.place, json::object{{member.name, to_json(member.node)}}});
  else
    parts.push_back({node.place, to_json(node)});
  return parts;
}

Result<void> apply_part(const SubmitOption& option, const std::string& directory, json::value value,
                        JobSpec& spec) {
  if (option.kind() == OptionKind::path && value.is_string() && !value.get_string().empty()) {
    const std::string path(value.get_string());
    if (path.starts_with('~'))
      return failed(
          ErrorCode::invalid,
          fmt::format("`{}`: expected a path, and `~` is not expanded here", option.long_name()));
    value = json::string((std::filesystem::path(directory) / path).string());
  }
  return apply_json(option, value, spec);
}

void apply_setting(const Setting& setting, const std::string& directory, JobSpec& spec,
                   Mistakes* mistakes) {
  const auto& [option, member] = setting;
  std::vector<Part> parts = parts_of(*option, member->node);
  if (parts.size() > limits::setting_values_max) {
    if (mistakes != nullptr)
      mistakes->add(member->node.place, fmt::format("`{}`: at most {} values", member->name,
                                                    limits::setting_values_max));
    return;
  }
  for (Part& part : parts)
    if (const auto applied = apply_part(*option, directory, std::move(part.value), spec);
        !applied && mistakes != nullptr)
      mistakes->add(part.place, applied.error().message);
}

void apply_environment(const Member& given, JobSpec& spec, Mistakes& mistakes) {
  for (const auto& [name, place, node] : given.node.members) {
    if (name.empty() || name.find('=') != std::string::npos) {
      mistakes.add(place, fmt::format("`{}` can't be the name of a variable", shortened(name)));
    } else if (node.is(NodeKind::text) && node.text().contains('\0')) {
      mistakes.add(node.place, fmt::format("`{}`: a variable can't have a NUL byte", name));
    } else if (node.is(NodeKind::text)) {
      spec.environment[name] = node.text();
    } else if (node.is(NodeKind::integer)) {
      spec.environment[name] = fmt::format("{}", node.scalar.get_int64());
    } else if (node.is(NodeKind::real)) {
      spec.environment[name] = fmt::format("{}", node.scalar.get_double());
    } else {
      mistakes.add(node.place, fmt::format("`{}`: expected a string or a number, not {}",
                                           shortened(name), to_words(node.kind)));
    }
  }
}

}  // namespace

Settings read_settings(const Node& table, const std::vector<std::string_view>& other_keys,
                       Mistakes& mistakes) {
  Settings out;
  for (const Member& member : table.members) {
    if (std::ranges::find(other_keys, member.name) != other_keys.end()) continue;
    if (member.name == environment_key) {
      if (member.node.is(NodeKind::table))
        out.environment = &member;
      else
        mistakes.add(member.node.place, "`environment`: expected a table of names and values");
      continue;
    }
    if (const SubmitOption* option = find_submit_option(member.name)) {
      const auto twice = std::ranges::find(out.options, option, &Setting::option);
      if (twice == out.options.end())
        out.options.push_back({option, &member});
      else
        mistakes.add(member.place,
                     fmt::format("`{}` and `{}` are the same option: give one of them",
                                 twice->member->name, member.name));
      continue;
    }
    std::vector<std::string> names;
    for (const SubmitOption& option : submit_options())
      std::ranges::copy(option.long_names(), std::back_inserter(names));
    std::vector<std::string_view> known(other_keys);
    known.push_back(environment_key);
    known.insert(known.end(), names.begin(), names.end());
    mistakes.add(
        member.place,
        fmt::format("unknown key `{}`{}", shortened(member.name),
                    mistakes.is_full() ? "" : did_you_mean(member.name, known, synonyms())));
  }
  sort_by_table(out.options);
  return out;
}

Settings merge(const Settings& defaults, const Settings& own) {
  Settings out = own;
  for (const Setting& setting : defaults.options)
    if (std::ranges::find(own.options, setting.option, &Setting::option) == own.options.end())
      out.options.push_back(setting);
  sort_by_table(out.options);
  return out;
}

void apply_settings(const Settings& settings, const std::string& directory, Judge judge,
                    JobSpec& spec, Mistakes& mistakes) {
  const JobSpec before = spec;
  std::vector<const Setting*> sound;
  for (const Setting& setting : settings.options) {
    apply_setting(setting, directory, spec, &mistakes);
    const auto fault = judge == Judge::sense ? find_fault(spec) : std::nullopt;
    if (!fault) {
      sound.push_back(&setting);
      continue;
    }
    mistakes.add(setting.member->node.place, fmt::format("`{}`: {}", setting.member->name, *fault));
    // Without it, so that the next ones are judged by themselves.
    spec = before;
    for (const Setting* earlier : sound) apply_setting(*earlier, directory, spec, nullptr);
  }
  if (settings.environment != nullptr) apply_environment(*settings.environment, spec, mistakes);
}

json::object to_json(const Settings& settings) {
  json::object out;
  for (const auto& [option, member] : settings.options)
    out[option->long_name()] = to_json(member->node);
  return out;
}

}  // namespace reeve
