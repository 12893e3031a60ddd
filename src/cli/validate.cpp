// validate, report

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <memory>

#include "base/text.h"
#include "cli/checked_subject.h"
#include "cli/command.h"
#include "cli/daemon_start.h"
#include "cli/results_judge.h"
#include "cli/terminal.h"
#include "contain/descriptors.h"
#include "pipeline/check_option.h"

namespace reeve::cli {
namespace {

constexpr int invalid_code = 1;
constexpr int inconclusive_code = 3;
// Where the daemon holds the other end of a pipe as long as it wants the answer.
constexpr int leash = 3;

struct ValidateOptions {
  std::vector<std::string> subject;  // what, and where
  std::vector<std::string> checks;
  std::string file;
  std::string name;
  std::vector<std::string> params;
  std::string time;
  std::string memory;
  bool is_json = false;
  bool is_worker = false;
};

Result<std::string> read_whole(int fd) {
  std::string text;
  std::array<char, 64 << 10> buffer{};
  while (true) {
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed(OsError{errno, "read it"});
    if (got == 0) return text;
    if (text.size() + static_cast<std::size_t>(got) > limits::validation_request_bytes_max)
      return failed(ErrorCode::too_large, "it is too large");
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

std::string data_program() {
  return std::filesystem::path(own_program()).replace_filename("reeve-data");
}

// An array of checks, or an object with `checks` and what else a validation has.
Result<void> take_file(const std::string& path, Validation& validation) {
  const Fd file(path == "-" ? ::fcntl(0, F_DUPFD_CLOEXEC, 3)
                            : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return failed(to_error(OsError{errno, "open the file"}), printable(path));
  const auto text = read_whole(file.get());
  if (!text) return failed(text.error(), printable(path));
  const auto parsed = parse_json(*text);
  if (!parsed) return failed(parsed.error(), printable(path));
  const auto decoded = parsed->is_array() ? decode_json(*parsed, validation.checks, "checks")
                                          : decode_json(*parsed, validation, "");
  if (!decoded) return failed(decoded.error(), printable(path));
  return {};
}

// Those of a pipeline went into its checks, and each stands in a path.
Result<void> take_params(const ValidateOptions& options, ValidationRequest& request) {
  for (const std::string& param : options.params) {
    const auto equals = param.find('=');
    if (equals == 0 || equals == std::string::npos)
      return failed(ErrorCode::invalid,
                    fmt::format("--param: expected NAME=VALUE, not `{}`", printable(param)));
    request.params[param.substr(0, equals)] = param.substr(equals + 1);
  }
  return {};
}

bool is_directory(const std::string& path) {
  std::error_code error;
  return std::filesystem::is_directory(path, error);
}

// What is to be looked at, and where: DIRECTORY, JOB [DIRECTORY] or PIPELINE [DIRECTORY]. The exit
// code, after what is wrong was said.
std::expected<ValidationRequest, int> find_subject(const ValidateOptions& options) {
  const auto& words = options.subject;
  ValidationRequest request;
  request.log.trouble = "there is no log of a job here";
  const bool is_job = !words.empty() && is_job_word(words.front());
  const bool is_place = words.empty() || (!is_job && words.size() == 1 && is_directory(words[0]));
  if (is_job) {
    auto found = request_of_job(words.front());
    if (!found) return std::unexpected(fail(found.error()));
    request = std::move(*found);
  } else if (!is_place) {
    if (words.size() == 1 && words.front().find('/') != std::string::npos)
      return std::unexpected(
          fail({ErrorCode::invalid, fmt::format("`{}` is no directory", printable(words[0]))}));
    auto found = request_of_pipeline(words.front(), options.params);
    if (!found) return found;
    request = std::move(*found);
  }
  if (is_place || words.size() == 2)
    request.directory = words.empty() ? "." : words.back();
  else if (!is_job)
    request.directory = ".";
  return request;
}

Result<void> complete(const ValidateOptions& options, ValidationRequest& request) {
  Validation& validation = request.validation;
  if (!options.file.empty())
    if (auto taken = take_file(options.file, validation); !taken) return taken;
  for (const std::string& text : options.checks) {
    auto check = parse_check(text);
    if (!check) return failed(check.error(), "--check");
    validation.checks.push_back(std::move(*check));
  }
  if (validation.checks.empty())
    return failed(ErrorCode::invalid,
                  "there is nothing to check; for example: reeve validate results "
                  "--check 'files *.png count=3..'");
  if (request.head.pipeline.empty() || request.head.job != 0)
    if (auto taken = take_params(options, request); !taken) return taken;
  if (!options.time.empty()) {
    const auto time = parse_duration(options.time);
    if (!time) return failed(ErrorCode::invalid, "--time: expected a duration such as 90 or 30m");
    validation.time_limit = *time;
  }
  if (!options.memory.empty()) {
    const auto memory = parse_size(options.memory);
    if (!memory || *memory < limits::validation_memory_min)
      return failed(ErrorCode::invalid, fmt::format("--memory: expected a size of at least {}",
                                                    size_text(limits::validation_memory_min)));
    request.memory = *memory;
  }
  if (const auto fault = find_fault(validation, request.params))
    return failed(ErrorCode::invalid, *fault);
  if (request.directory.empty())
    return failed(ErrorCode::not_found,
                  fmt::format("job {} has no results any more", request.head.job));
  std::error_code error;
  const std::string directory = std::filesystem::canonical(request.directory, error);
  if (error || !is_directory(directory))
    return failed(ErrorCode::invalid,
                  fmt::format("`{}` is no directory", printable(request.directory)));
  request.directory = directory;
  if (!options.name.empty()) request.head.name = options.name;
  if (request.head.name.empty())
    request.head.name = std::filesystem::path(directory).filename().string();
  for (char** variable = environ; *variable != nullptr; ++variable)
    request.environment.emplace_back(*variable);
  request.environment.push_back("REEVE_RESULTS_DIR=" + directory);
  request.environment.push_back("REEVE_NAME=" + request.head.name);
  return {};
}

int code_of(ResultsVerdict verdict) {
  switch (verdict) {
    case ResultsVerdict::valid:
    case ResultsVerdict::unchecked:
      return 0;
    case ResultsVerdict::invalid:
      return invalid_code;
    case ResultsVerdict::inconclusive:
      return inconclusive_code;
  }
  return inconclusive_code;
}

// SIGINT, SIGTERM and SIGHUP, held back, so that what was started is ended first.
Fd take_signals() {
  sigset_t wanted;
  sigemptyset(&wanted);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&wanted, number);
  sigprocmask(SIG_BLOCK, &wanted, nullptr);
  return Fd(::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
}

Result<int> validate_by_hand(const ValidateOptions& options) {
  auto request = find_subject(options);
  if (!request) return request.error() == invalid_code ? exit_codes::usage : request.error();
  if (auto completed = complete(options, *request); !completed)
    return std::unexpected(completed.error());
  fill_standard_descriptors();
  const Fd signals = take_signals();
  const ValidationReport report = judge_results(*request, {data_program(), signals.get()});
  signalfd_siginfo info{};
  if (::read(signals.get(), &info, sizeof info) == sizeof info)
    return 128 + static_cast<int>(info.ssi_signo);
  (void)print(options.is_json ? json_text(report_to_json(report)) : report_text(report));
  return code_of(report.status);
}

// For the daemon: a request on standard input, the report as one line on standard output.
Result<int> validate_for_daemon() {
  const auto text = read_whole(0);
  if (!text) return std::unexpected(text.error());
  const auto parsed = parse_json(*text);
  if (!parsed) return std::unexpected(parsed.error());
  ValidationRequest request;
  if (auto decoded = decode_json(*parsed, request, ""); !decoded)
    return std::unexpected(decoded.error());
  const Fd stop(::fcntl(leash, F_DUPFD_CLOEXEC, leash + 1));
  if (!stop) return failed(ErrorCode::invalid, "--worker is for the daemon");
  ::close(leash);
  (void)print(
      valid_utf8(to_line(report_to_json(judge_results(request, {data_program(), stop.get()})))) +
      "\n");
  return 0;
}

std::string_view word_of(const CheckOutcome& outcome) {
  if (outcome.verdict == CheckVerdict::passed) return "passed";
  if (outcome.verdict == CheckVerdict::unknown) return "unknown";
  return outcome.severity == Severity::warning ? "warning" : "failed";
}

}  // namespace

std::string report_text(const ValidationReport& report) {
  std::string out;
  for (const CheckOutcome& outcome : report.checks)
    out += fmt::format("{:8} {}\n         {}\n", word_of(outcome), printable(outcome.name),
                       printable(outcome.message));
  const std::size_t checks = report.checks.size();
  return out + fmt::format("{}: {} check{}, {} file{}, {} failed, {} warning{}\n",
                           std::string(report_to_json(report).at("status").get_string()), checks,
                           checks == 1 ? "" : "s", report.files_checked,
                           report.files_checked == 1 ? "" : "s", report.errors_found,
                           report.warnings.size(), report.warnings.size() == 1 ? "" : "s");
}

void add_validate_command(CLI::App& app) {
  const auto options = std::make_shared<ValidateOptions>();
  CLI::App* command = app.add_subcommand(
      "validate",
      "check files, images and tables: reeve validate DIR --check …, or by the checks "
      "of a job or a pipeline");
  command->footer(check_help() +
                  "\n\nWHAT is a directory (default: this one; needs no daemon), a job (12, last) "
                  "whose results are checked again,\nor a pipeline of reeve.toml, for "
                  "results that are in DIRECTORY (default: this one).\nExit code 0: "
                  "valid, 1: invalid, 3: nobody can say.");
  command->add_option("subject", options->subject, "directory; or job or pipeline, and directory")
      ->type_name("WHAT [DIRECTORY]")
      ->expected(0, 2);
  command->add_option("--check", options->checks, "one check, see below; may be given again")
      ->type_name("CHECK")
      ->type_size(1)
      ->allow_extra_args(false);
  command->add_option("--checks", options->file, "file of checks as JSON; `-` is standard input")
      ->type_name("FILE");
  command->add_option("--name", options->name, "what {name} in a path stands for");
  command->add_option("--param", options->params, "what {NAME} in a path stands for")
      ->type_name("NAME=VALUE")
      ->type_size(1)
      ->allow_extra_args(false);
  command->add_option("-t,--time", options->time, "for all checks (default 10m)")
      ->type_name("DURATION");
  command->add_option("-m,--memory", options->memory, "for each check (default 1 GiB)")
      ->type_name("SIZE");
  command->add_flag("--json", options->is_json, "print the report as JSON");
  command->add_flag("--worker", options->is_worker)->group("");
  command->callback([options] {
    const auto code = options->is_worker ? validate_for_daemon() : validate_by_hand(*options);
    if (code) return finish(*code);
    // A file that is not there is no verdict on any results.
    const int failure = fail(code.error());
    finish(failure == invalid_code ? exit_codes::usage : failure);
  });
}

void add_report_command(CLI::App& app) {
  struct ReportOptions {
    std::string job;
    bool is_json = false;
  };
  const auto options = std::make_shared<ReportOptions>();
  CLI::App* command =
      app.add_subcommand("report", "what the checks of a job's results found when it ended");
  command->footer("Exit code 0: valid, 1: invalid, 3: nobody could say, 2: there is no report.");
  command->add_option("job", options->job, "an id, or `last`")->type_name("JOB")->required();
  command->add_flag("--json", options->is_json, "print it as JSON");
  command->callback([options] {
    const auto report = report_of_job(options->job);
    if (!report) {
      const int failure = fail(report.error());
      return finish(failure == invalid_code ? exit_codes::usage : failure);
    }
    (void)print(options->is_json ? json_text(report_to_json(*report)) : report_text(*report));
    finish(code_of(report->status));
  });
}

}  // namespace reeve::cli
