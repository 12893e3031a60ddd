#include "pipeline/schema.h"

#include <string>
#include <vector>

#include "base/json.h"
#include "core/limits.h"
#include "core/spec_json.h"
#include "pipeline/job_options.h"
#include "pipeline/param.h"

namespace reeve {
namespace {

json::object described(std::string_view help, json::object schema) {
  schema["description"] = help;
  return schema;
}

json::array types(std::initializer_list<const char*> names) {
  json::array out;
  for (const char* name : names) out.emplace_back(name);
  return out;
}

json::array words_of(const std::vector<std::string_view>& words) {
  json::array out;
  for (const std::string_view word : words) out.emplace_back(word);
  return out;
}

// One value of an option, apart from its repetition.
json::object schema_of_value(const SubmitOption& option) {
  switch (option.kind()) {
    case OptionKind::flag:
      return {{"type", "boolean"}};
    case OptionKind::word:
      return {{"enum", words_of(option.words)}};
    case OptionKind::path:
      return {{"type", "string"}, {"minLength", 1}};
    case OptionKind::count:
    case OptionKind::duration:
    case OptionKind::size:
    case OptionKind::text:
      break;
  }
  // A number is read as it would be typed.
  return {{"type", types({"string", "number"})}};
}

json::object schema_of_option(const SubmitOption& option) {
  json::object one = schema_of_value(option);
  if (!option.repeatable) return described(option.help, std::move(one));
  json::array forms{one, json::object{{"type", "array"}, {"items", one}}};
  if (std::string_view(option.value).find('=') != std::string_view::npos)
    forms.push_back(json::object{
        {"type", "object"},
        {"additionalProperties", json::object{{"type", types({"string", "number"})}}}});
  return described(option.help, {{"anyOf", std::move(forms)}});
}

json::object option_properties() {
  json::object out;
  for (const SubmitOption& option : submit_options())
    for (const std::string& name : option.long_names()) out[name] = schema_of_option(option);
  out["environment"] =
      described("variables for the job",
                {{"type", "object"},
                 {"additionalProperties", json::object{{"type", types({"string", "number"})}}}});
  return out;
}

json::object param_schema() {
  const json::object text{{"type", "string"}};
  const json::object number{{"type", "number"}};
  json::object table{{"type", json::object{{"enum", words_of(param_type_words())}}},
                     {"default", json::object{{"type", types({"string", "number", "boolean"})}}},
                     {"min", number},
                     {"max", number},
                     {"choices", json::object{{"type", "array"}, {"items", text}, {"minItems", 1}}},
                     {"help", text}};
  return {{"anyOf", json::array{json::object{{"type", types({"string", "number", "boolean"})}},
                                json::object{{"type", "object"},
                                             {"properties", std::move(table)},
                                             {"additionalProperties", false}}}}};
}

json::object checks_schema() {
  json::object check = check_schema();
  check["required"] = types({"kind"});
  return described("what the results must be like",
                   {{"type", "array"}, {"items", std::move(check)}});
}

json::object pipeline_schema() {
  json::object properties = option_properties();
  properties["command"] =
      described("a string for bash -o pipefail -c, or an array of words that is executed as it is",
                {{"anyOf", json::array{json::object{{"type", "string"}, {"minLength", 1}},
                                       json::object{{"type", "array"},
                                                    {"items", json::object{{"type", "string"}}},
                                                    {"minItems", 1}}}}});
  properties["description"] = described("one line for people", {{"type", "string"}});
  properties["params"] =
      described("parameters: {name} in the command, --param name=value",
                {{"type", "object"},
                 {"propertyNames", json::object{{"pattern", "^[A-Za-z_][A-Za-z0-9_]*$"},
                                                {"maxLength", limits::param_name_bytes_max}}},
                 {"maxProperties", limits::params_max},
                 {"additionalProperties", param_schema()}});
  properties["check"] = checks_schema();
  return {{"type", "object"},
          {"properties", std::move(properties)},
          {"additionalProperties", false},
          {"anyOf", json::array{json::object{{"required", types({"command"})}},
                                json::object{{"required", types({"shell"})}}}}};
}

}  // namespace

json::object pipeline_file_schema() {
  json::object defaults = option_properties();
  defaults.erase("shell");
  return {{"title", "reeve.toml"},
          {"type", "object"},
          {"properties",
           json::object{{"defaults", described("options for all pipelines of this file",
                                               {{"type", "object"},
                                                {"properties", std::move(defaults)},
                                                {"additionalProperties", false}})},
                        {"pipeline", described("pipelines by name",
                                               {{"type", "object"},
                                                {"additionalProperties", pipeline_schema()}})}}},
          {"additionalProperties", false}};
}

}  // namespace reeve
