#include "cli/results_judge.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include "base/text.h"
#include "cli/contained_run.h"

namespace reeve::cli {
namespace {

using Clock = std::chrono::steady_clock;

// What bash says of a command that it could not run.
constexpr int not_executable_code = 126;
constexpr int not_found_code = 127;

bool is_for_data(const Check& check) {
  return check.kind == CheckKind::files || check.kind == CheckKind::images ||
         check.kind == CheckKind::table;
}

// The last words, on one line.
std::string last_line(std::string_view output) {
  while (!output.empty() && (output.back() == '\n' || output.back() == '\r'))
    output.remove_suffix(1);
  return std::string(output.substr(output.rfind('\n') + 1));
}

class Judge {
 public:
  Judge(const ValidationRequest& request, const JudgeTools& tools)
      : request_(request),
        checks_(request.validation.checks),
        tools_(tools),
        end_(Clock::now() + request.validation.time_limit),
        outcomes_(checks_.size()) {}

  ValidationReport judge() {
    for (std::size_t i = 0; i < checks_.size(); ++i)
      if (checks_[i].kind == CheckKind::log_clean)
        outcomes_[i] = judge_log(checks_[i], request_.log);
    std::vector<std::size_t> rest;
    for (std::size_t i = 0; i < checks_.size(); ++i)
      if (is_for_data(checks_[i])) rest.push_back(i);
    // After a crash the checks behind the one that crashed get another process.
    while (!rest.empty()) rest = judge_data(rest);
    for (std::size_t i = 0; i < checks_.size(); ++i)
      if (checks_[i].kind == CheckKind::command) outcomes_[i] = judge_command(checks_[i]);
    std::vector<CheckOutcome> all;
    for (std::size_t i = 0; i < checks_.size(); ++i)
      all.push_back(outcomes_[i] ? std::move(*outcomes_[i])
                                 : unknown_outcome(checks_[i], "it was not carried out"));
    return make_report(request_.head, std::move(all));
  }

 private:
  [[nodiscard]] Duration time_left() const {
    return std::chrono::duration_cast<Duration>(end_ - Clock::now());
  }
  // Why nothing can be begun any more.
  [[nodiscard]] std::optional<std::string> find_obstacle() const {
    if (is_stopped_) return "the validation was stopped";
    if (time_left() > Duration(0)) return std::nullopt;
    return fmt::format("the time limit of {} was over before it began",
                       to_text(request_.validation.time_limit));
  }

  [[nodiscard]] std::string words_for_end(const ContainedEnd& end,
                                          const ContainedWish& wish) const {
    if (end.report.is_over_time)
      return fmt::format("took longer than the time limit of {} for all checks",
                         to_text(request_.validation.time_limit));
    return failure_of(end, wish);
  }

  // Returns those that were not answered and are worth another try.
  std::vector<std::size_t> judge_data(std::vector<std::size_t> wanted) {
    const auto fail_all = [&](const std::string& why) {
      for (const std::size_t i : wanted) outcomes_[i] = unknown_outcome(checks_[i], why);
      return std::vector<std::size_t>{};
    };
    if (const auto obstacle = find_obstacle()) return fail_all(*obstacle);
    DataRequest data;
    data.directory = request_.directory;
    data.started_ms = request_.started_ms;
    data.name = request_.head.name;
    data.params = request_.params;
    for (const std::size_t i : wanted) data.checks.push_back(checks_[i]);
    data.memory = request_.memory;
    data.time_limit = std::max(time_left(), Duration(1));
    data.scratch = request_.scratch;
    ContainedWish wish;
    wish.words = {tools_.data_program, "check"};
    wish.input = to_line(encode_json(data));
    wish.time_limit = data.time_limit;
    wish.output_max = limits::report_bytes_max;
    wish.stop = tools_.stop;
    const auto end = run_contained(wish);
    if (!end) return fail_all(end.error().message);
    is_stopped_ = is_stopped_ || end->is_stopped;
    const std::size_t answered = take_answers(wanted, end->output);
    wanted.erase(wanted.begin(), wanted.begin() + static_cast<std::ptrdiff_t>(answered));
    if (wanted.empty()) return {};
    const std::string failure = words_for_end(*end, wish);
    if (end->report.launch != Report::Launch::executed)
      return fail_all(tools_.data_program + " " + failure);
    const std::size_t broken = wanted.front();
    outcomes_[broken] = unknown_outcome(
        checks_[broken],
        "its checker " + (failure.empty() ? "did not answer what it was asked" : failure));
    wanted.erase(wanted.begin());
    return wanted;
  }

