#include "cli/given_options.h"

#include <algorithm>
#include <filesystem>

#include "base/json.h"

namespace reeve::cli {
namespace {

Result<JobSpec> with_given(const GivenOptions& given) {
  JobSpec spec;
  std::error_code error;
  spec.directory = std::filesystem::current_path(error).string();
  if (error)
    return failed(ErrorCode::invalid, "the current directory is gone; use --directory DIR");
  return override_spec(std::move(spec), given);
}

}  // namespace

bool GivenOptions::has(std::string_view name) const {
  return std::ranges::any_of(values, [&](const auto& v) { return v.first->is_named(name); });
}

void add_submit_options(CLI::App& command, GivenOptions& given) {
  for (const SubmitOption& option : submit_options()) {
    if (std::string_view(option.value).empty()) {
      command.add_flag_callback(
          option.flags, [&given, &option] { given.values.emplace_back(&option, ""); }, option.help);
      continue;
    }
    auto* added = command.add_option_function<std::vector<std::string>>(
        option.flags,
        [&given, &option](const std::vector<std::string>& values) {
          for (const std::string& value : values) given.values.emplace_back(&option, value);
        },
        option.help);
    added->type_name(option.value)->type_size(1)->allow_extra_args(false);
    if (!option.repeatable) added->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  }
}

Result<JobSpec> make_spec(const GivenOptions& given, std::vector<std::string> command) {
  auto spec = with_given(given);
  if (!spec) return spec;
  if (!command.empty() && !spec->command.empty())
    return failed(ErrorCode::invalid, "give a command or --shell, not both");
  if (!command.empty()) spec->command = std::move(command);
  if (spec->command.empty())
    return failed(ErrorCode::invalid,
                  "there is no command; for example: reeve run -- python3 train.py");
  return spec;
}

Result<JobSpec> edit_spec(JobSpec spec, const GivenOptions& given) {
  for (const auto& [option, value] : given.values) {
    // What may be given several times is given anew as a whole.
    if (option->is_named("tag")) spec.tags.clear();
    if (option->is_named("notify")) spec.notify.clear();
    if (option->is_named("fail-on")) spec.log.fail_on.clear();
    if (option->is_named("warn-on")) spec.log.warn_on.clear();
    if (option->is_named("ignore")) spec.log.ignore.clear();
    if (option->is_named("retry-on")) spec.retry.on.clear();
    if (option->is_named("check")) spec.validation.checks.clear();
  }
  return override_spec(std::move(spec), given);
}

Result<JobSpec> override_spec(JobSpec spec, const GivenOptions& given) {
  const auto apply = [&](bool are_retries) -> Result<void> {
    for (const auto& [option, value] : given.values)
      if (option->is_named("retry") == are_retries)
        if (auto applied = option->apply(spec, value); !applied)
          return failed(applied.error(), "--" + option->long_name());
    return {};
  };
  // A number of retries that was given counts, and not the one that rules for them bring along.
  if (auto applied = apply(false); !applied) return std::unexpected(applied.error());
  if (auto applied = apply(true); !applied) return std::unexpected(applied.error());
  return spec;
}

Result<JobSpec> make_spec_from_line(const GivenOptions& given, const json::object& line) {
  auto spec = with_given(given);
  if (!spec) return spec;
  std::vector<std::string_view> known{"command"};
  std::vector<std::string> names;
  for (const SubmitOption& option : submit_options()) names.push_back(option.long_name());
  for (const std::string& name : names) known.emplace_back(name);
  for (const auto& [key, value] : line) {
    const std::string name(key);
    if (name == "command") {
      if (auto decoded = decode_json(value, spec->command, "command"); !decoded)
        return std::unexpected(decoded.error());
      continue;
    }
    const SubmitOption* found = find_submit_option(name);
    if (found == nullptr) return detail::unknown_word("`" + name + "`", name, known);
    if (auto applied = apply_json(*found, value, *spec); !applied)
      return std::unexpected(applied.error());
  }
  if (line.contains("command") && line.contains("shell"))
    return failed(ErrorCode::invalid, "give `command` or `shell`, not both");
  if (spec->command.empty()) return failed(ErrorCode::invalid, "`command` is missing");
  return spec;
}

}  // namespace reeve::cli
