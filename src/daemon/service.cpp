#include "daemon/service.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "api/job_view.h"
#include "api/live_view.h"
#include "api/requests.h"
#include "core/launch_context.h"
#include "core/provenance.h"
#include "core/secret.h"
#include "core/spec_json.h"
#include "watch/rules.h"

namespace reeve {
namespace {

using request::decode_args;

Result<std::vector<JobState>> parse_states(const std::vector<std::string>& words) {
  std::vector<JobState> states;
  for (const std::string& word : words) {
    const auto state = state_from_word(word);
    if (!state)
      return failed(ErrorCode::invalid,
                    fmt::format("`{}` is no state; the states are held, queued, starting, running, "
                                "paused, cancelling, timing_out, finishing, completed, failed, "
                                "cancelled, timeout, lost, skipped",
                                word));
    states.push_back(*state);
  }
  return states;
}

const std::vector<JobState> unfinished_states{
    JobState::held,   JobState::queued,     JobState::starting,   JobState::running,
    JobState::paused, JobState::cancelling, JobState::timing_out, JobState::finishing};

}  // namespace

Service::Service(Store& store, Dispatcher& dispatcher, Watch& watch, const QueueClock& clock,
                 std::string results_root)
    : store_(store),
      dispatcher_(dispatcher),
      watch_(watch),
      clock_(clock),
      results_root_(std::move(results_root)) {}

void reply_when_committed(Dispatcher& dispatcher, json::value answer, Reply reply) {
  dispatcher.when_committed(
      [answer = std::move(answer), reply = std::move(reply)](const Result<void>& committed) {
        if (!committed) return reply(std::unexpected(committed.error()));
        reply(answer);
      });
}

void Service::handle(Request request, Reply reply) {
  static constexpr std::array<std::pair<std::string_view, Handler>, 24> handlers{{
      {"submitJobs", &Service::submit},
      {"listJobs", &Service::list},
      {"getJobs", &Service::show},
      {"selectJobs", &Service::select},
      {"cancelJobs", &Service::cancel},
      {"holdJobs", &Service::wish<fact::Hold>},
      {"releaseJobs", &Service::wish<fact::Release>},
      {"pauseJobs", &Service::wish<fact::Pause>},
      {"resumeJobs", &Service::wish<fact::Resume>},
      {"retryJobs", &Service::retry},
      {"editJob", &Service::edit},
      {"getSpecifications", &Service::specifications},
      {"explainJobs", &Service::explain},
      {"signalJobs", &Service::signal},
      {"deleteJobs", &Service::remove},
      {"waitJobs", &Service::wait},
      {"watchJob", &Service::watch},
      {"listEvents", &Service::events},
      {"getEnvironment", &Service::environment},
      {"getProvenance", &Service::provenance},
      {"getStatistics", &Service::statistics},
      {"getSettings", &Service::settings},
      {"getStatus", &Service::status},
      {"stopDaemon", &Service::stop},
  }};
  for (const auto& [op, handler] : handlers)
    if (op == request.op) return (this->*handler)(request.args, std::move(reply));
  if (handle_further && handle_further(request, reply)) return;
  reply(failed(ErrorCode::not_found, "there is no operation `" + printable(request.op) + "`"));
}

Result<std::string> Service::record(const std::string& context,
                                    const std::optional<std::string>& provenance) const {
  if (auto parsed = context_from_text(context); !parsed)
    return failed(parsed.error(), "the submitter's environment");
  if (!provenance || provenance->empty() || !records_provenance) return context;
  if (provenance->size() > limits::provenance_bytes_max)
    return failed(ErrorCode::too_large, "what is to be recorded of the submission is too large");
  if (auto parsed = provenance_from_text(*provenance); !parsed)
    return std::unexpected(parsed.error());
  return join_recorded({context, *provenance});
}

Result<void> Service::check_further(const JobSpec& spec) const {
  const auto fault = find_further_fault ? find_further_fault(spec) : std::nullopt;
  if (fault) return failed(ErrorCode::invalid, *fault);
  return {};
}

void Service::submit(const json::object& args, Reply reply) {
  auto decoded = decode_args<request::SubmitJobs>(args);
  if (!decoded) return reply(std::unexpected(decoded.error()));
  Submission submission;
  auto recorded = record(decoded->context, decoded->provenance);
  if (!recorded) return reply(std::unexpected(recorded.error()));
  submission.context = std::move(*recorded);
  for (std::size_t i = 0; i < decoded->jobs.size(); ++i) {
    auto spec = spec_from_json(decoded->jobs[i]);
    if (!spec) return reply(failed(spec.error(), fmt::format("job {}", i + 1)));
    if (const LogPolicy& log = spec->log;
        !log.fail_on.empty() || !log.warn_on.empty() || !log.ignore.empty())
      if (auto rules = RuleSet::compile(log); !rules)
        return reply(failed(rules.error(), fmt::format("job {}", i + 1)));
    if (spec->results_root.empty()) spec->results_root = results_root_;
    if (spec->name.empty()) spec->name = default_name(spec->command);
    if (auto checked = check_further(*spec); !checked)
      return reply(failed(checked.error(), fmt::format("job {}", i + 1)));
    submission.jobs.push_back(std::move(*spec));
  }
  auto ids = dispatcher_.submit(std::move(submission), clock_.now());
  if (!ids) return reply(std::unexpected(ids.error()));
  json::array numbers;
  for (const JobId id : *ids) numbers.emplace_back(id.value);
  reply_when_committed(dispatcher_, json::object{{"ids", std::move(numbers)}}, std::move(reply));
}

Result<Job> Service::load(std::int64_t id) const {
  auto job = store_.load({id});
  if (!job) return std::unexpected(job.error());
  if (!*job) return failed(ErrorCode::not_found, fmt::format("there is no job {}", id));
  return std::move(**job);
}

void Service::list(const json::object& args, Reply reply) {
  const auto decoded = decode_args<request::ListJobs>(args);
  if (!decoded) return reply(std::unexpected(decoded.error()));
  JobQuery query;
  auto states = parse_states(decoded->states);
  if (!states) return reply(std::unexpected(states.error()));
  query.states = std::move(*states);
  query.name = decoded->name;
  query.group = decoded->group;
  query.tags = decoded->tags;
  query.since = {decoded->since_ms};
  if (decoded->before) query.before = JobId{*decoded->before};
  query.rows_max = decoded->limit <= 0 ? limits::page_rows_max : decoded->limit;
  const auto jobs = store_.list(query);
  if (!jobs) return reply(std::unexpected(jobs.error()));
  json::array out;
  for (const Job& job : *jobs) out.push_back(job_to_json(job));
  reply(json::value(json::object{{"jobs", std::move(out)}}));
}

void Service::show(const json::object& args, Reply reply) {
  const auto decoded = decode_args<request::JobIds>(args);
  if (!decoded) return reply(std::unexpected(decoded.error()));
  json::array out;
  for (const std::int64_t id : decoded->ids) {
    const auto job = load(id);
    if (!job) return reply(std::unexpected(job.error()));
    json::object shown = job_to_json(*job);
    if (const auto live = watch_.live(*job); live && is_active(job->state)) {
      const auto earlier = store_.durations(job->spec.name);
      if (!earlier) return reply(std::unexpected(earlier.error()));
      shown["live"] = live_to_json(*live, *earlier);
    }
    out.push_back(std::move(shown));
  }
  reply(json::value(json::object{{"jobs", std::move(out)}}));
}

void Service::select(const json::object& args, Reply reply) {
  const auto decoded = decode_args<request::SelectJobs>(args);
  if (!decoded) return reply(std::unexpected(decoded.error()));
  JobQuery query;
  auto states = parse_states(decoded->states);
  if (!states) return reply(std::unexpected(states.error()));
  query.states = std::move(*states);
  if (decoded->unfinished && query.states.empty()) query.states = unfinished_states;
  query.name = decoded->name;
  query.group = decoded->group;
  query.tags = decoded->tags;
  query.rows_max = decoded->last ? 1 : limits::page_rows_max;
  const auto jobs = store_.list(query);
  if (!jobs) return reply(std::unexpected(jobs.error()));
  json::array ids;
  for (const Job& job : *jobs) ids.emplace_back(job.id.value);
  std::ranges::reverse(ids);
  reply(json::value(json::object{{"ids", std::move(ids)}}));
}

// Applies something to each job, and answers after the commit with one result for each.
void Service::each(const std::vector<std::int64_t>& ids,
                   const std::function<Result<void>(JobId)>& apply, Reply reply) {
  json::array results;
  for (const std::int64_t id : ids) {
    const Result<void> applied = apply({id});
    if (applied)
      results.push_back({{"id", id}, {"ok", true}});
    else
      results.push_back({{"id", id},
                         {"ok", false},
                         {"code", to_word(applied.error().code)},
                         {"message", applied.error().message}});
  }
  reply_when_committed(dispatcher_, json::object{{"results", std::move(results)}},
                       std::move(reply));
}

void Service::change_each(const std::vector<std::int64_t>& ids, const Fact& wish, Reply reply) {
  const Now now = clock_.now();
  each(ids, [&](JobId id) { return dispatcher_.change(id, wish, now); }, std::move(reply));
}

void Service::cancel(const json::object& args, Reply reply) {
  const auto decoded = decode_args<request::CancelJobs>(args);
  if (!decoded) return reply(std::unexpected(decoded.error()));
  fact::Cancel cancel{"user", std::nullopt};
  if (decoded->grace_ms) cancel.grace = Duration(std::max<std::int64_t>(0, *decoded->grace_ms));
  change_each(decoded->ids, cancel, std::move(reply));
}

// What a user wishes of jobs, without more to say.
template <typename Wish>
void Service::wish(const json::object& args, Reply reply) {
  const auto decoded = decode_args<request::JobIds>(args);
  if (!decoded) return reply(std::unexpected(decoded.error()));
  change_each(decoded->ids, Wish{"user"}, std::move(reply));
}

void Service::retry(const json::object& args, Reply reply) {
  const auto decoded = decode_args<request::RetryJobs>(args);
  if (!decoded) return reply(std::unexpected(decoded.error()));
  std::optional<std::string> context;
  if (decoded->context) {
    auto recorded = record(*decoded->context, decoded->provenance);
    if (!recorded) return reply(std::unexpected(recorded.error()));
    context = std::move(*recorded);
  }
  const Now now = clock_.now();
  each(
      decoded->ids, [&](JobId id) { return dispatcher_.retry(id, context, now); },
      std::move(reply));
}

void Service::edit(const json::object& args, Reply reply) {
  const auto decoded = decode_args<request::EditJob>(args);
  if (!decoded) return reply(std::unexpected(decoded.error()));
  auto spec = spec_from_json(decoded->spec);
  if (!spec) return reply(std::unexpected(spec.error()));
  if (auto checked = check_further(*spec); !checked) return reply(std::unexpected(checked.error()));
  const Now now = clock_.now();
  each(
      {decoded->id}, [&](JobId id) { return dispatcher_.edit(id, std::move(*spec), now); },
      std::move(reply));
}

void Service::specifications(const json::object& args, Reply reply) {
  const auto decoded = decode_args<request::JobIds>(args);
  if (!decoded) return reply(std::unexpected(decoded.error()));
  json::array out;
  for (const std::int64_t id : decoded->ids) {
    const auto job = load(id);
    if (!job) return reply(std::unexpected(job.error()));
    out.push_back(spec_to_json(job->spec));
  }
  reply(json::value(json::object{{"specs", std::move(out)}}));
}

void Service::explain(const json::object& args, Reply reply) {
  const auto decoded = decode_args<request::JobIds>(args);
  if (!decoded) return reply(std::unexpected(decoded.error()));
  json::array out;
  for (const std::int64_t id : decoded->ids) {
    const auto job = load(id);
    if (!job) return reply(std::unexpected(job.error()));
    json::object explained;
    explained["job"] = job_to_json(*job);
    explained["why"] = encode_json(dispatcher_.explain(*job, clock_.now()));
    explained["processes"] = dispatcher_.processes(*job);
    const auto findings = store_.findings({id}, job->attempt.number);
    if (!findings) return reply(std::unexpected(findings.error()));
    json::array found;
    for (const Finding& finding : *findings) found.push_back(finding_to_json(finding));
    explained["findings"] = std::move(found);
    out.push_back(std::move(explained));
  }
  reply(json::value(json::object{{"jobs", std::move(out)}}));
}

void Service::signal(const json::object& args, Reply reply) {
  const auto decoded = decode_args<request::SignalJobs>(args);
  if (!decoded) return reply(std::unexpected(decoded.error()));
  const auto number = signal_number(decoded->signal);
  if (!number)
    return reply(
        failed(ErrorCode::invalid, fmt::format("`{}` is no signal", printable(decoded->signal))));
  each(decoded->ids, [&](JobId id) { return dispatcher_.signal(id, *number); }, std::move(reply));
}

void Service::remove(const json::object& args, Reply reply) {
  const auto decoded = decode_args<request::JobIds>(args);
  if (!decoded) return reply(std::unexpected(decoded.error()));
  each(decoded->ids, [&](JobId id) { return dispatcher_.remove(id); }, std::move(reply));
}

void Service::wait(const json::object& args, Reply reply) {
  const auto decoded = decode_args<request::JobIds>(args);
  if (!decoded) return reply(std::unexpected(decoded.error()));
  Waiter waiter{{}, "", {}, std::move(reply)};
  for (const std::int64_t id : decoded->ids) waiter.all.push_back({id});
  for (const JobId id : waiter.all) {
    const auto job = load(id.value);
    if (!job) return waiter.reply(std::unexpected(job.error()));
    if (!is_terminal(job->state)) waiter.ids.push_back(id);
  }
  if (waiter.ids.empty()) return answer(waiter);
  std::ranges::sort(waiter.ids);
  const auto twice = std::ranges::unique(waiter.ids);
  waiter.ids.erase(twice.begin(), twice.end());
  waiters_.push_back(std::move(waiter));
}

void Service::watch(const json::object& args, Reply reply) {
  const auto decoded = decode_args<request::WatchJob>(args);
  if (!decoded) return reply(std::unexpected(decoded.error()));
  const auto job = load(decoded->id);
  if (!job) return reply(std::unexpected(job.error()));
  Waiter waiter{{{decoded->id}}, decoded->seen, {{decoded->id}}, std::move(reply)};
  if (to_word(job->state) != decoded->seen) return answer(waiter);
  waiters_.push_back(std::move(waiter));
}

void Service::jobs_changed(const std::vector<Job>& jobs) {
  if (waiters_.empty()) return;
  for (auto waiter = waiters_.begin(); waiter != waiters_.end();) {
    for (const Job& job : jobs) {
      const bool is_done =
          waiter->seen.empty() ? is_terminal(job.state) : to_word(job.state) != waiter->seen;
      if (!is_done) continue;
      const auto found = std::ranges::lower_bound(waiter->ids, job.id);
      if (found != waiter->ids.end() && *found == job.id) waiter->ids.erase(found);
    }
    if (waiter->ids.empty()) {
      Waiter done = std::move(*waiter);
      waiter = waiters_.erase(waiter);
      answer(done);
    } else {
      ++waiter;
    }
  }
}

void Service::answer(Waiter& waiter) {
  json::array out;
  for (const JobId id : waiter.all) {
    const auto job = store_.load(id);
    if (job && *job) out.push_back(job_to_json(**job));
  }
  waiter.reply(json::value(json::object{{"jobs", std::move(out)}}));
}

void Service::shut_down() {
  for (Waiter& waiter : std::exchange(waiters_, {}))
    waiter.reply(failed(ErrorCode::unreachable, "the daemon is stopping; jobs go on"));
}

void Service::events(const json::object& args, Reply reply) {
  const auto decoded = decode_args<request::ListEvents>(args);
  if (!decoded) return reply(std::unexpected(decoded.error()));
  EventQuery query;
  query.after = decoded->after;
  if (decoded->job) {
    query.job = JobId{*decoded->job};
    if (const auto job = load(*decoded->job); !job) return reply(std::unexpected(job.error()));
  }
  query.rows_max = decoded->limit <= 0 ? limits::page_rows_max : decoded->limit;
  const auto events = store_.events(query);
  if (!events) return reply(std::unexpected(events.error()));
  json::array out;
  for (const StoredEvent& event : *events) out.push_back(event_to_json(event));
  reply(json::value(json::object{{"events", std::move(out)}}));
}

// The submitter's environment with secrets masked: by the names that the job marked, and by names
// that usually hold one.
void Service::environment(const json::object& args, Reply reply) {
  const auto decoded = decode_args<request::JobIds>(args);
  if (!decoded) return reply(std::unexpected(decoded.error()));
  json::object variables;
  for (const std::int64_t id : decoded->ids) {
    const auto job = load(id);
    if (!job) return reply(std::unexpected(job.error()));
    const auto text = store_.context(job->context);
    if (!text) return reply(std::unexpected(text.error()));
    const auto context = context_from_text(*text);
    if (!context) return reply(std::unexpected(context.error()));
    const auto put = [&](const std::string& name, const std::string& value) {
      variables[name] = is_secret_name(name, job->spec.secrets) ? "***" : value;
    };
    for (const std::string& variable : context->environment) {
      const auto equals = variable.find('=');
      if (equals != std::string::npos) put(variable.substr(0, equals), variable.substr(equals + 1));
    }
    for (const auto& [name, value] : job->spec.environment) put(name, value);
  }
  reply(json::value(json::object{{"environment", std::move(variables)}}));
}

// Each context's provenance stands once, under its number.
void Service::provenance(const json::object& args, Reply reply) {
  const auto decoded = decode_args<request::JobIds>(args);
  if (!decoded) return reply(std::unexpected(decoded.error()));
  json::array jobs;
  json::object recorded;
  for (const std::int64_t id : decoded->ids) {
    const auto job = load(id);
    if (!job) return reply(std::unexpected(job.error()));
    const std::string context = std::to_string(job->context);
    jobs.push_back({{"id", id}, {"directory", job->spec.directory}, {"context", context}});
    if (recorded.contains(context)) continue;
    const auto text = store_.provenance(job->context);
    if (!text) return reply(std::unexpected(text.error()));
    if (text->empty()) continue;
    auto value = parse_json(*text);
    if (!value) return reply(std::unexpected(value.error()));
    recorded[context] = std::move(*value);
  }
  reply(json::value(json::object{{"jobs", std::move(jobs)}, {"recorded", std::move(recorded)}}));
}

// A page, so that many jobs of the past don't keep those of today from starting.
void Service::statistics(const json::object& args, Reply reply) {
  const auto decoded = decode_args<request::GetStatistics>(args);
  if (!decoded) return reply(std::unexpected(decoded.error()));
  RunQuery query;
  query.since = {decoded->since_ms};
  if (decoded->before) query.before = JobId{*decoded->before};
  query.rows_max = decoded->limit <= 0 ? limits::statistics_rows_max
                                       : std::min(decoded->limit, limits::statistics_rows_max);
  const auto page = store_.runs(query);
  if (!page) return reply(std::unexpected(page.error()));
  json::object out{{"rows", encode_json(page->rows)}, {"looked_at", page->looked_at}};
  const bool has_more = page->looked_at == query.rows_max && page->last;
  out["next"] = has_more ? json::value(page->last->value) : json::value(nullptr);
  reply(json::value(std::move(out)));
}

void Service::settings(const json::object&, Reply reply) {
  reply(json::value(json::object{{"provenance", records_provenance}}));
}

void Service::status(const json::object&, Reply reply) {
  const auto counts = store_.counts();
  if (!counts) return reply(std::unexpected(counts.error()));
  json::object jobs;
  for (const auto& [state, count] : *counts) jobs[to_word(state)] = count;
  json::object out = describe_daemon();
  out["jobs"] = std::move(jobs);
  const auto& degraded = dispatcher_.degraded();
  out["degraded"] = degraded ? json::value(degraded->message) : json::value(nullptr);
  reply(json::value(std::move(out)));
}

void Service::stop(const json::object& args, Reply reply) {
  const auto decoded = decode_args<request::StopDaemon>(args);
  if (!decoded) return reply(std::unexpected(decoded.error()));
  const auto running = dispatcher_.active();
  reply(json::value(json::object{{"running", static_cast<std::int64_t>(running.size())}}));
  request_stop(decoded->cancel_jobs);
}

}  // namespace reeve
