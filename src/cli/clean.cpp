// clean

#include <fmt/format.h>
#include <unistd.h>

#include <iostream>
#include <memory>

#include "base/text.h"
#include "base/time.h"
#include "cli/command.h"
#include "cli/terminal.h"

namespace reeve::cli {
namespace {

constexpr std::size_t rows_shown = 40;

struct CleanCommand {
  std::string older_than;
  std::string max_size;
  bool results = false;
  bool logs = false;
  bool records = false;
  bool dry_run = false;
  bool yes = false;
  bool as_json = false;
};

// Without a word about parts: results and logs.
Result<json::object> limits_of(const CleanCommand& options) {
  const bool any_part = options.results || options.logs || options.records;
  const bool results = options.results || !any_part;
  const bool logs = options.logs || !any_part;
  json::object args;
  if (!options.older_than.empty()) {
    const auto age = parse_duration(options.older_than);
    if (!age)
      return failed(ErrorCode::invalid, "--older-than: expected a duration such as 30d or 12h");
    if (results) args["results_age_ms"] = age->count();
    if (logs) args["logs_age_ms"] = age->count();
    if (options.records) args["record_age_ms"] = age->count();
  }
  if (!options.max_size.empty()) {
    const auto size = parse_size(options.max_size);
    if (!size) return failed(ErrorCode::invalid, "--max-size: expected a size such as 50GB");
    args["bytes_max"] = *size;
    args["size_takes_results"] = results;
    args["size_takes_logs"] = logs;
  }
  if (args.empty() && any_part)
    return failed(ErrorCode::invalid, "how old? Say --older-than 30d, or --max-size 50GB");
  return args;
}

std::string parts_text(const json::object& item) {
  std::string out;
  for (const char* part : {"results", "logs", "record"})
    if (flag_of(item, part)) out += (out.empty() ? "" : ", ") + std::string(part);
  return out;
}

std::int64_t total_bytes(const json::array& items) {
  std::int64_t bytes = 0;
  for (const json::value& item : items) bytes += number_of(item.as_object(), "bytes");
  return bytes;
}

void print_plan(const json::object& plan) {
  const json::array& items = plan.at("items").as_array();
  std::string out;
  if (!items.empty())
    out += fmt::format("{:>6}  {:<20} {:<24} {:>10}  {:<6} {}\n", "ID", "ENDED (UTC)", "WHAT GOES",
                       "SIZE", "WHY", "NAME");
  for (std::size_t i = 0; i < std::min(items.size(), rows_shown); ++i) {
    const json::object& item = items[i].as_object();
    out += fmt::format("{:>6}  {:<20} {:<24} {:>10}  {:<6} {}\n", number_of(item, "id"),
                       text_of(item, "ended_at").substr(0, 19), parts_text(item),
                       size_text(number_of(item, "bytes")), text_of(item, "cause"),
                       printable(text_of(item, "name")));
  }
  if (items.size() > rows_shown)
    out += fmt::format("and {} more; --json has all\n", items.size() - rows_shown);
  const json::array& unknown = plan.at("unknown").as_array();
  for (std::size_t i = 0; i < std::min(unknown.size(), rows_shown); ++i)
    out += "no job of Reeve's, it stays: " + printable(std::string(unknown[i].as_string())) + "\n";
  if (unknown.size() > rows_shown)
    out += fmt::format("and {} more that no job made\n", unknown.size() - rows_shown);
  out += fmt::format("{} of {} ended jobs, {} of {} would come free\n", items.size(),
                     number_of(plan, "jobs"), size_text(total_bytes(items)),
                     size_text(number_of(plan, "bytes_total")));
  (void)print(out);
}

bool is_wanted(const CleanCommand& options) {
  if (options.yes) return true;
  fmt::print(stderr, "Remove this for good? [y/N] ");
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

json::array jobs_of(const json::array& items) {
  json::array jobs;
  for (const json::value& value : items) {
    const json::object& item = value.as_object();
    jobs.push_back({{"id", item.at("id")},
                    {"results", item.at("results")},
                    {"logs", item.at("logs")},
                    {"record", item.at("record")}});
  }
  return jobs;
}

int tell(const json::array& removed, bool as_json) {
  std::int64_t whole = 0;
  bool is_all = true;
  for (const json::value& value : removed) {
    const json::object& item = value.as_object();
    const std::string error = text_of(item, "error");
    const std::string left = text_of(item, "left");
    if (!error.empty()) say(printable(error));
    if (!left.empty()) say(fmt::format("job {}: left: {}", number_of(item, "id"), printable(left)));
    is_all = is_all && error.empty() && left.empty();
    if (error.empty() && left.empty()) ++whole;
  }
  if (as_json)
    (void)print(json_text(removed));
  else
    (void)print(fmt::format("{} jobs cleaned, {} freed\n", whole, size_text(total_bytes(removed))));
  return is_all ? 0 : exit_codes::refused;
}

void run_clean(const CleanCommand& options) {
  auto args = limits_of(options);
  if (!args) return finish(fail(args.error()));
  auto client = connect();
  if (!client) return finish(fail(client.error()));
  const auto plan = client->call("planCleaning", std::move(*args));
  if (!plan) return finish(fail(plan.error()));
  const json::array& items = plan->at("items").as_array();
  if (options.dry_run) {
    if (options.as_json)
      (void)print(json_text(*plan));
    else
      print_plan(*plan);
    return;
  }
  if (!options.as_json) print_plan(*plan);
  if (!items.empty() && !options.yes && !is_terminal(0))
    return finish(fail(
        {ErrorCode::invalid, "there is nobody to ask: say --yes to remove this, or --dry-run"}));
  if (items.empty()) {
    if (options.as_json) (void)print("[]\n");
    return;
  }
  if (!is_wanted(options)) return finish(exit_codes::refused);
  const auto done = client->call("cleanJobs", {{"jobs", jobs_of(items)}});
  if (!done) return finish(fail(done.error()));
  finish(tell(done->at("items").as_array(), options.as_json));
}

}  // namespace

void add_clean_command(CLI::App& app) {
  const auto options = std::make_shared<CleanCommand>();
  CLI::App* clean = app.add_subcommand(
      "clean", "remove results, logs and records of old jobs, after showing what would go");
  clean
      ->add_option("--older-than", options->older_than,
                   "of jobs that ended so long ago (default: as `[retention]` says)")
      ->type_name("DURATION");
  clean
      ->add_option("--max-size", options->max_size,
                   "of the oldest, until results and logs of all jobs take no more than this")
      ->type_name("SIZE");
  clean->add_flag("--results", options->results, "results, what was set aside, and checkpoints");
  clean->add_flag("--logs", options->logs, "logs (without any of these: results and logs)");
  clean->add_flag("--records", options->records,
                  "the records of jobs of which nothing else is left then");
  clean->add_flag("--dry-run", options->dry_run, "only show what would go");
  clean->add_flag("-y,--yes", options->yes, "do not ask");
  clean->add_flag("--json", options->as_json, "the plan, or what was done, as JSON");
  clean->callback([options] { run_clean(*options); });
}

}  // namespace reeve::cli
