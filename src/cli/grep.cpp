// grep

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "api/log_reader.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/line_search.h"
#include "cli/terminal.h"

namespace reeve::cli {
namespace {

constexpr int none_found = 1;
constexpr int not_searched = 2;
constexpr std::int64_t jobs_searched = 50;  // where none are selected
constexpr std::int64_t context_max = 1000;
constexpr std::size_t output_bytes_held = 64UL << 10;

struct GrepCommand {
  Selector selector;
  std::string pattern;
  Pattern::Options how;
  LineSearch::Options lines;
  bool count = false;
  bool list = false;
  bool as_json = false;
};

bool selects_nothing(const Selector& selector) {
  return selector.words.empty() && !selector.all && selector.filters.empty() &&
         selector.name.empty() && selector.group.empty() && selector.tags.empty();
}

Result<std::vector<std::int64_t>> newest(Client& client) {
  const auto reply = client.call("listJobs", {{"limit", jobs_searched}});
  if (!reply) return std::unexpected(reply.error());
  std::vector<std::int64_t> ids;
  for (const json::value& job : reply->at("jobs").as_array())
    ids.push_back(number_of(job.as_object(), "id"));
  std::ranges::reverse(ids);
  return ids;
}

// What is found, as it is printed; in larger pieces than lines.
class Output {
 public:
  explicit Output(const GrepCommand& options) : options_(options), colours_(has_colours(1)) {}

  void add_line(std::int64_t job, const FoundLine& line) {
    if (options_.as_json) {
      put(valid_utf8(to_line(json::object{
          {"job", job}, {"line", line.number}, {"match", line.is_match}, {"text", line.text}})));
      return;
    }
    const bool has_context = options_.lines.before > 0 || options_.lines.after > 0;
    if (has_context && (line.follows_gap || (job != last_job_ && last_job_ != 0))) put("--");
    last_job_ = job;
    const char mark = line.is_match ? ':' : '-';
    put(fmt::format("{}{}{}{} {}", job, mark, line.number, mark, text_of_line(line)));
  }
  void add_count(std::int64_t job, std::int64_t count) {
    put(options_.as_json ? to_line(json::object{{"job", job}, {"count", count}})
                         : fmt::format("{}: {}", job, count));
  }
  void add_job(std::int64_t job) {
    put(options_.as_json ? to_line(json::object{{"job", job}}) : std::to_string(job));
  }
  void flush() {
    if (is_read_) is_read_ = print(held_);
    held_.clear();
  }
  // Whether anybody still reads what is printed.
  [[nodiscard]] bool is_read() const { return is_read_; }

 private:
  void put(std::string_view line) {
    held_ += line;
    held_ += '\n';
    if (held_.size() >= output_bytes_held) flush();
  }
  [[nodiscard]] std::string text_of_line(const FoundLine& line) const {
    const std::string_view text(line.text);
    if (!colours_ || !line.is_match || line.span.begin == line.span.end) return printable(text);
    return fmt::format("{}\x1b[1;31m{}\x1b[0m{}", printable(text.substr(0, line.span.begin)),
                       printable(text.substr(line.span.begin, line.span.end - line.span.begin)),
                       printable(text.substr(line.span.end)));
  }

  const GrepCommand& options_;
  bool colours_;
  std::int64_t last_job_ = 0;
  std::string held_;
  bool is_read_ = true;
};

// The number of lines that match; nothing when the log can't be read, which was said.
std::optional<std::int64_t> search_log(const GrepCommand& options, const Pattern& pattern,
                                       std::int64_t job, const std::string& path, Output& output) {
  auto reader = LogReader::open(path);
  if (!reader) {
    // The file is made with the first output.
    if (reader.error().code == ErrorCode::not_found) return 0;
    say(reader.error().message);
    return std::nullopt;
  }
  const bool tells_lines = !options.count && !options.list;
  LineSearch::Options lines = tells_lines ? options.lines : LineSearch::Options{};
  lines.matches_max = options.list ? 1 : options.lines.matches_max;
  LineSearch search(pattern, lines, [&](const FoundLine& line) {
    if (tells_lines) output.add_line(job, line);
  });
  while (!search.is_done() && output.is_read()) {
    const std::int64_t dropped = reader->dropped();
    const std::string data = reader->read();
    if (data.empty()) break;
    if (reader->dropped() == dropped) {
      search.feed(data);
      continue;
    }
    search.skip_line();
    output.flush();
    say(fmt::format("{} of the log of job {} were dropped by its cap and not searched",
                    size_text(reader->dropped() - dropped), job));
  }
  search.finish();
  if (options.count) output.add_count(job, search.matches());
  if (options.list && search.matches() > 0) output.add_job(job);
  return search.matches();
}

void run_grep(const GrepCommand& options) {
  const auto refuse = [](const Error& error) {
    const int code = fail(error);
    finish(code == none_found ? not_searched : code);
  };
  const auto pattern = Pattern::make(options.pattern, options.how);
  if (!pattern) return refuse(pattern.error());
  auto client = connect();
  if (!client) return refuse(client.error());
  const auto ids = selects_nothing(options.selector)
                       ? newest(*client)
                       : resolve(*client, options.selector, Scope::any);
  if (!ids) return refuse(ids.error());
  Output output(options);
  std::int64_t found = 0;
  bool is_unread = false;
  for (const auto& piece : in_pieces(*ids)) {
    const auto reply = client->call("getJobs", {{"ids", to_array(piece)}});
    if (!reply) return refuse(reply.error());
    for (const json::value& value : reply->at("jobs").as_array()) {
      const json::object& job = value.as_object();
      const std::string path = text_of(job, "log_path");
      const std::int64_t id = number_of(job, "id");
      if (!path.empty()) {
        const auto matches = search_log(options, *pattern, id, path, output);
        is_unread |= !matches;
        found += matches.value_or(0);
      } else if (options.count) {
        output.add_count(id, 0);
      }
      if (!output.is_read()) return;
    }
  }
  output.flush();
  finish(found > 0 ? 0 : is_unread ? not_searched : none_found);
}

}  // namespace

void add_grep_command(CLI::App& app) {
  const auto options = std::make_shared<GrepCommand>();
  CLI::App* grep = app.add_subcommand(
      "grep", "search the logs of jobs; exit with 0 when something was found, else with 1");
  grep->footer(
      "reeve grep [OPTIONS] PATTERN [JOB…]\n"
      "Without jobs: the newest 50. A pattern that begins with - comes after --.\n"
      "Lines are printed as JOB:LINE: text, those around a match as JOB-LINE- text.");
  grep->add_option("pattern", options->pattern, "extended regular expression (POSIX)")
      ->type_name("PATTERN")
      ->required();
  add_selector(*grep, options->selector, FilterFlag::long_only);
  grep->add_flag("-i,--ignore-case", options->how.ignore_case, "a is A");
  grep->add_flag("-F,--fixed-strings", options->how.is_plain, "the pattern is the text itself");
  grep->add_option("-A,--after-context", options->lines.after, "also N lines after each match")
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{0}, context_max));
  grep->add_option("-B,--before-context", options->lines.before, "also N lines before each match")
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{0}, context_max));
  grep->add_flag("-c,--count", options->count, "only the number of lines of each job");
  grep->add_flag("-l,--jobs-with-matches", options->list, "only the ids of jobs with a match");
  grep->add_option("-m,--max-count", options->lines.matches_max, "at most N lines of each job")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  grep->add_flag("--json", options->as_json, "one JSON object a line, see docs/formats.md");
  grep->callback([options] { run_grep(*options); });
}

}  // namespace reeve::cli
