#include "daemon/file_output.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/directory.h"
#include "base/text.h"
#include "core/launch_context.h"
#include "core/run_directory.h"
#include "core/validation_json.h"
#include "output/report_file.h"

namespace reeve {
namespace {

constexpr mode_t directory_mode = 0755;
constexpr std::size_t unused_max = 32;

// Ours, a directory, with the mode that we gave it, and empty.
bool is_untouched(const std::string& path) {
  const Fd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat info{};
  if (!directory || ::fstat(directory.get(), &info) != 0 || info.st_uid != ::geteuid() ||
      (info.st_mode & 07777) != directory_mode)
    return false;
  return look_into(directory.get()) == Holding::nothing;
}

Observed fact_of(PublishOutcome outcome) {
  using Kind = PublishOutcome::Kind;
  if (outcome.kind == Kind::published)
    return {outcome.key, fact::Published{std::move(outcome.text)}};
  if (outcome.kind == Kind::taken) return {outcome.key, fact::PublishClash{}};
  return {outcome.key, fact::PublishFailed{std::move(outcome.text), std::move(outcome.directory)}};
}

// What its log told, and whether all of it was seen.
LogFacts log_facts(const Attempt& attempt) {
  LogFacts facts;
  facts.errors = attempt.evidence.errors;
  if (attempt.evidence.first_error) facts.first_error = attempt.evidence.first_error->message;
  const LogSummary& log = attempt.log_summary;
  if (log.lost > 0)
    facts.trouble = size_text(log.lost) + " of it could not be written";
  else if (log.gap_end > log.gap_begin)
    facts.trouble = "its cap dropped " + size_text(log.gap_end - log.gap_begin) + " of it";
  return facts;
}

}  // namespace

FileOutput::FileOutput(std::string checkpoints, std::string validations,
                       std::vector<std::string> worker)
    : checkpoints_(std::move(checkpoints)), runner_(std::move(worker), std::move(validations)) {}

FileOutput::~FileOutput() {
  for (const auto& [root, paths] : unused_)
    for (const std::string& path : paths) ::rmdir(path.c_str());
}

std::expected<std::string, OsError> FileOutput::prepare(const Job& job) {
  const std::string& root = job.spec.results_root;
  std::string path = staging_directory(root, job.key());
  if (reuse(root, path) || ::mkdir(path.c_str(), directory_mode) == 0) return path;
  if (errno == ENOENT) {
    std::error_code error;
    std::filesystem::create_directories(root + "/.staging", error);
    if (error) return os_failed("make the directory of the results", error.value());
  } else if (errno == EEXIST) {
    // Of a start that was voided: nothing was written there. Or a stranger's: what is in it must
    // not be published as ours.
    if (is_untouched(path)) return path;
    const std::string aside = path + ".before-" + std::to_string(job.attempt.start);
    if (::rename(path.c_str(), aside.c_str()) != 0)
      return os_failed("put an old staging directory aside");
  }
  if (::mkdir(path.c_str(), directory_mode) != 0) return os_failed("make the staging directory");
  return path;
}

bool FileOutput::reuse(const std::string& root, const std::string& path) {
  const auto found = unused_.find(root);
  if (found == unused_.end() || found->second.empty()) return false;
  const std::string from = std::move(found->second.back());
  found->second.pop_back();
  // Never over something that is there.
  return ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) == 0;
}

bool FileOutput::has_results(const Job& job) {
  const std::string& path = job.attempt.staging;
  if (path.empty()) return false;
  std::vector<std::string>& unused = unused_[job.spec.results_root];
  // Nobody can write there any more where the containment is strict.
  if (job.attempt.placement.containment.starts_with("cgroup") && unused.size() < unused_max &&
      is_untouched(path)) {
    unused.push_back(path);
    return false;
  }
  if (::rmdir(path.c_str()) == 0) return false;
  return errno != ENOENT;
}

