// contain

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <memory>

#include "api/job_view.h"
#include "base/text.h"
#include "base/time.h"
#include "cli/command.h"
#include "cli/contain_front.h"
#include "cli/terminal.h"
#include "contain/descriptors.h"
#include "contain/enclosure.h"
#include "core/limits.h"

namespace reeve::cli {
namespace {

struct ContainOptions {
  std::string grace;
  std::string time;
  std::string json;
  bool is_strict = false;
  bool is_quiet = false;
};

// Where the summary goes; nothing without `--json`.
struct SummaryFile {
  Fd opened;  // of our own
  int fd = -1;
};

Result<std::int64_t> parse_ms(const std::string& option, const std::string& text,
                              std::int64_t otherwise) {
  if (text.empty()) return otherwise;
  const auto parsed = parse_duration(text);
  if (!parsed)
    return failed(ErrorCode::invalid,
                  fmt::format("{}: expected a duration such as 90, 30m or 1h30m, not `{}`", option,
                              printable(text)));
  return parsed->count();
}

Result<SummaryFile> open_summary(const std::string& path) {
  if (path.empty()) return SummaryFile{};
  if (path == "-") return SummaryFile{{}, 1};
  Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (!file) return failed(to_error(OsError{errno, "open the file"}), "--json " + printable(path));
  const int fd = file.get();
  return SummaryFile{std::move(file), fd};
}

Result<void> write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t wrote = ::write(fd, text.data(), text.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return failed(OsError{errno, "write the summary"});
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return {};
}

Result<EnclosureCgroup> make_cgroup(bool is_strict) {
  const char* unwanted = std::getenv("REEVE_NO_CGROUP");  // NOLINT(concurrency-mt-unsafe)
  std::string why_not = "REEVE_NO_CGROUP is set";
  EnclosureCgroup cgroup;
  if (unwanted == nullptr || *unwanted == '\0') {
    end_abandoned_enclosures();
    cgroup = EnclosureCgroup::make(why_not);
  }
  if (is_strict && cgroup.directory() < 0)
    return failed(ErrorCode::invalid,
                  "it asks for strict containment, and only a weak one is to be had here: " +
                      printable(why_not));
  return cgroup;
}

// The end in the words that all of Reeve has for one.
Job to_job(const std::vector<std::string>& words, const Report& end) {
  Job job;
  job.spec.command = words;
  ExitStatus exit;
  if (end.launch != Report::Launch::executed) {
    exit.kind = ExitKind::launch_error;
    exit.step = end.launch == Report::Launch::no_process ? LaunchStep::birth : LaunchStep::exec;
    exit.code = end.launch_errno;
    job.reason = Reason::launch_error;
  } else if (WIFSIGNALED(end.wait_status)) {
    exit.kind = ExitKind::signalled;
    exit.code = WTERMSIG(end.wait_status);
    exit.core_dumped = WCOREDUMP(end.wait_status);
    job.reason = Reason::signal;
  } else {
    exit.kind = ExitKind::exited;
    exit.code = WEXITSTATUS(end.wait_status);
    job.reason = exit.code == 0 ? Reason::none : Reason::exit_code;
  }
  job.state = job.reason == Reason::none ? JobState::completed : JobState::failed;
  if (end.is_over_time) {
    job.state = JobState::timeout;
    job.reason = Reason::wall_limit;
  }
  if (end.is_guardian_dead) {
    job.state = JobState::lost;
    job.reason = Reason::keeper_died;
  } else {
    job.attempt.exit = exit;
  }
  return job;
}

json::object to_summary(const Job& job, const Report& end, const std::string& tier) {
  json::object out;
  const auto& exit = job.attempt.exit;
  const auto code_when = [&](ExitKind kind) { return exit && exit->kind == kind; };
  out["exit_code"] = code_when(ExitKind::exited) ? json::value(exit->code) : json::value(nullptr);
  out["signal"] =
      code_when(ExitKind::signalled) ? json::value(signal_name(exit->code)) : json::value(nullptr);
  out["reason"] =
      job.reason == Reason::none ? json::value(nullptr) : json::value(to_word(job.reason));
  out["leftovers"] = end.leftovers;
  out["containment"] = tier;
  out["wall_seconds"] = static_cast<double>(end.wall_ms) / 1e3;
  out["cpu_seconds"] = static_cast<double>(end.cpu_us) / 1e6;
  out["max_rss_bytes"] = end.max_rss_kib * 1024;
  return out;
}

void tell_end(const Job& job, const Report& end, const ContainOptions& options,
              bool was_interrupted) {
  const std::string name = printable(job.spec.command.front());
  const auto& exit = job.attempt.exit;
  if (!exit)
    say(
        fmt::format("a guardian of {} was killed; everything was ended, and nobody knows how {} "
                    "ended",
                    name, name));
  else if (exit->kind == ExitKind::launch_error)
    say(describe(*exit, job.spec));
  if (options.is_quiet || !exit) return;
  if (end.is_over_time)
    say(fmt::format("{} ran longer than its time limit of {}; it was ended", name,
                    to_text(*parse_duration(options.time))));
  else if (exit->kind == ExitKind::signalled && !was_interrupted && exit->code != SIGPIPE)
    say(fmt::format("{}: {}", name, describe(*exit, job.spec)));
  if (end.leftovers > 0)
    say(fmt::format("{} left {} process{} behind; {} ended", name, end.leftovers,
                    end.leftovers == 1 ? "" : "es", end.leftovers == 1 ? "it was" : "they were"));
}

Result<int> contain(const ContainOptions& options, const ContainInput& input) {
  if (input.command_words.empty() || input.command_words.front().empty())
    return failed(ErrorCode::invalid,
                  "there is no command; for example: reeve contain -- make test");
  EnclosedCommand command;
  command.words = input.command_words;
  command.ignores_pipe = input.ignores_pipe;
  const auto grace = parse_ms("--grace", options.grace, limits::grace_default.count());
  if (!grace) return std::unexpected(grace.error());
  const auto limit = parse_ms("--time", options.time, -1);
  if (!limit) return std::unexpected(limit.error());
  command.grace_ms = *grace;
  command.time_limit_ms = *limit;
  fill_standard_descriptors();
  auto summary = open_summary(options.json);
  if (!summary) return std::unexpected(summary.error());
  Front front;  // first: a signal must not end us while we make a cgroup
  auto cgroup = make_cgroup(options.is_strict);
  if (!cgroup) return std::unexpected(cgroup.error());
  command.mask = front.mask_before();
  Enclosure enclosure(std::move(*cgroup));
  if (auto started = enclosure.start(command); !started)
    return failed(to_error(started.error()), "contain " + printable(command.words.front()));
  std::vector<int> kept;
  if (summary->fd >= 0) kept.push_back(summary->fd);
  const Report end = front.run(enclosure, std::move(kept));
  const Job job = to_job(command.words, end);
  tell_end(job, end, options, front.was_interrupted());
  if (summary->fd >= 0)
    if (auto wrote = write_all(summary->fd, json_text(to_summary(job, end, enclosure.tier())));
        !wrote)
      return std::unexpected(wrote.error());
  return exit_code_of(job);
}

}  // namespace

bool takes_contain_value(std::string_view option) {
  for (const std::string_view with_value : {"--grace", "-t", "--time", "--json"})
    if (option == with_value) return true;
  return false;
}

void add_contain_command(CLI::App& app, const ContainInput& input) {
  const auto options = std::make_shared<ContainOptions>();
  CLI::App* command = app.add_subcommand(
      "contain",
      "run a command here and now, and leave nothing of it behind: reeve contain -- CMD…");
  command->footer(
      "reeve contain [OPTIONS] [--] COMMAND [ARGUMENT…]\n\n"
      "No queue and no daemon: the command has this terminal, and all that it started ends with "
      "it,\nalso when reeve itself is killed. Exits with the command's code.");
  command->add_option("--grace", options->grace, "time between SIGTERM and SIGKILL (default 2s)")
      ->type_name("DURATION");
  command
      ->add_option("-t,--time", options->time,
                   "end it after this time, exit code 124 (default: never)")
      ->type_name("DURATION");
  command->add_flag("--strict", options->is_strict, "refuse where processes could escape");
  command->add_flag("--quiet", options->is_quiet,
                    "say nothing of leftovers, time limits and crashes");
  command
      ->add_option("--json", options->json,
                   "write a summary there at the end; `-` is standard output")
      ->type_name("FILE");
  command->callback([options, &input] {
    const auto code = contain(*options, input);
    finish(code ? *code : fail(code.error()));
  });
}

}  // namespace reeve::cli
