// validate

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
  std::string directory = ".";
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

Result<ValidationRequest> make_request(const ValidateOptions& options) {
  ValidationRequest request;
  Validation& validation = request.validation;
  if (!options.file.empty())
    if (auto taken = take_file(options.file, validation); !taken)
      return std::unexpected(taken.error());
  for (const std::string& text : options.checks) {
    auto check = parse_check(text);
    if (!check) return failed(check.error(), "--check");
    validation.checks.push_back(std::move(*check));
  }
  if (validation.checks.empty())
    return failed(ErrorCode::invalid,
                  "there is nothing to check; for example: reeve validate results "
                  "--check 'files *.png count=3..'");
  if (auto taken = take_params(options, request); !taken) return std::unexpected(taken.error());
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
  std::error_code error;
  request.directory = std::filesystem::canonical(options.directory, error);
  if (error || !std::filesystem::is_directory(request.directory, error))
    return failed(ErrorCode::invalid,
                  fmt::format("`{}` is no directory", printable(options.directory)));
  request.head.name = options.name.empty()
                          ? std::filesystem::path(request.directory).filename().string()
                          : options.name;
  request.log.trouble = "there is no log of a job here";
  for (char** variable = environ; *variable != nullptr; ++variable)
    request.environment.emplace_back(*variable);
  return request;
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
  const auto request = make_request(options);
  if (!request) return std::unexpected(request.error());
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
      "validate", "check files, images and tables in a directory: reeve validate DIR --check …");
  command->footer(check_help() +
                  "\n\nNeeds no daemon. Exit code 0: valid, 1: invalid, 3: nobody can say.");
  command->add_option("DIRECTORY", options->directory, "what is checked (default: this one)");
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

}  // namespace reeve::cli
