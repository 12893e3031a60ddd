#include "engine/local/record_facts.h"

#include <sys/wait.h>

namespace reeve {

ExitStatus to_exit_status(int wait_status, bool stopped) {
  ExitStatus exit;
  exit.stopped = stopped;
  if (WIFSIGNALED(wait_status)) {
    exit.kind = ExitKind::signalled;
    exit.code = WTERMSIG(wait_status);
    exit.core_dumped = WCOREDUMP(wait_status);
  } else {
    exit.code = WEXITSTATUS(wait_status);
  }
  return exit;
}

ExitStatus exit_of(const Record& record) {
  const auto& n = record.numbers;
  const bool stopped = n[exited_field::stopped] != 0;
  const auto step = static_cast<LaunchStep>(n[exited_field::launch_step]);
  if (step == LaunchStep::none)
    return to_exit_status(static_cast<int>(n[exited_field::wait_status]), stopped);
  return {ExitKind::launch_error, static_cast<std::int32_t>(n[exited_field::launch_errno]), false,
          step, stopped};
}

fact::Ended ended_of(const Record& record, bool rebooted) {
  const auto& n = record.numbers;
  fact::Ended ended;
  ended.usage = {n[ended_field::user_us],       n[ended_field::system_us],
                 n[ended_field::max_rss_bytes], n[ended_field::max_rss_sampled] != 0,
                 n[ended_field::read_bytes],    n[ended_field::write_bytes],
                 n[ended_field::oom_kills],     n[ended_field::memory_hit] != 0,
                 n[ended_field::memory_peak],   n[ended_field::machine_oom_kills]};
  ended.log = {n[ended_field::log_bytes], n[ended_field::log_lost], n[ended_field::gap_begin],
               n[ended_field::gap_end]};
  ended.from_earlier_boot = rebooted;
  ended.has_results = n[ended_field::has_results] != 0;
  ended.disturbed_from = n[ended_field::disturbed_from];
  ended.leftovers = static_cast<std::int32_t>(n[ended_field::leftovers]);
  return ended;
}

}  // namespace reeve
