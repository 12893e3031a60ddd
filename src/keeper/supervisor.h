#pragma once
// The life of one attempt as its keeper sees it: permit, birth, output, signals, end.

#include <sys/resource.h>
#include <sys/types.h>

#include <cstdint>

#include "base/fd.h"
#include "contain/containment.h"
#include "keeper/log_writer.h"
#include "keeper/memory_watch.h"
#include "keeper/order_view.h"
#include "keeper/record.h"

namespace reeve {

class Supervisor {
 public:
  // Takes the descriptors of order.h. `signals` is a signalfd for SIGCHLD and the control signals,
  // all of them blocked; `cgroup` and `memory` (keeper/order.h) are -1 without one.
  Supervisor(const OrderHeader& header, const char* log_name, int signals, int cgroup, int memory);

  // Runs the attempt to its END record. Returns at once, without a trace, when the start was
  // voided: somebody else holds the permit. True: this process and its cgroup are as they were
  // before, and the END has told that they wait for another order.
  [[nodiscard]] bool run(OrderView order);

 private:
  enum class Phase {
    running,    // the main process lives
    leftovers,  // it has ended; others may still end by themselves
    ending,     // SIGTERM was sent to all; SIGKILL follows at `kill_at_`
    killing,
  };

  bool begin(OrderView order);
  void note_cgroup_cpu();
  void thaw();
  void mark_disturbed();
  void remember_results(const OrderView& order);
  [[nodiscard]] bool has_results() const;
  void look_at_memory();
  void write_processes(const char* occasion);
  void take_report();
  void pause(bool wanted);
  void freeze();
  void end_with(std::int64_t kill_at);
  [[nodiscard]] int count_members() const;
  void count_usage(const rusage& usage);
  void fail_launch(int step, int code);
  void loop();
  int wait_ms() const;
  void take_signals();
  void reap();
  void drain_once();
  void stop(std::int64_t grace_ms);
  void main_ended(int status);
  void proceed();
  void kill_all();
  void write_started();
  void write_ended();
  void note(const Record& record);
  void write_notes();
  void insist_on_notes();
  void wake_daemon();

  AttemptKey key_;
  std::int64_t grace_ms_;
  std::int64_t log_max_;
  const char* log_name_;
  int cgroup_;
  Containment containment_;
  Fd pipe_;
  int signals_;
  LogWriter* writer_ = nullptr;
  // Records that are not in the journal yet.
  char notes_[8 * record_bytes_max];
  std::size_t notes_length_ = 0;
  bool notes_refused_ = false;
  bool wake_refused_ = false;
  Phase phase_ = Phase::running;
  pid_t main_ = 0;
  pid_t init_ = 0;  // of its PID namespace; 0: it has none
  Fd reports_;      // of the init
  bool main_alive_ = false;
  bool stopped_ = false;
  bool started_told_ = false;
  bool stuck_told_ = false;
  bool is_empty_ = false;
  bool is_unharmed_ = false;
  std::int64_t main_started_ms_ = 0;
  std::int64_t patience_until_ = 0;
  std::int64_t kill_at_ = -1;  // no SIGKILL planned
  std::int64_t killing_since_ = 0;
  std::int64_t last_read_ms_ = 0;
  char results_[4096] = "";  // the directory that the job writes into
  int leftovers_ = 0;
  std::int64_t disturbed_from_ = -1;  // length of the log when leftovers were asked to end
  std::int64_t user_us_ = 0;
  std::int64_t system_us_ = 0;
  std::int64_t max_rss_kib_ = 0;
  std::int64_t blocks_read_ = 0;
  std::int64_t blocks_written_ = 0;
  bool is_pausing_ = false;  // wanted, and not all are frozen yet
  bool is_paused_ = false;   // they are, or were when we looked
  bool was_paused_ = false;
  std::int64_t pausing_since_ = 0;
  bool is_isolated_;
  int memory_;
  MemoryWatch memory_watch_;
  bool hit_memory_limit_ = false;
  std::int64_t oom_kills_before_ = 0;
  std::int64_t machine_oom_kills_before_ = -1;  // not looked at
  bool processes_told_ = false;
  bool was_killed_ = false;  // by SIGKILL, whoever sent it
  bool has_cgroup_cpu_ = false;
  std::int64_t cgroup_user_us_ = 0;
  std::int64_t cgroup_system_us_ = 0;
};

}  // namespace reeve
