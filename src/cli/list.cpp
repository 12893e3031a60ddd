// ls, show, events

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "base/text.h"
#include "base/time.h"
#include "cli/command.h"
#include "cli/provenance.h"
#include "cli/terminal.h"

namespace reeve::cli {
namespace {

struct ListCommand {
  bool all = false;
  bool as_json = false;
  std::vector<std::string> states;
  std::string name;
  std::string group;
  std::vector<std::string> tags;
  std::string since;
  std::int64_t limit = 0;  // 0: not given
};

constexpr std::int64_t rows_shown = 50;
constexpr std::int64_t page_rows = 5000;

std::string command_text(const json::object& job) {
  std::vector<std::string> words;
  for (const json::value& word : job.at("command").as_array())
    words.emplace_back(word.as_string().data(), word.as_string().size());
  return printable(shell_text(words));
}

std::string wall_text(const json::object& job) {
  const json::value& seconds = job.at("wall_seconds");
  if (seconds.is_null()) return "-";
  return to_text(Duration(static_cast<std::int64_t>(seconds.to_number<double>() * 1000)));
}

// "11-22 09:30:00", or a dash.
std::string short_time(const json::object& job, const char* key) {
  const std::string time = text_of(job, key);
  return time.size() < 19 ? "-" : time.substr(5, 5) + " " + time.substr(11, 8);
}

std::string judgement_text(const json::object& job) {
  const json::value& judgement = job.at("judgement");
  if (judgement.is_null()) return "";
  const json::object& said = judgement.as_object();
  return fmt::format("judged {} by {}: {}", text_of(said, "verdict"), text_of(said, "by"),
                     text_of(said, "why"));
}

std::string how_it_ended(const json::object& job) {
  if (const std::string judged = judgement_text(job); !judged.empty()) return judged;
  std::string error = text_of(job, "error");
  if (!error.empty()) return error;
  if (flag_of(job, "kept")) return "kept";
  const std::int64_t leftovers = number_of(job, "leftovers");
  return leftovers > 0 ? fmt::format("{} left behind, ended", leftovers) : "";
}

std::string cut(const std::string& text, std::size_t columns) {
  if (text.size() <= columns) return text;
  std::size_t end = columns - 1;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "…";
}

void print_table(const json::array& jobs) {
  const bool colours = has_colours(1);
  std::string out = fmt::format("{:>6}  {:<11} {:<8} {:<14} {:>8}  {:<20} {}\n", "ID", "STATE",
                                "PRIORITY", "STARTED (UTC)", "WALL", "NAME", "COMMAND");
  for (const json::value& value : jobs) {
    const json::object& job = value.as_object();
    const std::string state = text_of(job, "state");
    const std::string padding(state.size() < 11 ? 11 - state.size() : 0, ' ');
    const std::string end = how_it_ended(job);
    out += fmt::format("{:>6}  {}{} {:<8} {:<14} {:>8}  {:<20} {}{}\n", number_of(job, "id"),
                       coloured_state(state, colours), padding, text_of(job, "priority"),
                       short_time(job, "started_at"), wall_text(job),
                       cut(printable(text_of(job, "name")), 20), cut(command_text(job), 60),
                       end.empty() ? "" : "  # " + cut(printable(end), 60));
  }
  (void)print(out);
}

void run_list(const ListCommand& options) {
  auto client = connect();
  if (!client) return finish(fail(client.error()));
  json::array states;
  for (const std::string& state : options.states) states.emplace_back(state);
  json::array tags;
  for (const std::string& tag : options.tags) tags.emplace_back(tag);
  std::int64_t since = 0;
  if (!options.since.empty()) {
    const auto ago = parse_duration(options.since);
    if (!ago)
      return finish(fail({ErrorCode::invalid, "--since: expected a duration such as 2h or 7-0"}));
    since = utc_now().ms - ago->count();
  }
  // In pages, so that no message grows beyond its bound.
  std::int64_t left = options.limit > 0 ? options.limit : options.all ? INT64_MAX : rows_shown;
  json::array jobs;
  json::value before = nullptr;
  while (left > 0) {
    const std::int64_t page = std::min(left, page_rows);
    const auto reply = client->call("listJobs", {{"states", states},
                                                 {"name", options.name},
                                                 {"group", options.group},
                                                 {"tags", tags},
                                                 {"since_ms", since},
                                                 {"limit", page},
                                                 {"before", before}});
    if (!reply) return finish(fail(reply.error()));
    const json::array& rows = reply->at("jobs").as_array();
    jobs.insert(jobs.end(), rows.begin(), rows.end());
    left -= std::ssize(rows);
    if (std::ssize(rows) < page) break;
    before = rows.back().as_object().at("id");
  }
  if (options.as_json) {
    (void)print(json_text(jobs));
    return;
  }
  if (jobs.empty())
    say("no jobs; start one with: reeve run -- COMMAND");
  else
    print_table(jobs);
}

struct ShowCommand {
  Selector selector;
  bool as_json = false;
  bool environment = false;
  bool provenance = false;
  bool patch = false;
};

std::string joined(const json::array& values) {
  std::string out;
  for (const json::value& value : values)
    out += (out.empty() ? "" : ", ") +
           (value.is_string() ? printable(std::string(value.get_string())) : to_line(value));
  return out;
}

// What is seen of a running job.
std::string live_lines(const json::object& live) {
  std::string out;
  if (!live.at("progress").is_null()) {
    const json::object& progress = live.at("progress").as_object();
    const std::string text = printable(text_of(progress, "text"));
    out += fmt::format("{:<12} {}{}\n", "progress", text_of(progress, "words"),
                       text.empty() ? "" : " (" + text + ")");
  }
  const json::object& eta = live.at("eta").as_object();
  if (!live.at("progress").is_null() || eta.contains("basis"))
    out += fmt::format("{:<12} {}{}\n", "ETA", text_of(eta, "words"),
                       text_of(eta, "basis") == "earlier_runs" ? ", from earlier runs" : "");
  if (!live.at("use").is_null())
    out += fmt::format("{:<12} {}\n", "use", text_of(live.at("use").as_object(), "words"));
  return out;
}

// Whom it makes room for, and how often it has made room.
std::string preemption_text(const json::object& job) {
  if (text_of(job, "paused_by").starts_with("scheduler"))
    return fmt::format("paused for job {}", number_of(job, "preempted_for"));
  const std::int64_t times = number_of(job, "preemptions");
  return times == 0 ? "" : fmt::format("{} {} so far", times, times == 1 ? "time" : "times");
}

std::string pairs(const json::object& values) {
  std::string out;
  for (const auto& [name, value] : values)
    out += (out.empty() ? "" : " ") + std::string(name) + "=" +
           printable(shell_text({std::string(value.as_string())}));
  return out;
}

void print_details(const json::object& job) {
  const bool colours = has_colours(1);
  std::string out;
  const auto line = [&](const char* label, const std::string& text) {
    if (!text.empty()) out += fmt::format("{:<12} {}\n", label, text);
  };
  const std::string attempt =
      number_of(job, "attempt") > 1 ? fmt::format(" (attempt {})", number_of(job, "attempt")) : "";
  out += fmt::format("Job {}: {}{}\n", number_of(job, "id"),
                     coloured_state(text_of(job, "state"), colours), attempt);
  line("error", printable(text_of(job, "error")));
  line("reason", text_of(job, "reason"));
  line("judgement", printable(judgement_text(job)));
  line("name", printable(text_of(job, "name")));
  line("command", command_text(job));
  line("directory", printable(text_of(job, "directory")));
  line("pipeline", printable(text_of(job, "pipeline")));
  line("parameters", pairs(job.at("params").as_object()));
  line("priority", text_of(job, "priority"));
  line("submitted", text_of(job, "submitted_at"));
  line("started", text_of(job, "started_at"));
  line("ended", text_of(job, "ended_at"));
  if (const auto* live = job.if_contains("live")) out += live_lines(live->as_object());
  std::string told;
  for (const auto& [name, value] : job.at("metrics").as_object())
    told += (told.empty() ? "" : ", ") + std::string(name) + "=" + std::string(value.as_string());
  if (!told.empty()) line("told", printable(told));
  if (text_of(job, "validation") != "unchecked")
    line("results are",
         text_of(job, "validation") + (text_of(job, "validation_words").empty()
                                           ? ""
                                           : ": " + printable(text_of(job, "validation_words"))));
  if (!job.at("wall_seconds").is_null()) {
    line("wall", wall_text(job));
    line("cpu",
         fmt::format("{:.2f} s user, {:.2f} s system", job.at("user_seconds").to_number<double>(),
                     job.at("system_seconds").to_number<double>()));
    line("peak memory",
         fmt::format("{} ({})", size_text(number_of(job, "max_rss_bytes")),
                     text_of(job, "max_rss_source") == "sampled_tree" ? "all processes, sampled"
                                                                      : "largest process"));
    line("disk", fmt::format("{} read, {} written", size_text(number_of(job, "read_bytes")),
                             size_text(number_of(job, "write_bytes"))));
  }
  line("containment", text_of(job, "containment") == "subreaper"
                          ? "subreaper (weak: see docs/containment.md)"
                          : text_of(job, "containment"));
  if (number_of(job, "leftovers") > 0)
    line("leftovers", fmt::format("{} left behind and ended", number_of(job, "leftovers")));
  if (flag_of(job, "kill_stuck")) line("stuck", "some of its processes can't be killed yet");
  if (flag_of(job, "cancel_too_late"))
    line("note", "a cancel came too late: it had ended by itself");
  if (flag_of(job, "isolated")) line("isolated", "in a PID namespace of its own");
  if (number_of(job, "memory_limit_bytes") > 0)
    line("memory limit",
         fmt::format("{}, enforced by {}", size_text(number_of(job, "memory_limit_bytes")),
                     text_of(job, "memory_limit_by") == "cgroup" ? "the kernel" : "sampling"));
  line("pushed aside", preemption_text(job));
  if (const json::value& limit = job.at("time_limit_ms"); !limit.is_null())
    line("time limit",
         time_limit_text(Duration(limit.as_int64()), flag_of(job, "time_limit_is_default")));
  line("cpus", joined(job.at("cpu_numbers").as_array()));
  line("group", printable(text_of(job, "group")));
  line("tags", joined(job.at("tags").as_array()));
  line("lock", printable(text_of(job, "lock")));
  line("results", printable(text_of(job, "results_dir")));
  if (text_of(job, "results_dir").empty() && !text_of(job, "error").empty())
    line("staged", printable(text_of(job, "staging_dir")));
  line("log", printable(text_of(job, "log_path")));
  line("removed", joined(job.at("removed").as_array()));
  if (flag_of(job, "kept")) line("kept", "nothing of it is removed to save space");
  if (number_of(job, "log_lost_bytes") > 0)
    line("log lost", size_text(number_of(job, "log_lost_bytes")) + " could not be written");
  (void)print(out);
}

void run_show(const ShowCommand& options) {
  auto client = connect();
  if (!client) return finish(fail(client.error()));
  const auto ids = resolve(*client, options.selector, Scope::any);
  if (!ids) return finish(fail(ids.error()));
  if (options.provenance || options.patch) {
    const auto shown = show_provenance(*client, *ids, {options.as_json, options.patch});
    return finish(shown ? 0 : fail(shown.error()));
  }
  if (options.environment) {
    const auto reply = client->call("getEnvironment", {{"ids", to_array(*ids)}});
    if (!reply) return finish(fail(reply.error()));
    const json::object& variables = reply->at("environment").as_object();
    if (options.as_json) {
      (void)print(json_text(variables));
      return;
    }
    std::string out;
    for (const auto& [name, value] : variables)
      out += printable(std::string(name)) + "=" + printable(std::string(value.as_string())) + "\n";
    (void)print(out);
    return;
  }
  json::array jobs;
  for (const auto& piece : in_pieces(*ids)) {
    const auto reply = client->call("getJobs", {{"ids", to_array(piece)}});
    if (!reply) return finish(fail(reply.error()));
    const json::array& found = reply->at("jobs").as_array();
    jobs.insert(jobs.end(), found.begin(), found.end());
  }
  if (options.as_json) {
    (void)print(json_text(jobs.size() == 1 ? jobs.front() : json::value(jobs)));
    return;
  }
  for (const json::value& job : jobs) print_details(job.as_object());
}

struct EventsCommand {
  Selector selector;
  std::int64_t after = 0;
  std::int64_t limit = 1000;
  bool as_json = false;
};

std::string event_line(const json::object& event) {
  const std::string detail = text_of(event, "detail");
  const std::string reason = text_of(event, "reason");
  return fmt::format(
      "{}  job {}{}  {:<12} by {}{}{}\n", text_of(event, "time"), number_of(event, "job"),
      number_of(event, "attempt") > 1 ? fmt::format(".{}", number_of(event, "attempt")) : "",
      text_of(event, "event"), printable(text_of(event, "actor")),
      reason.empty() ? "" : "  reason=" + reason, detail.empty() ? "" : "  " + printable(detail));
}

void run_events(const EventsCommand& options) {
  auto client = connect();
  if (!client) return finish(fail(client.error()));
  std::vector<std::optional<std::int64_t>> jobs;
  const Selector& selector = options.selector;
  if (selector.words.empty() && selector.filters.empty() && selector.name.empty() &&
      selector.group.empty() && selector.tags.empty()) {
    jobs.emplace_back(std::nullopt);
  } else {
    const auto ids = resolve(*client, selector, Scope::any);
    if (!ids) return finish(fail(ids.error()));
    jobs.assign(ids->begin(), ids->end());
  }
  for (const auto& job : jobs) {
    json::object args{{"after", options.after}, {"limit", options.limit}};
    if (job) args["job"] = *job;
    const auto reply = client->call("listEvents", std::move(args));
    if (!reply) return finish(fail(reply.error()));
    std::string out;
    for (const json::value& event : reply->at("events").as_array())
      out += options.as_json ? valid_utf8(to_line(event)) + "\n" : event_line(event.as_object());
    if (!print(out)) return;
  }
}

}  // namespace

void add_list_commands(CLI::App& app) {
  const auto list = std::make_shared<ListCommand>();
  CLI::App* ls = app.add_subcommand("ls", "list jobs, newest first");
  ls->add_flag("-a,--all", list->all, "all of them, not only the newest 50");
  ls->add_option("-s,--state", list->states, "only jobs in this state (may be repeated)")
      ->type_name("STATE")
      ->type_size(1)
      ->allow_extra_args(false);
  ls->add_option("-n,--named", list->name, "only jobs with this name, or pattern (train*)")
      ->type_name("NAME");
  ls->add_option("-g,--group", list->group, "only jobs of this group")->type_name("NAME");
  ls->add_option("--tag", list->tags, "only jobs with this tag (may be repeated)")
      ->type_name("NAME")
      ->type_size(1)
      ->allow_extra_args(false);
  ls->add_option("--since", list->since, "only jobs submitted in this time, such as 2h")
      ->type_name("DURATION");
  ls->add_option("--limit", list->limit, "at most so many (default 50)")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  ls->add_flag("--json", list->as_json, "a JSON array; the fields are in docs/formats.md");
  ls->callback([list] { run_list(*list); });

  const auto shown = std::make_shared<ShowCommand>();
  CLI::App* show = app.add_subcommand("show", "everything about a job");
  add_selector(*show, shown->selector);
  show->add_flag("--json", shown->as_json, "a JSON object; the fields are in docs/formats.md");
  show->add_flag("--env", shown->environment, "its environment, with secrets masked");
  show->add_flag("--provenance", shown->provenance,
                 "what ran: code, machine and environment as they were at submission");
  show->add_flag("--diff", shown->patch, "the uncommitted changes at submission, for git apply");
  show->callback([shown] { run_show(*shown); });

  const auto events = std::make_shared<EventsCommand>();
  CLI::App* history = app.add_subcommand("events", "what happened, oldest first");
  add_selector(*history, events->selector);
  history->add_option("--after", events->after, "only after this sequence number")
      ->type_name("SEQ");
  history->add_option("--limit", events->limit, "at most so many (default 1000)")->type_name("N");
  history->add_flag("--json", events->as_json, "one JSON object a line");
  history->callback([events] { run_events(*events); });
}

}  // namespace reeve::cli
