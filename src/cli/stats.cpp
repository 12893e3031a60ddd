// stats

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>

#include "base/text.h"
#include "base/time.h"
#include "cli/command.h"
#include "cli/terminal.h"
#include "core/statistics.h"

namespace reeve::cli {
namespace {

// More jobs than this are not looked at, which is said.
constexpr std::int64_t jobs_max = 100'000;
// A page keeps the daemon busy for some milliseconds only.
constexpr std::int64_t page_jobs = 2000;
constexpr std::size_t rows_shown = 40;

struct StatsCommand {
  std::string since = "30d";
  GroupBy by = GroupBy::name;
  bool as_json = false;
};

struct Runs {
  std::vector<RunRow> rows;
  UtcTime since;
  std::int64_t looked_at = 0;
  bool is_capped = false;  // there are older jobs that nobody looked at
};

Result<Runs> load_runs(Client& client, Duration ago) {
  Runs runs;
  runs.since = {utc_now().ms - ago.count()};
  json::value before = nullptr;
  while (true) {
    const auto reply = client.call(
        "getStatistics", {{"since_ms", runs.since.ms}, {"before", before}, {"limit", page_jobs}});
    if (!reply) return std::unexpected(reply.error());
    for (const json::value& value : reply->at("rows").as_array()) {
      RunRow row;
      if (auto decoded = decode_json(value, row, ""); !decoded)
        return std::unexpected(decoded.error());
      runs.rows.push_back(std::move(row));
    }
    runs.looked_at += number_of(*reply, "looked_at");
    before = reply->at("next");
    if (before.is_null()) return runs;
    if (runs.looked_at < jobs_max) continue;
    runs.is_capped = true;
    return runs;
  }
}

json::object to_object(const std::map<std::string, std::int64_t>& counts) {
  json::object out;
  for (const auto& [word, count] : counts) out[word] = count;
  return out;
}

// In units of `unit`.
json::object to_object(const Distribution& values, double unit) {
  const auto in_units = [&](std::int64_t value) { return static_cast<double>(value) / unit; };
  return {{"median", in_units(values.median)},
          {"p95", in_units(values.p95)},
          {"max", in_units(values.max)}};
}

json::object to_object(const Distribution& values) {
  return {{"median", values.median}, {"p95", values.p95}, {"max", values.max}};
}

// What is alike enough to learn from.
bool has_advice(GroupBy by) {
  return by == GroupBy::name || by == GroupBy::pipeline;
}

json::object to_object(const RunGroup& group, GroupBy by) {
  json::object out{{"key", group.key},
                   {"jobs", group.jobs},
                   {"states", to_object(group.states)},
                   {"causes", to_object(group.causes)},
                   {"completed_runs", group.completed}};
  const bool has_runs = group.completed > 0;
  out["wall_seconds"] = has_runs ? json::value(to_object(group.wall_ms, 1e3)) : nullptr;
  out["cpu_seconds"] = has_runs ? json::value(to_object(group.cpu_us, 1e6)) : nullptr;
  out["peak_memory_bytes"] = has_runs ? json::value(to_object(group.peak_bytes)) : nullptr;
  out["cpus_used"] = has_runs ? json::value(group.cpus_used) : nullptr;
  out["cpus_granted"] = has_runs ? json::value(group.cpus_granted) : nullptr;
  out["recommended"] = nullptr;
  if (!has_advice(by) || !group.advice) return out;
  const Advice& advice = *group.advice;
  out["recommended"] = json::object{
      {"cpus", advice.cpus},
      {"memory_bytes", advice.memory > 0 ? json::value(advice.memory) : json::value(nullptr)},
      {"time_ms", advice.time.count()}};
  return out;
}

void print_json(const Runs& runs, GroupBy by) {
  const RunGroup total = total_of(runs.rows);
  json::array groups;
  for (const RunGroup& group : summarise(runs.rows, by)) groups.push_back(to_object(group, by));
  (void)print(json_text(json::object{{"since", to_rfc3339(runs.since)},
                                     {"looked_at", runs.looked_at},
                                     {"is_capped", runs.is_capped},
                                     {"jobs", total.jobs},
                                     {"states", to_object(total.states)},
                                     {"causes", to_object(total.causes)},
                                     {"groups", std::move(groups)}}));
}

std::string counts_text(const std::map<std::string, std::int64_t>& counts) {
  std::string out;
  for (const auto& [word, count] : counts)
    out += fmt::format("{}{} {}", out.empty() ? "" : ", ", count, word);
  return out.empty() ? "none" : out;
}

std::string times_text(const Distribution& values, std::int64_t per_ms) {
  const auto text = [&](std::int64_t value) { return to_text(Duration(value / per_ms)); };
  return fmt::format("{} / {} / {}", text(values.median), text(values.p95), text(values.max));
}

std::string sizes_text(const Distribution& values) {
  return fmt::format("{} / {} / {}", size_text(values.median), size_text(values.p95),
                     size_text(values.max));
}

std::string advice_text(const RunGroup& group) {
  if (!group.advice)
    return fmt::format("no advice: {} completed run{}, and {} are needed", group.completed,
                       group.completed == 1 ? "" : "s", runs_for_advice);
  const Advice& advice = *group.advice;
  return fmt::format("--cpus {}{} --time {}   ({:.1f} of {:.1f} CPUs used, {} runs)", advice.cpus,
                     advice.memory > 0 ? " --mem " + memory_option(advice.memory) : "",
                     time_option(advice.time), group.cpus_used, group.cpus_granted,
                     group.completed);
}

std::string describe_group(const RunGroup& group, GroupBy by) {
  std::string out = fmt::format("{}\n", printable(group.key));
  const auto line = [&](const char* label, const std::string& text) {
    out += fmt::format("  {:<12} {}\n", label, text);
  };
  line("jobs", fmt::format("{}: {}", group.jobs, counts_text(group.states)));
  if (!group.causes.empty()) line("causes", counts_text(group.causes));
  if (group.completed > 0) {
    line("wall", times_text(group.wall_ms, 1));
    line("cpu", times_text(group.cpu_us, 1000));
    line("peak memory", sizes_text(group.peak_bytes));
  }
  if (has_advice(by)) line("ask for", advice_text(group));
  return out;
}

void print_text(const Runs& runs, const StatsCommand& options) {
  const RunGroup total = total_of(runs.rows);
  std::string out = fmt::format("{} jobs: ended in the last {}, or not yet\n", total.jobs,
                                printable(options.since));
  if (runs.is_capped)
    out += fmt::format("only the newest {} were looked at; older ones are not counted\n",
                       runs.looked_at);
  out += fmt::format("states: {}\n", counts_text(total.states));
  out += fmt::format("causes of failure: {}\n\n", counts_text(total.causes));
  const std::vector<RunGroup> groups = summarise(runs.rows, options.by);
  if (options.by == GroupBy::reason || options.by == GroupBy::exit) {
    for (const RunGroup& group : groups)
      out += fmt::format(
          "{:>8}  {:<18} {}\n", group.jobs, printable(group.key),
          options.by == GroupBy::exit ? counts_text(group.causes) : counts_text(group.states));
  } else {
    if (!groups.empty()) out += "median / 95 % / most, of completed jobs\n\n";
    for (std::size_t i = 0; i < std::min(groups.size(), rows_shown); ++i)
      out += describe_group(groups[i], options.by);
    if (groups.size() > rows_shown)
      out += fmt::format("and {} more; --json has all\n", groups.size() - rows_shown);
  }
  (void)print(out);
}

void run_stats(const StatsCommand& options) {
  const auto ago = parse_duration(options.since);
  if (!ago)
    return finish(fail({ErrorCode::invalid, "--since: expected a duration such as 2h or 7d"}));
  auto client = connect();
  if (!client) return finish(fail(client.error()));
  const auto runs = load_runs(*client, *ago);
  if (!runs) return finish(fail(runs.error()));
  if (options.as_json)
    print_json(*runs, options.by);
  else
    print_text(*runs, options);
}

}  // namespace

void add_stats_command(CLI::App& app) {
  const auto options = std::make_shared<StatsCommand>();
  CLI::App* stats = app.add_subcommand(
      "stats", "how jobs ended, what they used, and what to ask for: CPUs, memory, time");
  stats->add_option("--since", options->since, "jobs that ended in this time (default 30d)")
      ->type_name("DURATION");
  const std::map<std::string, GroupBy> words{{"name", GroupBy::name},
                                             {"pipeline", GroupBy::pipeline},
                                             {"group", GroupBy::group},
                                             {"reason", GroupBy::reason},
                                             {"exit", GroupBy::exit}};
  stats
      ->add_option("--by", options->by,
                   "name (default), pipeline, group; of failures: reason, exit")
      ->type_name("WHAT")
      ->transform(CLI::CheckedTransformer(words).description(""));
  stats->add_flag("--json", options->as_json, "a JSON object; the fields are in docs/formats.md");
  stats->callback([options] { run_stats(*options); });
}

}  // namespace reeve::cli
