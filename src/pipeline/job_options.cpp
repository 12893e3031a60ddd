#include "pipeline/job_options.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "base/json.h"
#include "base/text.h"
#include "core/retry.h"
#include "pipeline/check_option.h"

namespace reeve {
namespace {

using Apply = std::function<Result<void>(JobSpec&, const std::string&)>;

std::unexpected<Error> expected(std::string_view what, const std::string& value) {
  return failed(ErrorCode::invalid,
                fmt::format("expected {}, not `{}`", what, printable(shortened(value))));
}

template <typename Member>
Apply text(Member JobSpec::* member) {
  return [member](JobSpec& spec, const std::string& value) -> Result<void> {
    spec.*member = value;
    return {};
  };
}

Apply duration(std::function<void(JobSpec&, Duration)> put) {
  return [put = std::move(put)](JobSpec& spec, const std::string& value) -> Result<void> {
    const auto parsed = parse_duration(value);
    if (!parsed) return expected("a duration such as 90, 30m, 1h30m or 2-12:00:00", value);
    put(spec, *parsed);
    return {};
  };
}

Apply size(std::function<void(JobSpec&, std::int64_t)> put) {
  return [put = std::move(put)](JobSpec& spec, const std::string& value) -> Result<void> {
    const auto parsed = parse_size(value);
    if (!parsed) return expected("a size such as 4GB or 512M", value);
    put(spec, *parsed);
    return {};
  };
}

Apply count(std::function<void(JobSpec&, std::int32_t)> put) {
  return [put = std::move(put)](JobSpec& spec, const std::string& value) -> Result<void> {
    const auto parsed = parse_integer(value);
    if (!parsed || *parsed < 0 || *parsed > 1'000'000) return expected("a whole number", value);
    put(spec, static_cast<std::int32_t>(*parsed));
    return {};
  };
}

Apply turn_on(std::function<void(JobSpec&)> put) {
  return [put = std::move(put)](JobSpec& spec, const std::string&) -> Result<void> {
    put(spec);
    return {};
  };
}

// A path as seen from the caller's directory.
Apply path(std::string JobSpec::* member) {
  return [member](JobSpec& spec, const std::string& value) -> Result<void> {
    if (value.empty()) return expected("a path", value);
    std::error_code error;
    spec.*member = std::filesystem::absolute(value, error).lexically_normal().string();
    if (error) return expected("a path", value);
    std::string& made = spec.*member;
    while (made.size() > 1 && made.ends_with('/')) made.pop_back();
    return {};
  };
}

Result<void> set_priority(JobSpec& spec, const std::string& value) {
  const auto priority = priority_from_word(value);
  if (!priority) return expected("low, normal, high or critical", value);
  spec.priority = *priority;
  return {};
}

Result<void> set_on_busy(JobSpec& spec, const std::string& value) {
  if (value != "wait" && value != "reject") return expected("wait or reject", value);
  spec.on_busy = value == "wait" ? OnBusy::wait : OnBusy::reject;
  return {};
}

Result<void> set_on_log_error(JobSpec& spec, const std::string& value) {
  if (value == "fail")
    spec.log.on_error = OnLogError::fail;
  else if (value == "warn")
    spec.log.on_error = OnLogError::warn;
  else if (value == "ignore")
    spec.log.on_error = OnLogError::ignore;
  else
    return expected("fail, warn or ignore", value);
  return {};
}

Result<void> set_on_stall(JobSpec& spec, const std::string& value) {
  if (value == "kill")
    spec.on_stall = OnStall::kill;
  else if (value == "warn")
    spec.on_stall = OnStall::warn;
  else if (value == "retry")
    spec.on_stall = OnStall::retry;
  else
    return expected("kill, warn or retry", value);
  return {};
}

Result<void> set_when_preempted(JobSpec& spec, const std::string& value) {
  if (value == "pause")
    spec.when_preempted = WhenPreempted::pause;
  else if (value == "requeue")
    spec.when_preempted = WhenPreempted::requeue;
  else if (value == "never")
    spec.when_preempted = WhenPreempted::never;
  else
    return expected("pause, requeue or never", value);
  return {};
}

Result<void> add_check(JobSpec& spec, const std::string& value) {
  auto check = parse_check(value);
  if (!check) return std::unexpected(check.error());
  spec.validation.checks.push_back(std::move(*check));
  return {};
}

Result<void> set_on_invalid(JobSpec& spec, const std::string& value) {
  if (value != "fail" && value != "warn") return expected("fail or warn", value);
  spec.validation.on_invalid = value == "fail" ? OnInvalid::fail : OnInvalid::warn;
  return {};
}

// Adds a value to a list of the specification.
Apply append(std::function<std::vector<std::string>&(JobSpec&)> list) {
  return [list = std::move(list)](JobSpec& spec, const std::string& value) -> Result<void> {
    if (value.empty()) return expected("a text", value);
    list(spec).push_back(value);
    return {};
  };
}

Result<void> set_staging(JobSpec& spec, const std::string& value) {
  if (value != "keep" && value != "delete") return expected("keep or delete", value);
  spec.staging = value == "keep" ? Staging::keep : Staging::discard;
  return {};
}

Result<void> set_containment(JobSpec& spec, const std::string& value) {
  if (value != "any" && value != "strict") return expected("any or strict", value);
  spec.containment = value == "any" ? ContainmentWish::any : ContainmentWish::strict;
  return {};
}

// "oom,75": words with commas between them. Without a number of retries there are as many as usual.
Result<void> add_retry_rules(JobSpec& spec, const std::string& value) {
  for (std::size_t at = 0; at <= value.size();) {
    const std::size_t comma = std::min(value.find(',', at), value.size());
    const std::string rule = value.substr(at, comma - at);
    if (!is_retry_rule(rule))
      return expected(
          "any, oom, timeout, hung, log_error, invalid, signal, launch, a signal, an exit code or "
          "64-78",
          rule);
    spec.retry.on.push_back(rule);
    at = comma + 1;
  }
  if (spec.retry.retries == 0) spec.retry.retries = limits::retries_default;
  return {};
}

Result<void> add_counter(JobSpec& spec, const std::string& value) {
  const auto equals = value.find('=');
  const auto amount = equals == std::string::npos ? std::optional<std::int64_t>(1)
                                                  : parse_integer(value.substr(equals + 1));
  if (equals == 0 || !amount || *amount < 1) return expected("NAME=N with N of at least 1", value);
  spec.demand.counters[value.substr(0, equals)] = *amount;
  return {};
}

Result<void> add_variable(JobSpec& spec, const std::string& value) {
  const auto equals = value.find('=');
  if (equals == std::string::npos) {
    // As `docker run --env NAME`: from here.
    const char* own = std::getenv(value.c_str());  // NOLINT(concurrency-mt-unsafe)
    if (own == nullptr || value.empty())
      return expected("NAME=VALUE, or the NAME of a variable", value);
    spec.environment[value] = own;
    return {};
  }
  if (equals == 0) return expected("NAME=VALUE", value);
  spec.environment[value.substr(0, equals)] = value.substr(equals + 1);
  return {};
}

Result<void> add_secret(JobSpec& spec, const std::string& value) {
  if (value.empty() || value.find('=') != std::string::npos)
    return expected("the NAME of a variable", value);
  spec.secrets.push_back(value);
  return {};
}

Result<void> set_shell(JobSpec& spec, const std::string& value) {
  spec.command = script_command(value);
  return {};
}

// The text of a JSON value as it would be typed.
std::string typed(const json::value& value) {
  if (value.is_double()) return fmt::format("{}", value.get_double());
  return value.is_string() ? std::string(value.get_string()) : to_line(value);
}

}  // namespace

std::string SubmitOption::long_name() const {
  const std::string_view all(flags);
  const auto from = all.find("--") + 2;
  return std::string(all.substr(from, all.find(',', from) - from));
}

std::vector<std::string> SubmitOption::long_names() const {
  std::vector<std::string> names;
  const std::string_view all(flags);
  for (auto at = all.find("--"); at != std::string_view::npos; at = all.find("--", at + 2))
    names.emplace_back(all.substr(at + 2, all.find(',', at) - at - 2));
  return names;
}

bool SubmitOption::is_named(std::string_view name) const {
  const std::string_view all(flags);
  for (auto at = all.find("--"); at != std::string_view::npos; at = all.find("--", at + 2))
    if (all.substr(at + 2, all.find(',', at) - at - 2) == name) return true;
  return false;
}

OptionKind SubmitOption::kind() const {
  const std::string_view taken(value);
  if (taken.empty()) return OptionKind::flag;
  if (!words.empty()) return OptionKind::word;
  if (taken == "N") return OptionKind::count;
  if (taken == "DURATION") return OptionKind::duration;
  if (taken == "SIZE") return OptionKind::size;
  if (taken == "DIR" || taken == "FILE") return OptionKind::path;
  return OptionKind::text;
}

// A table, which is easier to read in one piece. NOLINTNEXTLINE(readability-function-size)
const std::vector<SubmitOption>& submit_options() {
  static const std::vector<SubmitOption> options{
      {"-J,--name", "NAME", "name of the job and of its results (default: the program's)", false,
       text(&JobSpec::name)},
      {"-p,--priority",
       "PRIORITY",
       "low, normal, high or critical",
       false,
       set_priority,
       {"low", "normal", "high", "critical"}},
      {"--preempt", "", "it may push jobs of lower priorities aside, so that it starts at once",
       false, turn_on([](JobSpec& s) { s.preempt = true; })},
      {"--when-preempted",
       "WHAT",
       "what may be done to it then: pause (default), requeue (stop, and start anew) or never",
       false,
       set_when_preempted,
       {"pause", "requeue", "never"}},
      {"-c,--cpus", "N", "CPUs that it needs, and runs on (default: counted as 1, runs on all)",
       false, count([](JobSpec& s, std::int32_t n) {
         s.demand.cpus = n;
         s.pin_cpus = n > 0;
       })},
      {"-m,--mem,--memory", "SIZE", "memory that it needs and may use, such as 4GB", false,
       size([](JobSpec& s, std::int64_t n) { s.demand.memory = n; })},
      {"-G,--gpus", "N", "GPUs that it needs", false,
       count([](JobSpec& s, std::int32_t n) { s.demand.gpus = n; })},
      {"--counter", "NAME=N", "amount of a counter that you defined, such as licence=1", true,
       add_counter},
      {"--lock", "NAME", "run only while no other job holds this lock", false,
       [](JobSpec& s, const std::string& v) -> Result<void> {
         if (v.empty()) return expected("a name", v);
         s.demand.lock = v;
         return {};
       }},
      {"--on-busy",
       "WHAT",
       "when the lock is held: wait, or reject (exit code 75)",
       false,
       set_on_busy,
       {"wait", "reject"}},
      {"--hold", "", "do not start before `reeve release`", false,
       turn_on([](JobSpec& s) { s.hold = true; })},
      {"-t,--time", "DURATION",
       "end it after this time (none: never; default: none, of a pipeline 4h)", false,
       [](JobSpec& s, const std::string& value) -> Result<void> {
         s.time_limit_is_default = false;
         s.time_limit.reset();
         if (value == "none") return {};
         return duration([](JobSpec& spec, Duration limit) {
           if (limit > Duration(0)) spec.time_limit = limit;
         })(s, value);
       }},
      {"--stall", "DURATION", "end it when it shows no life for so long (default 10m; 0: never)",
       false, duration([](JobSpec& s, Duration d) { s.stall = d; })},
      {"--on-stall",
       "WHAT",
       "what to do then: kill (default), warn, or kill and retry",
       false,
       set_on_stall,
       {"kill", "warn", "retry"}},
      {"--on-log-error",
       "WHAT",
       "exit code 0, but an error in the log: fail (default), warn or ignore",
       false,
       set_on_log_error,
       {"fail", "warn", "ignore"}},
      {"--fail-on", "PATTERN", "lines of the log that are errors (regular expression)", true,
       append([](JobSpec& s) -> auto& { return s.log.fail_on; })},
      {"--warn-on", "PATTERN", "lines of the log that are warnings", true,
       append([](JobSpec& s) -> auto& { return s.log.warn_on; })},
      {"--ignore", "PATTERN", "lines of the log that are no errors, whatever they say", true,
       append([](JobSpec& s) -> auto& { return s.log.ignore; })},
      {"--check", "CHECK", "what its results must be like, such as 'files *.png'; see `validate`",
       true, add_check},
      {"--on-invalid",
       "WHAT",
       "when the results are not as they should be: fail (default) or warn",
       false,
       set_on_invalid,
       {"fail", "warn"}},
      {"--check-time", "DURATION", "checks that take longer are inconclusive (default 10m)", false,
       duration([](JobSpec& s, Duration d) { s.validation.time_limit = d; })},
      {"--notify", "NAME", "tell this target of the configuration how it ended", true,
       append([](JobSpec& s) -> auto& { return s.notify; })},
      {"--grace", "DURATION", "time between SIGTERM and SIGKILL (default 2s)", false,
       duration([](JobSpec& s, Duration d) { s.grace = d; })},
      {"--retry", "N", "further attempts after a failure (default 0)", false,
       count([](JobSpec& s, std::int32_t n) { s.retry.retries = n; })},
      {"--retry-on", "WHAT,…",
       "retry only after these: any, oom, timeout, signal, launch, SIGSEGV, 75, 64-78", true,
       add_retry_rules},
      {"--retry-delay", "DURATION", "wait before the first retry, doubled each time (default 5s)",
       false, duration([](JobSpec& s, Duration d) { s.retry.delay = d; })},
      {"--retry-on-lost", "", "run again when nobody knows how it ended: it may run twice", false,
       turn_on([](JobSpec& s) { s.retry.on_lost = true; })},
      {"--checkpoint", "", "give it REEVE_CHECKPOINT_DIR, which outlives the attempt", false,
       turn_on([](JobSpec& s) { s.checkpoint = true; })},
      {"-g,--group", "NAME", "group that it belongs to; groups share the machine fairly", false,
       text(&JobSpec::group)},
      {"--tag", "NAME", "a word by which to find it again ('': none)", true,
       [](JobSpec& s, const std::string& v) -> Result<void> {
         if (!v.empty()) s.tags.push_back(v);
         return {};
       }},
      {"--max-workers", "N", "workers that libraries in it may start (default: its CPUs, or 4)",
       false, count([](JobSpec& s, std::int32_t n) { s.max_workers = n; })},
      {"--isolate", "", "run it in a PID namespace: it can neither see nor signal others", false,
       turn_on([](JobSpec& s) { s.isolate = true; })},
      {"--env", "NAME=VALUE", "set a variable for the job", true, add_variable},
      {"--secret", "NAME", "never show the value of this variable", true, add_secret},
      {"-D,--directory", "DIR", "directory to run in (default: this one)", false,
       path(&JobSpec::directory)},
      {"--shell", "STRING", "run a string with bash -o pipefail -c instead of a command", false,
       set_shell},
      {"--stdin", "FILE", "standard input (default /dev/null)", false, path(&JobSpec::stdin_file)},
      {"--log-max", "SIZE", "keep at most this much of the log (default 1G)", false,
       size([](JobSpec& s, std::int64_t n) { s.log_max = n; })},
      {"--idempotency-key", "KEY", "submitting again with the same key gives the same job", false,
       text(&JobSpec::idempotency_key)},
      {"--results-root", "DIR", "publish results below this directory", false,
       path(&JobSpec::results_root)},
      {"--keep-staging",
       "WHAT",
       "what an unsuccessful job wrote: keep (default) or delete",
       false,
       set_staging,
       {"keep", "delete"}},
      {"--containment",
       "WHAT",
       "any (default), or strict: refuse where processes could escape",
       false,
       set_containment,
       {"any", "strict"}},
  };
  return options;
}

const SubmitOption* find_submit_option(std::string_view name) {
  for (const SubmitOption& option : submit_options())
    if (option.is_named(name)) return &option;
  return nullptr;
}

Result<void> apply_json(const SubmitOption& option, const json::value& value, JobSpec& spec) {
  if (std::string_view(option.value).empty()) {
    if (!value.is_bool())
      return failed(ErrorCode::invalid,
                    fmt::format("`{}`: expected true or false", option.long_name()));
    return value.get_bool() ? option.apply(spec, "") : Result<void>();
  }
  std::vector<std::string> texts;
  if (option.repeatable && value.is_array()) {
    for (const json::value& element : value.get_array()) texts.push_back(typed(element));
  } else if (option.repeatable && value.is_object()) {
    for (const auto& [name, element] : value.get_object()) {
      if (element.is_string() || element.is_number())
        texts.push_back(std::string(name) + "=" + typed(element));
      else
        return failed(ErrorCode::invalid, fmt::format("`{}.{}`: expected a string or a number",
                                                      option.long_name(), std::string(name)));
    }
  } else if (value.is_structured() || value.is_null() || value.is_bool()) {
    return failed(ErrorCode::invalid,
                  fmt::format("`{}`: expected {}", option.long_name(), option.value));
  } else {
    texts.push_back(typed(value));
  }
  for (const std::string& item : texts)
    if (auto applied = option.apply(spec, item); !applied)
      return failed(applied.error(), "`" + option.long_name() + "`");
  return {};
}

std::vector<std::string> script_command(std::string script) {
  return {"bash", "-o", "pipefail", "-c", std::move(script)};
}

}  // namespace reeve
