#include "support.h"

#include <fmt/format.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/check.h"
#include "base/json.h"
#include "core/spec_json.h"

namespace reeve::test {

TemporaryFolder::TemporaryFolder() {
  path_ = (std::filesystem::temp_directory_path() / "reeve-unit-XXXXXX").string();
  check(::mkdtemp(path_.data()) != nullptr, "a temporary folder can be made");
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code error;
  std::filesystem::remove_all(path_, error);
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_file(const std::string& path, std::string_view text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  check(file.flush().good(), "a test can write its file");
}

void append_file(const std::string& path, std::string_view text) {
  std::ofstream file(path, std::ios::binary | std::ios::app);
  file << text;
  check(file.flush().good(), "a test can write its file");
}

Now at(std::int64_t ms) {
  return {Time{ms}, UtcTime{1'800'000'000'000 + ms}};
}

JobSpec plain_spec() {
  JobSpec spec;
  spec.name = "train";
  spec.command = {"python3", "train.py"};
  spec.directory = "/home";
  spec.results_root = "/results";
  return spec;
}

std::string dump(const Attempt& a) {
  std::string gpus;
  for (const int gpu : a.placement.gpus) gpus += fmt::format("{},", gpu);
  std::string cpus;
  for (const int cpu : a.placement.cpus) cpus += fmt::format("{},", cpu);
  std::string exit = "none";
  if (a.exit)
    exit = fmt::format("{} {} {} {} {}", static_cast<int>(a.exit->kind), a.exit->code,
                       a.exit->core_dumped, static_cast<int>(a.exit->step), a.exit->stopped);
  std::string text = fmt::format(
      "number={} start={} open={} intent={} containment={} cgroup={} gpus={} staging={} target={} "
      "tries={} log={} state={} reason={} stop={} stop_grace={} exit=[{}] ",
      a.number, a.start, a.open, a.intent, a.placement.containment, a.placement.cgroup, gpus,
      a.staging, a.publish_target, a.publish_tries, a.log, to_word(a.state), to_word(a.reason),
      static_cast<int>(a.stop), a.stop_grace.count(), exit);
  text += fmt::format(
      "usage=[{} {} {} {} {} {}] log=[{} {} {} {}] leftovers={} too_late={} stuck={} failures={} ",
      a.usage.user_us, a.usage.system_us, a.usage.max_rss_bytes, a.usage.max_rss_sampled,
      a.usage.read_bytes, a.usage.write_bytes, a.log_summary.bytes, a.log_summary.lost,
      a.log_summary.gap_begin, a.log_summary.gap_end, a.leftovers, a.cancel_too_late, a.kill_stuck,
      a.launch_failures);
  text += fmt::format(
      "cpus={} memory=[{} {}] pause=[{} {} {}] oom=[{} {} {} {}] ", cpus, a.placement.memory_limit,
      a.placement.memory_by, static_cast<int>(a.paused_by), a.paused_since.ms, a.paused_for.count(),
      a.usage.oom_kills, a.usage.over_memory, a.usage.memory_peak, a.usage.machine_oom_kills);
  text += fmt::format("went_on={} preempted_for={} ", a.went_on.ms, a.preempted_for.value);
  text += fmt::format("end={} unwanted={} notify={} evidence={} ", static_cast<int>(a.end_step),
                      a.unwanted, a.placement.notify, to_line(evidence_to_json(a.evidence)));
  return text + fmt::format("pid={} started={} ended={} started_at={} ended_at={} dir={} error={}",
                            a.main_pid, a.started.ms, a.ended.ms, a.started_at.ms, a.ended_at.ms,
                            a.results_dir, a.error);
}

std::string dump(const Job& job) {
  const Judgement said = job.judgement.value_or(Judgement{});
  return fmt::format(
      "id={} context={} state={} queued_at={} release_at={} submitted_at={} ended_at={} reason={} "
      "error={} retries_from={} grown={} preemptions={} preempted_at={} kept={} removing={} "
      "removed={} judgement={},{},{},{},{}\nspec={}\nattempt: {}",
      job.id.value, job.context, to_word(job.state), job.queued_at.ms,
      job.release_at ? std::to_string(job.release_at->ms) : "none", job.submitted_at.ms,
      job.ended_at.ms, to_word(job.reason), job.error, job.retries_from, job.grown_memory,
      job.preemptions, job.preempted_at.ms, job.is_kept, to_words(job.removing),
      to_words(job.removed), job.judgement.has_value(), said.is_valid, said.why, said.who,
      said.at.ms, to_line(spec_to_json(job.spec)), dump(job.attempt));
}

int status_of_child(const std::function<int()>& body) {
  const pid_t child = ::fork();
  check(child >= 0, "a test can fork");
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::alarm(10);
    ::_exit(body());
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

}  // namespace reeve::test
