#include "cli/command.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "cli/terminal.h"

namespace reeve::cli {

int fail(const Error& error) {
  say(printable(error.message));
  switch (error.code) {
    case ErrorCode::invalid:
    case ErrorCode::too_large:
      return exit_codes::usage;
    case ErrorCode::busy:
      return exit_codes::busy;
    case ErrorCode::unreachable:
      return exit_codes::unreachable;
    case ErrorCode::not_found:
    case ErrorCode::conflict:
    case ErrorCode::forbidden:
      return exit_codes::refused;
    default:
      return exit_codes::internal;
  }
}

Result<Client> connect(IfDown if_down) {
  const auto paths = find_paths();
  if (!paths) return std::unexpected(paths.error());
  return Client::connect(*paths, if_down);
}

void finish(int code) {
  if (code != 0) throw CLI::RuntimeError(code);
}

void add_selector(CLI::App& command, Selector& selector, FilterFlag flag) {
  command.add_option("jobs", selector.words, "ids (12), ranges (12-15), or `last`")
      ->type_name("JOB...");
  command.add_flag("--all", selector.all, "every job that the command can apply to");
  command
      .add_option(flag == FilterFlag::with_l ? "-l,--filter" : "--filter", selector.filters,
                  "jobs in a state: state=failed")
      ->type_name("KEY=VALUE");
  command.add_option("-n,--named", selector.name, "jobs with this name, or pattern (train*)")
      ->type_name("NAME");
  command.add_option("-g,--group", selector.group, "jobs of this group")->type_name("NAME");
  command.add_option("--tag", selector.tags, "jobs with this tag (may be repeated)")
      ->type_name("NAME")
      ->type_size(1)
      ->allow_extra_args(false);
}

Result<std::vector<std::int64_t>> resolve(Client& client, const Selector& selector, Scope scope) {
  std::vector<std::int64_t> ids;
  const auto select = [&](json::object args) -> Result<void> {
    const auto reply = client.call("selectJobs", std::move(args));
    if (!reply) return std::unexpected(reply.error());
    for (const json::value& id : reply->at("ids").as_array()) ids.push_back(id.as_int64());
    return {};
  };
  for (const std::string& word : selector.words) {
    if (word == "last") {
      if (auto selected = select({{"last", true}}); !selected)
        return std::unexpected(selected.error());
      if (ids.empty()) return failed(ErrorCode::not_found, "there are no jobs yet");
      continue;
    }
    const auto dash = word.find('-');
    const auto first = parse_integer(word.substr(0, dash));
    const auto last = dash == std::string::npos ? first : parse_integer(word.substr(dash + 1));
    if (!first || !last || *first < 1 || *last < *first || *last - *first > 1'000'000)
      return failed(ErrorCode::invalid,
                    fmt::format("`{}` selects no jobs; use an id (12), a range (12-15), `last`, "
                                "--all, -l state=STATE, -n NAME, -g GROUP or --tag TAG",
                                printable(word)));
    for (std::int64_t id = *first; id <= *last; ++id) ids.push_back(id);
  }
  const bool unfinished_only =
      scope == Scope::unfinished || (scope == Scope::all_is_unfinished && selector.all);
  json::array states;
  for (const std::string& filter : selector.filters) {
    if (!filter.starts_with("state="))
      return failed(ErrorCode::invalid, "a filter is state=STATE, for example -l state=failed");
    states.emplace_back(filter.substr(6));
  }
  json::array tags;
  for (const std::string& tag : selector.tags) tags.emplace_back(tag);
  if (selector.all || !states.empty() || !selector.name.empty() || !selector.group.empty() ||
      !tags.empty()) {
    auto selected = select({{"all", selector.all},
                            {"unfinished", unfinished_only && states.empty()},
                            {"states", std::move(states)},
                            {"name", selector.name},
                            {"group", selector.group},
                            {"tags", std::move(tags)}});
    if (!selected) return std::unexpected(selected.error());
  } else if (selector.words.empty()) {
    return failed(ErrorCode::invalid,
                  "which jobs? Give ids (12), ranges (12-15), `last`, --all, -l state=STATE, "
                  "-n NAME, -g GROUP or --tag TAG");
  }
  std::set<std::int64_t> seen;
  std::erase_if(ids, [&](std::int64_t id) { return !seen.insert(id).second; });
  return ids;
}

std::vector<std::vector<std::int64_t>> in_pieces(const std::vector<std::int64_t>& ids) {
  constexpr std::size_t piece = 5000;
  std::vector<std::vector<std::int64_t>> pieces;
  for (std::size_t at = 0; at < ids.size(); at += piece)
    pieces.emplace_back(
        ids.begin() + static_cast<std::ptrdiff_t>(at),
        ids.begin() + static_cast<std::ptrdiff_t>(std::min(at + piece, ids.size())));
  return pieces;
}

json::array to_array(const std::vector<std::int64_t>& ids) {
  json::array array;
  for (const std::int64_t id : ids) array.emplace_back(id);
  return array;
}

std::string text_of(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

std::int64_t number_of(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_int64() ? value->get_int64() : 0;
}

bool flag_of(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_bool() && value->get_bool();
}

std::string json_text(const json::value& value) {
  return valid_utf8(to_pretty(value)) + "\n";
}

std::string time_limit_text(std::optional<Duration> limit, bool is_default) {
  if (!limit) return "none";
  return to_text(*limit) + (is_default ? ", the default of pipelines" : "");
}

}  // namespace reeve::cli
