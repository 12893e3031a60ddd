#include "store/rows.h"

#include <SQLiteCpp/Column.h>

#include "base/json.h"
#include "core/spec_json.h"

namespace reeve::rows {
namespace {

// Name, priority and demand have columns of their own; what equals the default is left out.
std::string spec_text(const JobSpec& spec) {
  static const json::object defaults = spec_to_json(JobSpec{}).get_object();
  json::object object = spec_to_json(spec).get_object();
  for (const auto* key : {"name", "priority", "demand", "idempotency_key", "group"})
    object.erase(key);
  for (const auto& [key, value] : defaults)
    if (const auto* found = object.if_contains(key); found != nullptr && *found == value)
      object.erase(key);
  return to_line(object);
}

template <typename T>
T decode_or_throw(const Result<T>& result) {
  if (!result) throw DamagedRow("a row is damaged: " + result.error().message);
  return *result;
}

std::string evidence_text(const Evidence& evidence) {
  return evidence == Evidence{} ? "" : to_line(evidence_to_json(evidence));
}

Evidence evidence_from_text(const std::string& text) {
  if (text.empty()) return {};
  return decode_or_throw(evidence_from_json(decode_or_throw(parse_json(text))));
}

std::string join(const std::vector<int>& numbers) {
  std::string out;
  for (const int number : numbers) out += (out.empty() ? "" : ",") + std::to_string(number);
  return out;
}

std::vector<int> split_numbers(const std::string& text) {
  std::vector<int> numbers;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t used = 0;
    numbers.push_back(std::stoi(text.substr(at), &used));
    at += used + 1;
  }
  return numbers;
}

// Reads columns from left to right, so that their order stands in one place.
class Reader {
 public:
  explicit Reader(SQLite::Statement& row) : row_(row) {}
  std::int64_t integer() { return row_.getColumn(at_++).getInt64(); }
  std::int32_t small() { return static_cast<std::int32_t>(integer()); }
  bool flag() { return integer() != 0; }
  std::string text() { return row_.getColumn(at_++).getString(); }
  [[nodiscard]] bool is_null() const { return row_.isColumnNull(at_); }
  bool skip_if_null() {
    const bool null = is_null();
    if (null) ++at_;
    return null;
  }
  JobState state() { return state_from_word(text()).value_or(JobState::lost); }
  Reason reason() { return reason_from_word(text()).value_or(Reason::none); }

 private:
  SQLite::Statement& row_;
  int at_ = 0;
};

class Binder {
 public:
  explicit Binder(SQLite::Statement& statement) : statement_(statement) {}
  Binder& operator<<(std::int64_t value) {
    statement_.bind(at_++, value);
    return *this;
  }
  Binder& operator<<(const std::string& value) {
    statement_.bindNoCopy(at_++, value);
    return *this;
  }
  Binder& operator<<(std::string_view value) {
    statement_.bind(at_++, std::string(value));
    return *this;
  }
  Binder& null() {
    statement_.bind(at_++);
    return *this;
  }
  Binder& text_or_null(const std::string& value) {
    if (value.empty()) return null();
    statement_.bind(at_++, value);
    return *this;
  }

