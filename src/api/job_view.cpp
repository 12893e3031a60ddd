#include "api/job_view.h"

#include <array>

#include "base/json.h"
#include "core/spec_json.h"

namespace reeve {
namespace {

json::value time_or_null(UtcTime time) {
  return time.ms == 0 ? json::value(nullptr) : json::value(to_rfc3339(time));
}

json::value text_or_null(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

json::value word_or_null(std::string_view word) {
  return word.empty() ? json::value(nullptr) : json::value(json::string(word));
}

void add_exit(const Job& job, json::object& out) {
  const auto& exit = job.attempt.exit;
  const bool exited = exit && exit->kind == ExitKind::exited;
  const bool signalled = exit && exit->kind == ExitKind::signalled;
  out["exit_code"] = exited ? json::value(exit->code) : json::value(nullptr);
  out["signal"] = signalled ? json::value(signal_name(exit->code)) : json::value(nullptr);
  out["core_dumped"] = signalled && exit->core_dumped;
}

void add_evidence(const Job& job, json::object& out) {
  const Evidence& evidence = job.attempt.evidence;
  out["log_errors"] = evidence.errors;
  out["log_warnings"] = evidence.warnings;
  out["first_error"] =
      evidence.first_error ? finding_to_json(*evidence.first_error) : json::value(nullptr);
  out["metrics"] = encode_json(evidence.metrics);
  out["validation"] = to_word(evidence.verdict);
  out["validation_words"] = text_or_null(evidence.verdict_words);
}

void add_preemption(const Job& job, json::object& out) {
  static constexpr std::array<const char*, 3> whens{"pause", "requeue", "never"};
  static constexpr std::array<const char*, 4> whos{"", "user", "scheduler", "scheduler_and_user"};
  const Attempt& attempt = job.attempt;
  const bool is_paused = job.state == JobState::running || job.state == JobState::paused;
  out["paused_by"] = is_paused ? word_or_null(whos.at(static_cast<std::size_t>(attempt.paused_by)))
                               : json::value(nullptr);
  out["preempt"] = job.spec.preempt;
  out["when_preempted"] = whens.at(static_cast<std::size_t>(job.spec.when_preempted));
  out["preemptions"] = job.preemptions;
  out["preempted_for"] = attempt.preempted_for.value != 0 ? json::value(attempt.preempted_for.value)
                                                          : json::value(nullptr);
}

json::array parts_to_json(const JobParts& parts) {
  json::array out;
  if (parts.results) out.emplace_back("results");
  if (parts.logs) out.emplace_back("logs");
  if (parts.record) out.emplace_back("record");
  return out;
}

void add_remarks(const Job& job, json::object& out) {
  out["kept"] = job.is_kept;
  out["removing"] = parts_to_json(job.removing);
  out["removed"] = parts_to_json(job.removed);
  out["judgement"] = nullptr;
  if (!job.judgement) return;
  out["judgement"] = {{"verdict", job.judgement->is_valid ? "valid" : "invalid"},
                      {"why", job.judgement->why},
                      {"by", job.judgement->who},
                      {"at", to_rfc3339(job.judgement->at)}};
}

}  // namespace

json::object job_to_json(const Job& job) {
  const Attempt& attempt = job.attempt;
  const bool ended = is_terminal(job.state);
  json::object out;
  out["id"] = job.id.value;
  out["name"] = job.spec.name;
  out["command"] = encode_json(job.spec.command);
  out["directory"] = job.spec.directory;
  out["state"] = to_word(job.state);
  out["reason"] = ended ? word_or_null(to_word(job.reason)) : json::value(nullptr);
  add_exit(job, out);
  out["error"] = ended ? text_or_null(job.error) : json::value(nullptr);
  out["attempt"] = attempt.number;
  out["priority"] = to_word(job.spec.priority);
  out["submitted_at"] = time_or_null(job.submitted_at);
  out["started_at"] = time_or_null(attempt.started_at);
  out["ended_at"] = ended ? time_or_null(job.ended_at) : json::value(nullptr);
  const bool has_times = attempt.started_at.ms != 0 && attempt.ended_at.ms != 0;
  out["wall_seconds"] =
      has_times ? json::value(static_cast<double>((attempt.ended - attempt.started).count()) / 1000)
                : json::value(nullptr);
  const auto seconds = [](std::int64_t us) { return static_cast<double>(us) / 1e6; };
  out["cpu_seconds"] = seconds(attempt.usage.user_us + attempt.usage.system_us);
  out["user_seconds"] = seconds(attempt.usage.user_us);
  out["system_seconds"] = seconds(attempt.usage.system_us);
  out["max_rss_bytes"] = attempt.usage.max_rss_bytes;
  out["max_rss_source"] = attempt.usage.max_rss_sampled ? "sampled_tree" : "largest_process";
  out["read_bytes"] = attempt.usage.read_bytes;
  out["write_bytes"] = attempt.usage.write_bytes;
  out["containment"] = text_or_null(attempt.placement.containment);
  out["leftovers"] = attempt.leftovers;
  out["kill_stuck"] = attempt.kill_stuck;
  out["cancel_too_late"] = attempt.cancel_too_late;
  const bool has_files = !job.removed.results;
  out["results_dir"] = text_or_null(has_files ? attempt.results_dir : "");
  out["staging_dir"] = text_or_null(has_files ? attempt.staging : "");
  // The file is made with the first output.
  out["log_path"] = text_or_null(job.removed.logs ? "" : attempt.log);
  out["log_bytes"] = attempt.log_summary.bytes;
  out["log_lost_bytes"] = attempt.log_summary.lost;
  out["log_gap"] = json::array{attempt.log_summary.gap_begin, attempt.log_summary.gap_end};
  out["main_pid"] = is_active(job.state) && attempt.main_pid != 0 ? json::value(attempt.main_pid)
                                                                  : json::value(nullptr);
  out["cpus"] = job.spec.demand.cpus;
  out["memory_bytes"] = job.spec.demand.memory;
  out["gpus"] = job.spec.demand.gpus;
  out["gpu_devices"] = encode_json(attempt.placement.gpus);
  out["counters"] = encode_json(job.spec.demand.counters);
  out["cpu_numbers"] = encode_json(attempt.placement.cpus);
  out["lock"] = text_or_null(job.spec.demand.lock);
  out["group"] = text_or_null(job.spec.group);
  out["tags"] = encode_json(job.spec.tags);
  out["isolated"] = job.spec.isolate;
  out["memory_limit_bytes"] = attempt.placement.memory_limit;
  out["memory_limit_by"] = text_or_null(attempt.placement.memory_by);
  out["memory_peak_bytes"] = attempt.usage.memory_peak;
  out["oom_kills"] = attempt.usage.oom_kills;
  add_evidence(job, out);
  out["pausing"] = attempt.paused_by != PausedBy::nobody && job.state == JobState::running;
  add_preemption(job, out);
  out["stall_ms"] = encode_json(job.spec.stall);
  out["time_limit_ms"] = encode_json(job.spec.time_limit);
  out["time_limit_is_default"] = job.spec.time_limit_is_default;
  out["pipeline"] = text_or_null(job.spec.pipeline);
  out["params"] = encode_json(job.spec.params);
  out["retries"] = job.spec.retry.retries;
  add_remarks(job, out);
  out["idempotency_key"] = text_or_null(job.spec.idempotency_key);
  out["process_exit_code"] = ended ? json::value(exit_code_of(job)) : json::value(nullptr);
  return out;
}

json::object event_to_json(const StoredEvent& stored) {
  const Event& event = stored.event;
  json::object out;
  out["seq"] = stored.seq;
  out["time"] = to_rfc3339(stored.utc);
  out["job"] = event.job.value;
  out["attempt"] = event.attempt;
  out["event"] = event.kind;
  out["from"] = event.from ? word_or_null(to_word(*event.from)) : json::value(nullptr);
  out["to"] = event.to ? word_or_null(to_word(*event.to)) : json::value(nullptr);
  out["reason"] = word_or_null(to_word(event.reason));
  out["actor"] = event.actor;
  out["detail"] = text_or_null(event.detail);
  return out;
}

int exit_code_of(const Job& job) {
  const auto& exit = job.attempt.exit;
  switch (job.state) {
    case JobState::completed:
      return 0;
    case JobState::cancelled:
      return 130;
    case JobState::timeout:
      return 124;
    case JobState::lost:
      return 70;
    case JobState::failed:
      break;
    default:
      return 125;
  }
  if (!exit || (exit->kind == ExitKind::exited && exit->code == 0)) return 65;
  if (exit->kind == ExitKind::signalled) return 128 + exit->code;
  if (exit->kind == ExitKind::exited) return exit->code;
  if (exit->step != LaunchStep::exec) return 125;
  return exit->code == ENOENT ? 127 : 126;
}

}  // namespace reeve
