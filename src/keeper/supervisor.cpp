#include "keeper/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/directory.h"
#include "base/limits.h"
#include "contain/memory.h"
#include "contain/process.h"
#include "contain/process_line.h"
#include "keeper/isolated_job.h"
#include "keeper/launch.h"
#include "keeper/order.h"
#include "keeper/permit.h"

namespace reeve {
namespace {

std::int64_t clock_ms(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
}

// For waits: does not count suspend, so that a laptop's sleep does not shorten a grace period.
std::int64_t now_ms() {
  return clock_ms(CLOCK_MONOTONIC);
}

struct CpuTimes {
  std::int64_t user_us = 0;
  std::int64_t system_us = 0;
};

CpuTimes cgroup_cpu(int cgroup) {
  CpuTimes times;
  char text[1024];
  if (cgroup < 0 || read_small_file_at(cgroup, "cpu.stat", text, sizeof text) <= 0) return times;
  if (const char* user = strstr(text, "user_usec ")) times.user_us = atoll(user + 10);
  if (const char* system = strstr(text, "system_usec ")) times.system_us = atoll(system + 12);
  return times;
}

std::int64_t microseconds(const timeval& time) {
  return time.tv_sec * 1'000'000 + time.tv_usec;
}

}  // namespace

Supervisor::Supervisor(const OrderHeader& header, const char* log_name, int signals, int cgroup,
                       int memory)
    : key_{{header.job}, header.attempt, header.start},
      grace_ms_(header.grace_ms),
      log_max_(header.log_max),
      log_name_(log_name),
      cgroup_(cgroup),
      containment_(cgroup, true),
      signals_(signals),
      is_isolated_(header.is_isolated != 0),
      memory_(memory),
      memory_watch_(header.memory_limit, now_ms()) {}

bool Supervisor::run(OrderView order) {
  Permit permit(permits_fd, key_.start);
  // Held by a daemon that is just voiding it, or not to be had: either way the start is not ours.
  if (!permit.lock()) return false;
  const auto verdict = permit.decide(Verdict::taken);
  if (!verdict || *verdict != Verdict::taken) return false;
  LogWriter writer(logs_fd, log_name_, log_max_);
  writer_ = &writer;
  if (begin(std::move(order))) {
    loop();
    is_unharmed_ = !stopped_ && !was_paused_ && leftovers_ == 0 && memory_ < 0 &&
                   !containment_.is_cgroup_spent();
  }
  write_ended();
  permit.unlock();
  return is_unharmed_ && !notes_refused_ && !wake_refused_;
}

bool Supervisor::begin(OrderView order) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    fail_launch(static_cast<int>(KeeperStep::pipe), errno);
    return false;
  }
  pipe_.reset(ends[0]);
  Fd output(ends[1]);
  fcntl(pipe_.get(), F_SETFL, O_NONBLOCK);
  if (memory_ >= 0)
    if (const auto account = read_memory_account(memory_)) oom_kills_before_ = account->oom_kills;
  remember_results(order);
  Launch launch;
  if (is_isolated_) {
    IsolatedJob job = launch_isolated(order, cgroup_, memory_, output.get());
    init_ = job.init;
    reports_ = std::move(job.reports);
    launch = job.launch;
  } else {
    launch = launch_job(order, cgroup_, memory_, output.get());
  }
  if (launch.failed_step != KeeperStep::none) {
    fail_launch(static_cast<int>(launch.failed_step), launch.failed_errno);
    return false;
  }
  main_ = launch.pid;
  main_alive_ = true;
  main_started_ms_ = now_ms();
  write_started();
  return true;
}

// The order is gone when the job has ended.
void Supervisor::remember_results(const OrderView& order) {
  constexpr char key[] = "REEVE_RESULTS_DIR=";
  for (char** entry = order.environment; *entry != nullptr; ++entry)
    if (strncmp(*entry, key, sizeof key - 1) == 0)
      snprintf(results_, sizeof results_, "%s", *entry + sizeof key - 1);
}