 private:
  SQLite::Statement& statement_;
  int at_ = 1;
};

void read_exit(Reader& in, Attempt& attempt) {
  const bool none = in.skip_if_null();
  ExitStatus exit;
  if (!none) exit.kind = static_cast<ExitKind>(in.small());
  exit.code = in.small();
  exit.core_dumped = in.flag();
  exit.step = static_cast<LaunchStep>(in.small());
  exit.stopped = in.flag();
  if (!none) attempt.exit = exit;
}

void read_remarks(Reader& in, Job& job) {
  job.is_kept = in.flag();
  job.removing = parts_from_bits(in.small());
  job.removed = parts_from_bits(in.small());
  const std::string verdict = in.text();
  Judgement judgement;
  judgement.is_valid = verdict == "valid";
  judgement.why = in.text();
  judgement.who = in.text();
  judgement.at = {in.integer()};
  if (!verdict.empty()) job.judgement = std::move(judgement);
}

void read_attempt(Reader& in, Attempt& attempt) {
  attempt.start = in.integer();
  attempt.open = in.flag();
  attempt.state = in.state();
  attempt.reason = in.reason();
  attempt.error = in.text();
  attempt.placement.containment = in.text();
  attempt.placement.cgroup = in.text();
  attempt.placement.gpus = split_numbers(in.text());
  attempt.staging = in.text();
  attempt.publish_target = in.text();
  attempt.publish_tries = in.small();
  attempt.results_dir = in.text();
  attempt.log = in.text();
  attempt.log_summary = {in.integer(), in.integer(), in.integer(), in.integer()};
  attempt.stop = static_cast<StopCause>(in.small());
  attempt.stop_grace = Duration(in.integer());
  read_exit(in, attempt);
  Usage& usage = attempt.usage;
  usage.user_us = in.integer();
  usage.system_us = in.integer();
  usage.max_rss_bytes = in.integer();
  usage.max_rss_sampled = in.flag();
  usage.read_bytes = in.integer();
  usage.write_bytes = in.integer();
  attempt.leftovers = in.small();
  attempt.cancel_too_late = in.flag();
  attempt.kill_stuck = in.flag();
  attempt.launch_failures = in.small();
  attempt.main_pid = in.integer();
  attempt.started = {in.integer()};
  attempt.ended = {in.integer()};
  attempt.started_at = {in.integer()};
  attempt.ended_at = {in.integer()};
  attempt.placement.cpus = split_numbers(in.text());
  attempt.placement.memory_limit = in.integer();
  attempt.placement.memory_by = in.text();
  attempt.paused_by = static_cast<PausedBy>(in.small());
  attempt.paused_since = {in.integer()};
  attempt.paused_for = Duration(in.integer());
  usage.oom_kills = in.integer();
  usage.over_memory = in.flag();
  usage.memory_peak = in.integer();
  usage.machine_oom_kills = in.integer();
  attempt.went_on = {in.integer()};
  attempt.preempted_for = {in.integer()};
  attempt.end_step = static_cast<EndStep>(in.small());
  attempt.unwanted = in.flag();
  attempt.evidence = evidence_from_text(in.text());
  attempt.placement.notify = in.text();
}

}  // namespace

const char* const job_columns =
    "job.id, job.name, job.state, job.priority, job.demand, job.spec, job.context, "
    "job.idempotency_key, job.queued_at, job.release_at, job.submitted_utc, job.ended_utc, "
    "job.reason, job.error, job.job_group, job.retries_from, job.grown_memory, job.preemptions, "
    "job.preempted_at, job.kept, job.removing, job.removed, job.judgement, job.judged_why, "
    "job.judged_by, job.judged_utc, job.intent, job.attempt, "
    "a.start, a.open, a.state, a.reason, a.error, a.containment, a.cgroup, a.gpus, a.staging, "
    "a.publish_target, a.publish_tries, a.results_dir, a.log, a.log_bytes, a.log_lost, "
    "a.log_gap_begin, a.log_gap_end, a.stop, a.stop_grace_ms, a.exit_kind, a.exit_code, "
    "a.exit_core, a.exit_step, a.exit_stopped, a.user_us, a.system_us, a.max_rss_bytes, "
    "a.max_rss_sampled, a.read_bytes, a.write_bytes, a.leftovers, a.cancel_too_late, "
    "a.kill_stuck, a.launch_failures, a.main_pid, a.started, a.ended, a.started_utc, a.ended_utc, "
    "a.cpus, a.memory_limit, a.memory_by, a.paused_by, a.paused_since, a.paused_ms, "
    "a.oom_kills, a.over_memory, a.memory_peak, a.machine_oom_kills, a.went_on, a.preempted_for, "
    "a.end_step, a.unwanted, a.evidence, a.notify "
    "FROM job LEFT JOIN attempt AS a ON a.job = job.id AND a.number = job.attempt ";

std::string demand_text(const Demand& demand) {
  if (demand == Demand{}) return "";
  JobSpec spec;
  spec.demand = demand;
  return to_line(spec_to_json(spec).at("demand"));
}

Demand demand_from_text(const std::string& text) {
  if (text.empty()) return {};
  const json::value value = decode_or_throw(parse_json(text));
  return decode_or_throw(spec_from_json(json::object{{"demand", value}})).demand;
}