  // How many of them were answered, in order.
  std::size_t take_answers(const std::vector<std::size_t>& wanted, std::string_view output) {
    std::size_t answered = 0;
    while (answered < wanted.size()) {
      const auto line_end = output.find('\n');
      if (line_end == std::string_view::npos) break;
      const auto parsed = parse_json(output.substr(0, line_end));
      output.remove_prefix(line_end + 1);
      DataAnswer answer;
      if (!parsed || !decode_json(*parsed, answer, "") ||
          answer.check != static_cast<std::int64_t>(answered))
        break;
      // It may speak of what it found, and not of what was asked.
      const std::size_t i = wanted[answered];
      const CheckOutcome asked = begin_outcome(checks_[i]);
      answer.outcome.name = asked.name;
      answer.outcome.kind = asked.kind;
      answer.outcome.severity = asked.severity;
      answer.outcome.expected = asked.expected;
      outcomes_[i] = std::move(answer.outcome);
      ++answered;
    }
    return answered;
  }

  CheckOutcome judge_command(const Check& check) {
    if (const auto obstacle = find_obstacle()) return unknown_outcome(check, *obstacle);
    ContainedWish wish;
    wish.words = check.shell.empty()
                     ? check.command
                     : std::vector<std::string>{"bash", "-o", "pipefail", "-c", check.shell};
    wish.directory = request_.directory;
    wish.environment = &request_.environment;
    wish.time_limit = std::max(time_left(), Duration(1));
    wish.memory = request_.memory;
    wish.output_max = limits::check_output_bytes_max;
    wish.keep = ContainedWish::Keep::last;
    wish.stop = tools_.stop;
    const auto end = run_contained(wish);
    if (!end) return unknown_outcome(check, end.error().message);
    is_stopped_ = is_stopped_ || end->is_stopped;
    const std::string said = last_line(end->output);
    const std::string failure = words_for_end(*end, wish);
    if (failure.empty()) {
      CheckOutcome outcome = begin_outcome(check);
      outcome.verdict = CheckVerdict::passed;
      set_texts(outcome, "exit code 0", said.empty() ? "exit code 0" : said);
      return outcome;
    }
    const bool is_judgement = end->report.launch == Report::Launch::executed &&
                              !end->report.is_guardian_dead && !end->report.is_over_time &&
                              !end->is_over_memory && !end->is_stopped &&
                              WIFEXITED(end->report.wait_status);
    const int code = WEXITSTATUS(end->report.wait_status);
    const bool was_not_run =
        !check.shell.empty() && (code == not_executable_code || code == not_found_code);
    if (!is_judgement || was_not_run)
      return unknown_outcome(check, "the command " + failure + (said.empty() ? "" : ": " + said));
    CheckOutcome outcome = begin_outcome(check);
    outcome.verdict = CheckVerdict::failed;
    set_texts(outcome, fmt::format("exit code {}", code),
              fmt::format("exit code {}{}", code, said.empty() ? "" : ": " + said));
    return outcome;
  }

  const ValidationRequest& request_;
  const std::vector<Check>& checks_;
  const JudgeTools& tools_;
  Clock::time_point end_;
  std::vector<std::optional<CheckOutcome>> outcomes_;
  bool is_stopped_ = false;
};

}  // namespace

ValidationReport judge_results(const ValidationRequest& request, const JudgeTools& tools) {
  return Judge(request, tools).judge();
}

}  // namespace reeve::cli