void FileOutput::validate(const Job& job, const std::string& context) {
  const AttemptKey key = job.key();
  if (runner_.has(key)) return;
  const Attempt& attempt = job.attempt;
  ValidationRequest request;
  request.head.name = job.spec.name;
  request.head.pipeline = job.spec.pipeline;
  request.head.job = key.job.value;
  request.head.attempt = key.attempt;
  request.directory = attempt.staging;
  request.started_ms = attempt.started_at.ms;
  request.params = job.spec.params;
  request.validation = job.spec.validation;
  request.log = log_facts(attempt);
  if (const auto parsed = context_from_text(context)) request.environment = parsed->environment;
  for (const auto& [name, value] : job.spec.environment)
    request.environment.push_back(name + "=" + value);
  request.environment.push_back("REEVE_RESULTS_DIR=" + attempt.staging);
  request.environment.push_back("REEVE_NAME=" + job.spec.name);
  // It may have been removed because nothing was in it: what is checked is that.
  (void)::mkdir(attempt.staging.c_str(), directory_mode);
  reports_[key] = attempt.staging;
  if (const auto started = runner_.start(key, std::move(request)); !started) {
    reports_.erase(key);
    worker_.put(
        {key, fact::Validated{ResultsVerdict::inconclusive,
                              "it could not be started: " + started.error().message, false}});
  }
}

// The report stands beside what it tells of, and is published with it.
void FileOutput::take_reports(std::vector<Observed>& outcomes) {
  for (const ValidationRunner::Ended& ended : runner_.collect()) {
    const auto path = reports_.find(ended.key);
    if (path == reports_.end()) continue;
    const auto written = write_report(path->second, ended.report);
    reports_.erase(path);
    std::string words = reason_of(ended.report);
    if (!written) words += (words.empty() ? "" : "; ") + written.error().message;
    outcomes.push_back({ended.key, fact::Validated{ended.report.status, std::move(words), false}});
  }
}

void FileOutput::publish(const Job& job) {
  // What is not as it should be does not take the place of what is.
  const ResultsVerdict verdict = job.attempt.evidence.verdict;
  const bool is_latest = verdict == ResultsVerdict::unchecked || verdict == ResultsVerdict::valid;
  PublishOrder order{job.key(), job.attempt.staging, job.attempt.publish_target,
                     is_latest ? job.spec.results_root + "/latest/" + job.spec.name : ""};
  worker_.enqueue([order = std::move(order)]() -> std::optional<Observed> {
    return fact_of(reeve::publish(order));
  });
}

void FileOutput::set_aside(const Job& job) {
  if (job.spec.staging == Staging::keep) return;  // it stays where it is
  remove_later(job.attempt.staging);
}

std::string FileOutput::checkpoint_directory(const Job& job) {
  if (!job.keeps_checkpoints()) return "";
  std::string path = checkpoints_ + "/" + std::to_string(job.id.value);
  if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return path;
  if (errno != ENOENT || (::mkdir(checkpoints_.c_str(), 0700) != 0 && errno != EEXIST)) return "";
  return ::mkdir(path.c_str(), 0700) == 0 ? path : "";
}

bool FileOutput::is_in_place(const Job& job) {
  return ::access(job.attempt.publish_target.c_str(), F_OK) == 0 &&
         ::access(job.attempt.staging.c_str(), F_OK) != 0;
}

void FileOutput::remove_checkpoints(JobId job) {
  const std::string path = checkpoints_ + "/" + std::to_string(job.value);
  if (::access(path.c_str(), F_OK) != 0) return;
  remove_later(path);
}

void FileOutput::remove_later(const std::string& path) {
  worker_.enqueue([path]() -> std::optional<Observed> {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
    return std::nullopt;
  });
}

std::vector<Observed> FileOutput::collect() {
  std::vector<Observed> outcomes = worker_.collect();
  take_reports(outcomes);
  return outcomes;
}

}  // namespace reeve
