#include "cli/checked_subject.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

#include "base/fd.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/pipeline_choice.h"
#include "core/spec_json.h"

namespace reeve::cli {
namespace {

struct KnownJob {
  json::object fields;  // as `show --json` prints them
  JobSpec spec;
};

Result<KnownJob> load_job(const std::string& word) {
  auto client = connect();
  if (!client) return std::unexpected(client.error());
  Selector selector;
  selector.words = {word};
  const auto ids = resolve(*client, selector, Scope::any);
  if (!ids) return std::unexpected(ids.error());
  if (ids->size() != 1) return failed(ErrorCode::invalid, "name one job");
  const auto jobs = client->call("getJobs", {{"ids", to_array(*ids)}});
  if (!jobs) return std::unexpected(jobs.error());
  const auto specs = client->call("getSpecifications", {{"ids", to_array(*ids)}});
  if (!specs) return std::unexpected(specs.error());
  auto spec = spec_from_json(specs->at("specs").as_array().at(0));
  if (!spec) return std::unexpected(spec.error());
  return KnownJob{jobs->at("jobs").as_array().at(0).as_object(), std::move(*spec)};
}

// Milliseconds since 1970 of a time as we print it; 0 when there is none.
std::int64_t to_ms(const std::string& rfc3339) {
  tm parts{};
  const char* rest = ::strptime(rfc3339.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (rest == nullptr) return 0;
  const std::int64_t fraction =
      *rest == '.' ? parse_integer(std::string(rest + 1, 3)).value_or(0) : 0;
  return ::timegm(&parts) * 1000 + fraction;
}

LogFacts log_facts(const json::object& job) {
  LogFacts facts;
  facts.errors = number_of(job, "log_errors");
  if (const auto* first = job.at("first_error").if_object())
    facts.first_error = text_of(*first, "message");
  const std::int64_t lost = number_of(job, "log_lost_bytes");
  if (lost > 0)
    facts.trouble = size_text(lost) + " of it could not be written";
  else if (job.at("ended_at").is_null())
    facts.trouble = "it has not ended";
  return facts;
}

std::string directory_of(const json::object& job) {
  const std::string published = text_of(job, "results_dir");
  return published.empty() ? text_of(job, "staging_dir") : published;
}

Result<std::string> read_report(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat info{};
  if (!file || ::fstat(file.get(), &info) != 0) return failed(OsError{errno, "open the report"});
  if (!S_ISREG(info.st_mode)) return failed(ErrorCode::invalid, "the report is no file");
  if (info.st_size > static_cast<off_t>(limits::validation_request_bytes_max))
    return failed(ErrorCode::too_large, "the report is too large to be one of ours");
  std::string text(static_cast<std::size_t>(info.st_size), '\0');
  const ssize_t got = ::pread(file.get(), text.data(), text.size(), 0);
  if (got < 0) return failed(OsError{errno, "read the report"});
  text.resize(static_cast<std::size_t>(got));
  return text;
}

}  // namespace

bool is_job_word(const std::string& word) {
  return word == "last" ||
         (!word.empty() && std::ranges::all_of(word, [](char c) { return c >= '0' && c <= '9'; }));
}

Result<ValidationRequest> request_of_job(const std::string& word) {
  auto job = load_job(word);
  if (!job) return std::unexpected(job.error());
  ValidationRequest request;
  request.head.name = job->spec.name;
  request.head.pipeline = job->spec.pipeline;
  request.head.job = number_of(job->fields, "id");
  request.head.attempt = static_cast<std::int32_t>(number_of(job->fields, "attempt"));
  request.directory = directory_of(job->fields);
  request.started_ms = to_ms(text_of(job->fields, "started_at"));
  request.params = job->spec.params;
  request.validation = std::move(job->spec.validation);
  request.log = log_facts(job->fields);
  return request;
}

std::expected<ValidationRequest, int> request_of_pipeline(const std::string& name,
                                                          const std::vector<std::string>& params) {
  auto spec = make_pipeline_spec({name, "", params, {}}, {});
  if (!spec) return std::unexpected(spec.error());
  ValidationRequest request;
  request.head.name = spec->name;
  request.head.pipeline = spec->pipeline;
  request.params = std::move(spec->params);
  request.validation = std::move(spec->validation);
  request.log.trouble = "there is no log of a job here";
  return request;
}

Result<ValidationReport> report_of_job(const std::string& word) {
  const auto job = load_job(word);
  if (!job) return std::unexpected(job.error());
  const std::int64_t id = number_of(job->fields, "id");
  if (job->spec.validation.checks.empty())
    return failed(ErrorCode::not_found,
                  fmt::format("job {0} has no checks, so nobody looked at its results; "
                              "reeve validate {0} --check … does",
                              id));
  const std::string verdict = text_of(job->fields, "validation");
  if (verdict == "unchecked")
    return failed(ErrorCode::not_found,
                  fmt::format("the results of job {} were not checked: it is {}", id,
                              text_of(job->fields, "state")));
  const std::string directory = directory_of(job->fields);
  const std::string words = text_of(job->fields, "validation_words");
  const std::string told = fmt::format("the results of job {} were {}{}", id, verdict,
                                       words.empty() ? "" : ": " + words);
  if (directory.empty()) return failed(ErrorCode::not_found, told + "; the report is gone");
  const auto text = read_report(directory + "/" + job->spec.name + "_validation.json");
  if (!text) return failed(text.error(), told);
  const auto parsed = parse_json(*text);
  auto report = parsed ? report_from_json(*parsed) : std::unexpected(parsed.error());
  if (!report) return failed(report.error(), told + "; its report is no longer what it was");
  return std::move(*report);
}

}  // namespace reeve::cli