Job read_job(SQLite::Statement& row) {
  Reader in(row);
  Job job;
  job.id = {in.integer()};
  const std::string name = in.text();
  job.state = in.state();
  const auto priority = priority_from_word(in.text());
  const std::string demand = in.text();
  const json::value spec = decode_or_throw(parse_json(in.text()));
  job.spec = decode_or_throw(spec_from_json(spec));
  job.spec.name = name;
  job.spec.priority = priority.value_or(Priority::normal);
  job.spec.demand = demand_from_text(demand);
  job.context = in.integer();
  job.spec.idempotency_key = in.text();
  job.queued_at = {in.integer()};
  if (!in.skip_if_null()) job.release_at = Time{in.integer()};
  job.submitted_at = {in.integer()};
  job.ended_at = {in.integer()};
  job.reason = in.reason();
  job.error = in.text();
  job.spec.group = in.text();
  job.retries_from = in.small();
  job.grown_memory = in.integer();
  job.preemptions = in.small();
  job.preempted_at = {in.integer()};
  read_remarks(in, job);
  job.attempt.intent = in.flag();
  job.attempt.number = in.small();
  if (job.attempt.number == 0) return job;
  if (in.is_null()) throw DamagedRow("a row is damaged: an attempt is missing");
  read_attempt(in, job.attempt);
  return job;
}

void bind_job(SQLite::Statement& statement, const Job& job) {
  Binder out(statement);
  out << job.id.value << job.spec.name << to_word(job.state) << to_word(job.spec.priority);
  out.text_or_null(demand_text(job.spec.demand));
  statement.bind(6, spec_text(job.spec));
  statement.bind(7, job.context);
  if (!job.spec.idempotency_key.empty()) statement.bind(8, job.spec.idempotency_key);
  statement.bind(9, job.queued_at.ms);
  if (job.release_at) statement.bind(10, job.release_at->ms);
  statement.bind(11, job.submitted_at.ms);
  statement.bind(12, job.spec.group);
}

void bind_spec(SQLite::Statement& statement, const Job& job) {
  Binder out(statement);
  out << job.id.value << job.spec.name << to_word(job.spec.priority);
  out.text_or_null(demand_text(job.spec.demand));
  statement.bind(5, spec_text(job.spec));
  statement.bind(6, job.context);
  statement.bind(7, job.spec.group);
}

void bind_remarks(SQLite::Statement& statement, int at, const Job& job) {
  const Judgement judgement = job.judgement.value_or(Judgement{});
  statement.bind(at, job.is_kept ? 1 : 0);
  statement.bind(at + 1, to_bits(job.removing));
  statement.bind(at + 2, to_bits(job.removed));
  statement.bind(at + 3, job.judgement ? (judgement.is_valid ? "valid" : "invalid") : "");
  statement.bind(at + 4, judgement.why);
  statement.bind(at + 5, judgement.who);
  statement.bind(at + 6, judgement.at.ms);
}

void bind_attempt(SQLite::Statement& statement, const Job& job) {
  const Attempt& a = job.attempt;
  const ExitStatus exit = a.exit.value_or(ExitStatus{});
  Binder out(statement);
  out << job.id.value << a.number << a.start << a.open << to_word(a.state) << to_word(a.reason)
      << a.error << a.placement.containment << a.placement.cgroup
      << std::string_view(join(a.placement.gpus)) << a.staging << a.publish_target
      << a.publish_tries << a.results_dir << a.log << a.log_summary.bytes << a.log_summary.lost
      << a.log_summary.gap_begin << a.log_summary.gap_end << static_cast<int>(a.stop)
      << a.stop_grace.count();
  if (a.exit)
    out << static_cast<int>(exit.kind);
  else
    out.null();
  out << exit.code << exit.core_dumped << static_cast<int>(exit.step) << exit.stopped
      << a.usage.user_us << a.usage.system_us << a.usage.max_rss_bytes << a.usage.max_rss_sampled
      << a.usage.read_bytes << a.usage.write_bytes << a.leftovers << a.cancel_too_late
      << a.kill_stuck << a.launch_failures << a.main_pid << a.started.ms << a.ended.ms
      << a.started_at.ms << a.ended_at.ms << std::string_view(join(a.placement.cpus))
      << a.placement.memory_limit << a.placement.memory_by << static_cast<int>(a.paused_by)
      << a.paused_since.ms << a.paused_for.count() << a.usage.oom_kills << a.usage.over_memory
      << a.usage.memory_peak << a.usage.machine_oom_kills << a.went_on.ms << a.preempted_for.value
      << static_cast<int>(a.end_step) << a.unwanted << std::string_view(evidence_text(a.evidence))
      << a.placement.notify;
}

}  // namespace reeve::rows
