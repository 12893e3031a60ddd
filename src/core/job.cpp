#include "core/job.h"

#include <fmt/format.h>

#include <array>
#include <csignal>
#include <cstring>
#include <utility>

#include "base/result.h"
#include "base/text.h"
#include "core/retry.h"

namespace reeve {
namespace {

std::string_view step_words(LaunchStep step) {
  switch (step) {
    case LaunchStep::staging:
      return "its directory for results could not be made";
    case LaunchStep::keeper:
      return "a keeper could not be started";
    case LaunchStep::pipe:
      return "no pipe could be made for its output";
    case LaunchStep::birth:
      return "no process could be made for it";
    case LaunchStep::directory:
      return "its directory can't be entered";
    case LaunchStep::input:
      return "its input can't be opened";
    case LaunchStep::isolation:
      return "a namespace of its own could not be made";
    case LaunchStep::memory:
      return "it could not be put under its memory limit";
    default:
      return "the command can't be executed";
  }
}

// The path that the step was about, for the words of the error.
std::string step_path(LaunchStep step, const JobSpec& spec) {
  if (step == LaunchStep::staging) return " below " + printable(spec.results_root);
  if (step == LaunchStep::directory) return ": " + printable(spec.directory);
  if (step == LaunchStep::input)
    return ": " + (spec.stdin_file.empty() ? "/dev/null" : printable(spec.stdin_file));
  return "";
}

std::string describe_exec_error(int code, const JobSpec& spec) {
  const std::string program = printable(spec.command.empty() ? "" : spec.command.front());
  switch (code) {
    case ENOENT:
      return fmt::format("{}: no such program (or the interpreter it names is missing)", program);
    case EACCES:
      return fmt::format("{}: not executable (permission denied)", program);
    case ENOEXEC:
      return fmt::format(
          "{}: not a program that this machine can run (a script needs #! in its first line)",
          program);
    case E2BIG:
      return fmt::format(
          "{}: the arguments and the environment together are too long for the "
          "kernel (E2BIG)",
          program);
    default:
      return fmt::format("{}: can't be executed: {} ({})", program,
                         std::strerror(code),  // NOLINT(concurrency-mt-unsafe)
                         errno_name(code));
  }
}

bool has_control_character(std::string_view text) {
  for (const char c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return true;
  return false;
}

// In any word that reaches the kernel, which would end the word there.
bool has_nul(const JobSpec& spec) {
  const auto is_cut = [](const std::string& word) { return word.find('\0') != std::string::npos; };
  for (const std::string& word : spec.command)
    if (is_cut(word)) return true;
  for (const auto& [name, value] : spec.environment)
    if (is_cut(name) || is_cut(value)) return true;
  return is_cut(spec.directory) || is_cut(spec.stdin_file) || is_cut(spec.results_root);
}

std::optional<std::string> find_name_fault(const std::string& name) {
  if (name.empty()) return "the name is empty";
  if (name.size() > limits::name_bytes_max)
    return fmt::format("the name has {} bytes, and {} are the most", name.size(),
                       limits::name_bytes_max);
  if (name.find('/') != std::string::npos)
    return "the name has a `/` in it; it becomes the name of a directory";
  if (name.starts_with('.'))
    return "the name starts with a dot; it becomes the name of a directory";
  if (has_control_character(name)) return "the name has a control character in it";
  if (valid_utf8(name) != name) return "the name is not valid UTF-8";
  return std::nullopt;
}

std::optional<std::string> find_tags_fault(const JobSpec& spec) {
  if (spec.tags.size() > limits::tags_max)
    return fmt::format("a job has at most {} tags", limits::tags_max);
  std::vector<std::string> words = spec.tags;
  if (!spec.group.empty()) words.push_back(spec.group);
  for (const std::string& word : words)
    if (word.empty() || word.size() > limits::tag_bytes_max || has_control_character(word) ||
        valid_utf8(word) != word)
      return fmt::format(
          "a group's or tag's name has 1 to {} bytes of UTF-8 and no control characters",
          limits::tag_bytes_max);
  return std::nullopt;
}

std::optional<std::string> find_demand_fault(const Demand& demand) {
  if (demand.cpus < 0 || demand.gpus < 0 || demand.memory < 0)
    return "CPUs, GPUs and memory can't be negative";
  for (const auto& [name, amount] : demand.counters)
    if (name.empty() || amount < 1)
      return fmt::format("the counter `{}` needs a name and an amount of at least 1",
                         printable(name));
  if (demand.lock.size() > limits::lock_bytes_max || has_control_character(demand.lock))
    return fmt::format("a lock's name has at most {} bytes and no control characters",
                       limits::lock_bytes_max);
  return std::nullopt;
}

}  // namespace

std::string signal_name(int number) {
  const char* abbreviation = sigabbrev_np(number);
  if (abbreviation != nullptr) return std::string("SIG") + abbreviation;
  if (number >= SIGRTMIN && number <= SIGRTMAX)
    return fmt::format("SIGRTMIN+{}", number - SIGRTMIN);
  return fmt::format("signal {}", number);
}

std::optional<int> signal_number(std::string_view name) {
  if (const auto number = parse_integer(name))
    return *number >= 1 && *number <= SIGRTMAX ? std::optional(static_cast<int>(*number))
                                               : std::nullopt;
  if (name.starts_with("SIG")) name.remove_prefix(3);
  for (int number = 1; number < NSIG; ++number) {
    const char* abbreviation = sigabbrev_np(number);
    if (abbreviation != nullptr && name == abbreviation) return number;
  }
  return std::nullopt;
}

std::string describe(const ExitStatus& exit, const JobSpec& spec) {
  switch (exit.kind) {
    case ExitKind::exited:
      return fmt::format("exit code {}", exit.code);
    case ExitKind::signalled:
      return fmt::format("killed by {}{}", signal_name(exit.code),
                         exit.core_dumped ? " (core dumped)" : "");
    case ExitKind::launch_error:
      if (exit.step == LaunchStep::exec) return describe_exec_error(exit.code, spec);
      return fmt::format("{}{}: {} ({}){}", step_words(exit.step), step_path(exit.step, spec),
                         std::strerror(exit.code),  // NOLINT(concurrency-mt-unsafe)
                         errno_name(exit.code),
                         exit.code == EAGAIN ? "; see `ulimit -u`, the limit on processes" : "");
  }
  return "";
}

std::optional<std::string> find_fault(const JobSpec& spec) {
  if (spec.command.empty() || spec.command.front().empty()) return "there is no command to run";
  std::size_t bytes = 0;
  for (const std::string& word : spec.command) bytes += word.size() + 1;
  if (has_nul(spec)) return "there is a NUL byte in the command, a path or a variable";
  if (bytes > limits::spec_bytes_max)
    return fmt::format("the command has {} bytes, and {} are the most", bytes,
                       limits::spec_bytes_max);
  if (!spec.directory.starts_with('/')) return "the directory is not an absolute path";
  if (auto fault = find_name_fault(spec.name)) return fault;
  if (auto fault = find_demand_fault(spec.demand)) return fault;
  if (spec.idempotency_key.size() > limits::key_bytes_max)
    return fmt::format("an idempotency key has at most {} bytes", limits::key_bytes_max);
  if (spec.retry.retries < 0 || spec.retry.retries > limits::retries_max)
    return fmt::format("retry takes 0 to {}", limits::retries_max);
  for (const std::string& rule : spec.retry.on)
    if (!is_retry_rule(rule))
      return fmt::format(
          "`{}` is no reason for a retry: use any, oom, timeout, hung, log_error, invalid, signal, "
          "launch, a "
          "signal such as "
          "SIGSEGV, an exit code, or a range of them such as 64-78",
          printable(rule));
  if (spec.retry.delay < Duration(0) || spec.retry.delay > std::chrono::hours(24))
    return "the delay before a retry is 0 to 24 hours";
  if (auto fault = find_tags_fault(spec)) return fault;
  if (auto fault = find_fault(spec.validation, spec.params)) return fault;
  if (spec.max_workers < 0) return "the number of workers can't be negative";
  if (spec.grace < Duration(0) || spec.grace > std::chrono::hours(24))
    return "the grace period is 0 to 24 hours";
  if (spec.time_limit && *spec.time_limit <= Duration(0)) return "the time limit must be above 0";
  if (spec.stall < Duration(0)) return "the time without life can't be negative";
  if (spec.log_max < limits::log_bytes_min)
    return fmt::format("the log's cap is at least {}", size_text(limits::log_bytes_min));
  if (!spec.results_root.starts_with('/')) return "the results root is not an absolute path";
  if (spec.on_busy == OnBusy::reject && spec.demand.lock.empty())
    return "on-busy has a meaning only together with a lock";
  return std::nullopt;
}

bool may_change_while_active(const JobSpec& now, const JobSpec& wanted) {
  JobSpec allowed = now;
  allowed.priority = wanted.priority;
  allowed.time_limit = wanted.time_limit;
  allowed.grace = wanted.grace;
  allowed.retry = wanted.retry;
  allowed.group = wanted.group;
  allowed.tags = wanted.tags;
  allowed.preempt = wanted.preempt;
  allowed.when_preempted = wanted.when_preempted;
  allowed.notify = wanted.notify;
  return allowed == wanted;
}

std::string default_name(const std::vector<std::string>& command) {
  std::string name = command.empty() ? "" : command.front();
  name = valid_utf8(name.substr(name.find_last_of('/') + 1));
  for (char& c : name)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '_';
  while (name.starts_with('.')) name.erase(0, 1);
  if (name.size() > limits::name_bytes_max) {
    name.resize(limits::name_bytes_max - 8);
    name = valid_utf8(name);  // the cut may have gone through a character
  }
  return name.empty() ? "job" : name;
}

}  // namespace reeve
