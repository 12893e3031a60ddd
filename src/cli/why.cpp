// why

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <sstream>

#include "base/text.h"
#include "cli/command.h"
#include "cli/terminal.h"

namespace reeve::cli {
namespace {

struct WhyCommand {
  Selector selector;
  bool as_json = false;
};

constexpr std::int64_t tail_bytes = 16 << 10;
constexpr std::size_t tail_lines = 10;
constexpr std::ptrdiff_t findings_shown = 10;

// The last lines of what the job wrote.
std::vector<std::string> last_output(const std::string& path) {
  std::ifstream log(path, std::ios::binary | std::ios::ate);
  if (path.empty() || !log) return {};
  const std::int64_t length = log.tellg();
  log.seekg(std::max<std::int64_t>(0, length - tail_bytes));
  std::vector<std::string> lines;
  for (std::string line; std::getline(log, line);) lines.push_back(printable(valid_utf8(line)));
  if (length > tail_bytes && !lines.empty()) lines.erase(lines.begin());  // a part of a line
  if (lines.size() > tail_lines)
    lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(tail_lines));
  return lines;
}

std::string file_text(const std::string& path) {
  const std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  return text.str();
}

std::string indented(const std::string& text) {
  std::string out;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    out += "    " + printable(valid_utf8(line)) + "\n";
  return out;
}

bool is_over(const json::object& job) {
  return !job.at("ended_at").is_null();
}

// What is known beside the sentences: its last output, and its processes, now or at the end.
json::object with_evidence(json::object explained) {
  const json::object& job = explained.at("job").as_object();
  const std::string log = text_of(job, "log_path");
  json::array output;
  for (const std::string& line : last_output(log)) output.emplace_back(line);
  if (is_over(job) && !log.empty()) explained["processes"] = file_text(log + ".processes");
  if (!log.empty()) explained["snapshot"] = file_text(log + ".hung");
  explained["last_output"] = std::move(output);
  return explained;
}

// The first of them; `show --json` and `why --json` have them all.
std::string describe_findings(const json::array& findings) {
  std::string out;
  for (const json::value& value : findings) {
    if (&value - findings.begin() == findings_shown) break;
    const json::object& finding = value.as_object();
    const std::string place = text_of(finding, "place");
    out += fmt::format("    line {}: {}{}  [{}{}]\n", number_of(finding, "line"),
                       printable(text_of(finding, "message")),
                       place.empty() ? "" : " at " + printable(place),
                       text_of(finding, "severity") == "error" ? "" : "warning, ",
                       printable(text_of(finding, "rule")));
  }
  if (std::ssize(findings) > findings_shown)
    out += fmt::format("    and {} more\n", std::ssize(findings) - findings_shown);
  return out.empty() ? "" : "  Found in its log:\n" + out;
}

std::string describe(const json::object& explained) {
  const json::object& job = explained.at("job").as_object();
  std::string out =
      fmt::format("Job {} ({}): {}\n", number_of(job, "id"), printable(text_of(job, "name")),
                  coloured_state(text_of(job, "state"), has_colours(1)));
  for (const json::value& line : explained.at("why").as_array())
    out += "  - " + printable(std::string(line.as_string())) + "\n";
  out += describe_findings(explained.at("findings").as_array());
  const std::string processes = text_of(explained, "processes");
  if (!processes.empty()) {
    if (!processes.starts_with("Processes ")) out += "  Processes:\n";
    out += indented(processes);
  }
  if (const std::string snapshot = text_of(explained, "snapshot"); !snapshot.empty())
    out += "  When it was found to hang:\n" + indented(snapshot);
  const json::array& output = explained.at("last_output").as_array();
  if (!output.empty()) out += "  Last output:\n";
  for (const json::value& line : output) out += "    " + std::string(line.as_string()) + "\n";
  return out;
}

void run_why(const WhyCommand& options) {
  auto client = connect();
  if (!client) return finish(fail(client.error()));
  const auto ids = resolve(*client, options.selector, Scope::any);
  if (!ids) return finish(fail(ids.error()));
  json::array all;
  for (const auto& piece : in_pieces(*ids)) {
    const auto reply = client->call("explainJobs", {{"ids", to_array(piece)}});
    if (!reply) return finish(fail(reply.error()));
    for (const json::value& explained : reply->at("jobs").as_array())
      all.push_back(with_evidence(explained.as_object()));
  }
  if (options.as_json) {
    (void)print(json_text(all.size() == 1 ? all.front() : json::value(all)));
    return;
  }
  for (const json::value& explained : all)
    if (!print(describe(explained.as_object()))) return;
}

}  // namespace

void add_why_command(CLI::App& app) {
  const auto options = std::make_shared<WhyCommand>();
  CLI::App* why = app.add_subcommand(
      "why", "why a job waits and what would help, why it failed, what it is doing");
  add_selector(*why, options->selector);
  why->add_flag("--json", options->as_json, "the sentences and the evidence as JSON");
  why->callback([options] { run_why(*options); });
}

}  // namespace reeve::cli