// Whatever keeps us from looking was put there by the job.
bool Supervisor::has_results() const {
  const Fd directory(open(results_, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!directory) return results_[0] != '\0' && errno != ENOENT;
  return look_into(directory.get()) != Holding::nothing;
}

// The cgroup counts what lived in it before, too. Looked at only for jobs that live long enough to
// be worth it: what a short one used, rusage tells as well.
void Supervisor::note_cgroup_cpu() {
  if (cgroup_ < 0) return;
  const CpuTimes before = cgroup_cpu(cgroup_);
  cgroup_user_us_ = before.user_us;
  cgroup_system_us_ = before.system_us;
  has_cgroup_cpu_ = true;
}

void Supervisor::fail_launch(int step, int code) {
  Record record{RecordKind::exited, key_, {}};
  record.numbers[exited_field::launch_step] = step;
  record.numbers[exited_field::launch_errno] = code;
  record.numbers[exited_field::boottime_ms] = clock_ms(CLOCK_BOOTTIME);
  record.numbers[exited_field::utc_ms] = clock_ms(CLOCK_REALTIME);
  note(record);
  write_notes();
}

void Supervisor::loop() {
  while (true) {
    // poll(2) takes no notice of descriptors that are -1.
    pollfd wanted[3] = {
        {signals_, POLLIN, 0}, {pipe_.get(), POLLIN, 0}, {reports_.get(), POLLIN, 0}};
    poll(wanted, 3, wait_ms());
    if (wanted[1].revents != 0) drain_once();
    if (wanted[2].revents != 0) take_report();
    if (wanted[0].revents != 0) take_signals();
    if (main_alive_ && !started_told_ && now_ms() - main_started_ms_ >= limits::started_wake_ms) {
      started_told_ = true;
      note_cgroup_cpu();
      wake_daemon();
    }
    if (main_alive_ && now_ms() >= memory_watch_.due_ms()) look_at_memory();
    if (is_pausing_) freeze();
    if (notes_refused_) write_notes();
    proceed();
    if (is_empty_) break;
  }
  while (pipe_) {
    const auto drained = writer_->drain(pipe_.get());
    // Whoever still holds the other end is outside of the attempt: what it writes is not awaited.
    if (drained == LogWriter::Drained::nothing || drained == LogWriter::Drained::end) break;
  }
}

// Until the next thing that happens by itself; -1: nothing does.
int Supervisor::wait_ms() const {
  const std::int64_t now = now_ms();
  std::int64_t until = INT64_MAX;
  const auto consider = [&](std::int64_t at) {
    until = std::min(until, std::max<std::int64_t>(at, now));
  };
  if (main_alive_ && !started_told_) consider(main_started_ms_ + limits::started_wake_ms);
  if (main_alive_) consider(memory_watch_.due_ms());
  if (notes_refused_) consider(now + limits::journal_wait_ms);
  if (is_pausing_)
    consider(now + (now - pausing_since_ < limits::freeze_fast_ms ? limits::freeze_round_ms
                                                                  : limits::freeze_slow_ms));
  if (phase_ == Phase::leftovers) consider(std::min(patience_until_, now + 5));
  if (phase_ == Phase::ending) {
    consider(kill_at_);
    if (!main_alive_) consider(now + 5);
  }
  if (phase_ == Phase::killing) consider(now + (now - killing_since_ < 100 ? 1 : 20));
  return until == INT64_MAX ? -1 : static_cast<int>(std::min<std::int64_t>(until - now, 60'000));
}

void Supervisor::drain_once() {
  const std::int64_t now = now_ms();
  // For jobs that write at all; a wish, since the usual 64 KiB do as well.
  if (last_read_ms_ == 0) fcntl(pipe_.get(), F_SETPIPE_SZ, limits::pipe_bytes);
  const auto drained = writer_->drain(pipe_.get());
  if (drained == LogWriter::Drained::end) pipe_.reset();
  // A writer of many small pieces: let some more come in, and read them in one go.
  if (drained == LogWriter::Drained::little && now - last_read_ms_ <= limits::output_busy_ms) {
    pollfd signals{signals_, POLLIN, 0};
    const timespec nap{0, limits::output_nap_ns};
    ppoll(&signals, 1, &nap, nullptr);
  }
  last_read_ms_ = now;
}

void Supervisor::take_signals() {
  signalfd_siginfo info{};
  while (read(signals_, &info, sizeof info) == sizeof info) {
    if (info.ssi_signo == SIGCHLD) continue;
    const Control control = Control::of(info.ssi_ptr);
    if (control.start != static_cast<std::uint32_t>(key_.start)) continue;
    if (info.ssi_signo == static_cast<unsigned>(control_stop)) {
      stop(control.value);
    } else if (info.ssi_signo == static_cast<unsigned>(control_pause)) {
      pause(control.value != 0);
    } else {
      reap();
      if (main_alive_) containment_.signal_all(control.value);
    }
  }
  reap();
}

void Supervisor::reap() {
  while (true) {
    int status = 0;
    rusage usage{};
    const pid_t pid = wait4(-1, &status, WNOHANG | __WALL, &usage);
    if (pid <= 0) return;
    count_usage(usage);
    if (pid == main_ && main_alive_) main_ended(status);
    if (pid != init_ || init_ == 0) continue;
    take_report();
    // Its namespace is gone with it, and the kernel killed everybody there.
    if (main_alive_) main_ended(SIGKILL);
    init_ = 0;
  }
}

// A child's usage includes that of the children it has waited for.
void Supervisor::count_usage(const rusage& usage) {
  user_us_ += microseconds(usage.ru_utime);
  system_us_ += microseconds(usage.ru_stime);
  max_rss_kib_ = std::max<std::int64_t>(max_rss_kib_, usage.ru_maxrss);
  blocks_read_ += usage.ru_inblock;
  blocks_written_ += usage.ru_oublock;
}

// Exits are collected first: a main process that has ended by itself keeps its own result.
void Supervisor::stop(std::int64_t grace_ms) {
  take_report();
  reap();
  if (phase_ == Phase::killing) return;
  if (main_alive_) write_processes("when it was asked to end");
  if (main_alive_) stopped_ = true;
  end_with(std::max<std::int64_t>(grace_ms, 0));
}

// Once the main process has ended by itself: what the others write on our request is not its own.
void Supervisor::mark_disturbed() {
  if (main_alive_ || disturbed_from_ >= 0) return;
  for (int rounds = 0; pipe_ && rounds < limits::drain_rounds_max; ++rounds)
    if (writer_->drain(pipe_.get()) != LogWriter::Drained::some) break;
  disturbed_from_ = writer_->bytes();
}

// SIGTERM now, unless it was sent or there is no grace, and SIGKILL after it.
void Supervisor::end_with(std::int64_t grace_ms) {
  mark_disturbed();
  if (phase_ != Phase::ending && grace_ms > 0) {
    containment_.signal_all(SIGTERM);
    thaw();  // what is stopped or frozen must wake to act on it
  }
  const std::int64_t kill_at = now_ms() + grace_ms;
  kill_at_ = kill_at_ < 0 ? kill_at : std::min(kill_at_, kill_at);
  phase_ = Phase::ending;
}

// The init of a PID namespace tells how the main process ended.
void Supervisor::take_report() {
  if (!reports_) return;
  const MainStatus main = read_main_status(reports_.get());
  if (main.is_known && main_alive_) main_ended(main.wait_status);
  if (main.is_closed) reports_.reset();
}

void Supervisor::pause(bool wanted) {
  if (phase_ != Phase::running || !main_alive_) return;
  was_paused_ = true;
  is_pausing_ = wanted;
  pausing_since_ = now_ms();
  if (wanted) return freeze();
  is_paused_ = false;
  containment_.freeze_round(false);
  note({RecordKind::paused, key_, {0}});
  write_notes();
  wake_daemon();
}

// Also when nobody is left in the cgroup: the next job would be born frozen.
void Supervisor::thaw() {
  is_pausing_ = is_paused_ = false;
  containment_.freeze_round(false);
}

void Supervisor::freeze() {
  containment_.freeze_round(true);
  if (!containment_.is_frozen()) return;
  is_pausing_ = false;
  is_paused_ = true;
  note({RecordKind::paused, key_, {1}});
  write_notes();
  wake_daemon();
}

void Supervisor::look_at_memory() {
  if (machine_oom_kills_before_ < 0) machine_oom_kills_before_ = machine_oom_kills();
  if (!memory_watch_.look(containment_.glance(), now_ms())) return;
  write_processes("when it was over its memory limit");
  hit_memory_limit_ = true;
  kill_at_ = now_ms();
  phase_ = Phase::ending;
}

// What its processes were doing, kept beside the log: the first occasion counts.
void Supervisor::write_processes(const char* occasion) {
  if (std::exchange(processes_told_, true)) return;
  char name[300];
  snprintf(name, sizeof name, "%s.processes", log_name_);
  const Fd file(openat(logs_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file) return;
  char line[process_line_bytes];
  const int head = snprintf(line, sizeof line, "Processes %s:\n%s", occasion, process_columns);
  (void)!write(file.get(), line, static_cast<std::size_t>(head));
  int left = limits::processes_told_max;
  for (const pid_t pid : containment_.glance()) {
    if (pid == init_) continue;
    if (left-- == 0) break;
    const std::size_t length = format_process(pid, line);
    (void)!write(file.get(), line, length);
  }
}

// Without the init of its namespace, which is ours.
int Supervisor::count_members() const {
  const int init = init_ != 0 ? 1 : 0;
  return std::max(static_cast<int>(containment_.members().size()) - init, 0);
}

void Supervisor::main_ended(int status) {
  main_alive_ = false;
  was_killed_ = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  Record record{RecordKind::exited, key_, {}};
  record.numbers[exited_field::wait_status] = status;
  record.numbers[exited_field::stopped] = stopped_ ? 1 : 0;
  record.numbers[exited_field::boottime_ms] = clock_ms(CLOCK_BOOTTIME);
  record.numbers[exited_field::utc_ms] = clock_ms(CLOCK_REALTIME);
  note(record);
  if (was_paused_) thaw();
  if (phase_ == Phase::running) {
    phase_ = Phase::leftovers;
    patience_until_ = now_ms() + limits::leftover_patience_ms;
  }
}

// Takes the end one step further, once the main process is gone or the time has come to kill.
void Supervisor::proceed() {
  const std::int64_t now = now_ms();
  if (phase_ == Phase::ending && now >= kill_at_) {
    phase_ = Phase::killing;
    killing_since_ = now;
  }
  if (phase_ == Phase::killing) kill_all();
  if (main_alive_) return;
  reap();
  if (containment_.is_empty()) {
    is_empty_ = true;
    return;
  }
  // An exit goes to the journal together with the end, or now, when that will take a while.
  if (notes_length_ > 0) write_notes();
  if (phase_ == Phase::leftovers && now >= patience_until_) {
    // All that were seen may have died since, and others live that were not.
    leftovers_ = std::max(count_members(), 1);
    write_processes("left behind when the main process had ended");
    wake_daemon();  // it is `finishing` now, and that may take a while
    end_with(grace_ms_);
  }
}

void Supervisor::kill_all() {
  containment_.kill_round();
  reap();
  if (now_ms() - killing_since_ < limits::kill_stuck_ms || stuck_told_) return;
  stuck_told_ = true;
  Record record{RecordKind::stuck, key_, {}};
  record.numbers[0] = count_members();
  note(record);
  write_notes();
  wake_daemon();
}

void Supervisor::write_started() {
  Record record{RecordKind::started, key_, {}};
  record.numbers[started_field::keeper_pid] = getpid();
  record.numbers[started_field::main_pid] = main_;
  record.numbers[started_field::boottime_ms] = clock_ms(CLOCK_BOOTTIME);
  record.numbers[started_field::utc_ms] = clock_ms(CLOCK_REALTIME);
  note(record);
  write_notes();
}

void Supervisor::write_ended() {
  const CpuTimes cgroup = has_cgroup_cpu_ ? cgroup_cpu(cgroup_) : CpuTimes{};
  Record record{RecordKind::ended, key_, {}};
  auto& n = record.numbers;
  n[ended_field::leftovers] = leftovers_;
  n[ended_field::cgroup_spent] = containment_.is_cgroup_spent() ? 1 : 0;
  n[ended_field::log_bytes] = writer_->bytes();
  n[ended_field::log_lost] = writer_->lost();
  n[ended_field::gap_begin] = writer_->gap_begin();
  n[ended_field::gap_end] = writer_->gap_end();
  n[ended_field::disturbed_from] = disturbed_from_;
  n[ended_field::has_results] = has_results() ? 1 : 0;
  // The kernel leaves children that were never waited for out of the first count, and the cgroup
  // those that had left it: the larger one is nearer to the truth.
  n[ended_field::user_us] = std::max(user_us_, cgroup.user_us - cgroup_user_us_);
  n[ended_field::system_us] = std::max(system_us_, cgroup.system_us - cgroup_system_us_);
  const std::int64_t largest = max_rss_kib_ * 1024;
  n[ended_field::max_rss_bytes] = std::max(largest, memory_watch_.peak_bytes());
  n[ended_field::max_rss_sampled] = memory_watch_.peak_bytes() > largest ? 1 : 0;
  n[ended_field::memory_hit] = hit_memory_limit_ ? 1 : 0;
  if (memory_ >= 0)
    if (const auto account = read_memory_account(memory_)) {
      n[ended_field::oom_kills] = account->oom_kills - oom_kills_before_;
      n[ended_field::memory_peak] = account->peak_bytes;
    }
  if (was_killed_ && !stopped_ && !hit_memory_limit_ && machine_oom_kills_before_ >= 0)
    n[ended_field::machine_oom_kills] = machine_oom_kills() - machine_oom_kills_before_;
  n[ended_field::read_bytes] = blocks_read_ * 512;
  n[ended_field::write_bytes] = blocks_written_ * 512;
  n[ended_field::is_idle] = is_unharmed_ ? 1 : 0;
  note(record);
  write_notes();
  if (notes_refused_) insist_on_notes();
  wake_daemon();  // sooner than our exit would: the next job starts while we go
}

void Supervisor::note(const Record& record) {
  if (notes_length_ + record_bytes_max <= sizeof notes_)
    notes_length_ += format_record(record, notes_ + notes_length_);
}

// Appends what was noted. What the disk refuses, although space for it is reserved, is kept for
// another try.
void Supervisor::write_notes() {
  // One write, so that lines of several keepers never mix.
  ssize_t wrote = 0;
  do {
    wrote = write(journal_fd, notes_, notes_length_);
  } while (wrote < 0 && errno == EINTR);
  const bool is_whole = wrote == static_cast<ssize_t>(notes_length_);
  // The end of a torn line: what follows must not become a part of it.
  if (!is_whole && wrote > 0) (void)!write(journal_fd, "\n", 1);
  if (is_whole) notes_length_ = 0;
  notes_refused_ = !is_whole;
}

// The end must be told, or the job would never end: for as long as it takes, up to a bound.
void Supervisor::insist_on_notes() {
  for (int tries = 0; notes_refused_ && tries < limits::journal_tries_max; ++tries) {
    poll(nullptr, 0, limits::journal_wait_ms);
    write_notes();
  }
}

void Supervisor::wake_daemon() {
  const char byte = 0;
  // Full: it is being woken. Refused otherwise: our exit wakes it, so this process must not stay.
  if (write(wake_fd, &byte, 1) < 0 && errno != EAGAIN) wake_refused_ = true;
}

}  // namespace reeve
