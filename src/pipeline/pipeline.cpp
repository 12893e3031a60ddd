#include "pipeline/pipeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/json.h"
#include "base/text.h"
#include "core/limits.h"
#include "core/spec_json.h"
#include "pipeline/job_options.h"
#include "pipeline/placeholder.h"
#include "pipeline/script.h"

namespace reeve {
namespace {

using Values = std::map<std::string, std::string>;
using Faults = std::vector<std::string>;

Values take_values(const Pipeline& pipeline, const Invocation& invocation, Faults& faults) {
  Values values;
  for (const Param& param : pipeline.params)
    if (param.initial) values[param.name] = *param.initial;
  std::vector<std::string_view> known;
  for (const Param& param : pipeline.params) known.emplace_back(param.name);
  for (const std::string& given : invocation.params) {
    const auto equals = given.find('=');
    const std::string name = given.substr(0, equals);
    const Param* param = pipeline.find_param(name);
    if (equals == std::string::npos || equals == 0) {
      faults.push_back(fmt::format("--param: expected NAME=VALUE, not `{}`", shortened(given)));
    } else if (param == nullptr) {
      faults.push_back(fmt::format("--param {}: the pipeline `{}` has no such parameter{}",
                                   shortened(name), pipeline.name, did_you_mean(name, known)));
    } else {
      auto value = check_value(*param, given.substr(equals + 1), invocation.directory);
      values[name] = value ? *value : "";
      if (!value) faults.push_back(fmt::format("--param {}: {}", name, value.error().message));
    }
  }
  for (const Param& param : pipeline.params)
    if (!values.contains(param.name))
      faults.push_back(
          fmt::format("the parameter `{0}` has no default: give --param {0}=… ({1}){2}", param.name,
                      expectation(param), param.help.empty() ? "" : ": " + param.help));
  return values;
}

void add_words(const Pipeline& pipeline, const std::vector<std::string>& words, JobSpec& spec,
               Faults& faults) {
  if (words.empty()) return;
  if (pipeline.is_script) {
    const std::string& script = pipeline.spec.command.back();
    if (script.find("$@") == std::string::npos && script.find("$*") == std::string::npos)
      return faults.push_back(
          fmt::format("the command of `{}` is a script that does not use \"$@\", so it takes no "
                      "further words",
                      pipeline.name));
    spec.command.push_back(pipeline.name);  // its $0
  }
  spec.command.insert(spec.command.end(), words.begin(), words.end());
}

// Words that are executed as they are. Paths are left to the check itself, which knows what of a
// value means something in a pattern.
json::array fill_checks(const json::array& checks, const Values& values) {
  json::array out = checks;
  for (json::value& check : out) {
    json::value* words = check.as_object().if_contains("command");
    if (words == nullptr || !words->is_array()) continue;
    for (json::value& word : words->get_array())
      if (word.is_string())
        word = json::string(fill_placeholders(std::string(word.get_string()), values));
  }
  return out;
}

}  // namespace

const Param* Pipeline::find_param(std::string_view wanted) const {
  const auto found = std::ranges::find(params, wanted, &Param::name);
  return found == params.end() ? nullptr : &*found;
}

const Pipeline* PipelineFile::find(std::string_view name) const {
  const auto found = std::ranges::find(pipelines, name, &Pipeline::name);
  return found == pipelines.end() ? nullptr : &*found;
}

std::vector<std::string_view> PipelineFile::names() const {
  std::vector<std::string_view> out;
  for (const Pipeline& pipeline : pipelines) out.emplace_back(pipeline.name);
  return out;
}

std::expected<JobSpec, std::vector<std::string>> make_job(const Pipeline& pipeline,
                                                          const Invocation& invocation) {
  Faults faults;
  const Values values = take_values(pipeline, invocation, faults);
  JobSpec spec = pipeline.spec;
  spec.name = fill_placeholders(spec.name, values);
  for (auto& [name, value] : spec.environment) value = fill_placeholders(value, values);
  for (std::string& word : spec.command)
    word = pipeline.is_script && &word == &spec.command.back() ? fill_script(word, values)
                                                               : fill_placeholders(word, values);
  for (const auto& [name, value] : values) spec.environment[variable_name(name)] = value;
  add_words(pipeline, invocation.words, spec, faults);
  auto checks = decode_checks(fill_checks(pipeline.checks, values));
  if (checks)
    spec.validation.checks = std::move(*checks);
  else
    faults.push_back(checks.error().message);
  spec.pipeline = pipeline.name;
  spec.params = values;
  if (faults.empty())
    if (const auto fault = find_fault(spec)) faults.push_back(*fault);
  if (!faults.empty()) return std::unexpected(faults);
  return spec;
}

Result<std::vector<Check>> decode_checks(const json::array& checks) {
  auto spec = spec_from_json(json::object{{"validation", {{"checks", checks}}}});
  if (!spec) return std::unexpected(spec.error());
  return std::move(spec->validation.checks);
}

}  // namespace reeve
