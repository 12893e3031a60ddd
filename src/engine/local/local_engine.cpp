#include "engine/local/local_engine.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"
#include "base/checksum.h"
#include "base/limits.h"
#include "contain/affinity.h"
#include "contain/containment.h"
#include "contain/exit_status.h"
#include "contain/isolation.h"
#include "contain/marked.h"
#include "contain/process.h"
#include "contain/process_line.h"
#include "engine/local/keeper_start.h"
#include "engine/local/order_writer.h"
#include "engine/local/record_facts.h"
#include "keeper/order.h"

namespace reeve {
namespace {

// Logs of a thousand jobs stand in one directory.
constexpr std::int64_t logs_per_directory = 1000;

// Adopted keepers that nothing watches, for want of descriptors, are looked at so often.
constexpr Duration unwatched_look{1000};

// Sends a signal with a value (sigqueue) through a pidfd, or by pid to our unreaped children.
void queue_signal(int pidfd, pid_t child, int number, Control control) {
  siginfo_t info{};
  info.si_signo = number;
  info.si_code = SI_QUEUE;
  info.si_pid = getpid();
  info.si_uid = getuid();
  info.si_value.sival_ptr = reinterpret_cast<void*>(control.packed());
  if (pidfd >= 0)
    syscall(SYS_pidfd_send_signal, pidfd, number, &info, 0);
  else
    sigqueue(child, number, info.si_value);
}

}  // namespace

LocalEngine::LocalEngine(LocalEngineSettings settings, Journal journal)
    : settings_(std::move(settings)), journal_(std::move(journal)) {}

LocalEngine::~LocalEngine() {
  keepers_.let_go(Time{INT64_MAX}, pool_);
  memory_.close();
  if (pool_) pool_->close();
  if (place_) place_->leave();
}

Result<std::unique_ptr<LocalEngine>> LocalEngine::open(LocalEngineSettings settings) {
  auto journal = Journal::open(settings.state_directory + "/journal", boot_id());
  if (!journal) return std::unexpected(journal.error());
  std::unique_ptr<LocalEngine> engine(new LocalEngine(std::move(settings), std::move(*journal)));
  if (auto prepared = engine->prepare(); !prepared) return std::unexpected(prepared.error());
  return engine;
}

Result<void> LocalEngine::prepare() {
  const std::string& state = settings_.state_directory;
  if (settings_.rebooted) boot_time_ = queue_time(boottime_ms());
  if (::mkdir((state + "/logs").c_str(), 0700) != 0 && errno != EEXIST)
    return failed(OsError{errno, "make the directory of the logs"});
  const std::string wake = state + "/wake";
  if (::mkfifo(wake.c_str(), 0600) != 0 && errno != EEXIST)
    return failed(OsError{errno, "make the keepers' wake-up pipe"});
  wake_read_.reset(::open(wake.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  wake_write_.reset(::open(wake.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
  if (!wake_read_ || !wake_write_) return failed(OsError{errno, "open the keepers' wake-up pipe"});
  if (auto opened = open_permits(); !opened) return opened;
  if (::access(settings_.keeper_program.c_str(), X_OK) != 0)
    return failed(ErrorCode::not_found,
                  "the program reeve-keeper is missing beside reeve: " + settings_.keeper_program);
  if (const auto probed = probe_isolation(); !probed)
    why_no_isolation_ = to_error(probed.error()).message;
  tag_ = fmt::format("{:08x}", static_cast<std::uint32_t>(fnv1a(state)));
  if (!settings_.use_cgroups) {
    why_no_cgroup_ = "switched off by REEVE_NO_CGROUP";
    return {};
  }
  place_ = CgroupPlace::enter(settings_.is_delegated);
  if (place_)
    pool_ = CgroupPool::probe({place_->directory(), tag_, state + "/pools"}, why_no_cgroup_);
  else
    why_no_cgroup_ = "no cgroup-v2 tree is mounted";
  memory_ = MemoryCgroups::probe(tag_, pool_ ? pool_->path() : "");
  return {};
}

Result<void> LocalEngine::open_permits() {
  const Fd low(
      ::open((settings_.state_directory + "/permits").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  permits_.reset(low ? ::fcntl(low.get(), F_DUPFD_CLOEXEC, 10) : -1);
  if (!permits_) return failed(OsError{errno, "open the table of permits"});
  // Space for all of it, so that a full disk can't keep a keeper from its permit.
  const int code = ::posix_fallocate(permits_.get(), 0, permit_table_bytes);
  if (code != 0) return failed(OsError{code, "reserve space for the table of permits"});
  return {};
}

std::string LocalEngine::mark_of(const AttemptKey& key) const {
  return fmt::format("REEVE_MARK={}.{}.{}.{}", tag_, key.job.value, key.attempt, key.start);
}

std::string LocalEngine::log_name(const AttemptKey& key) const {
  return fmt::format("{}.{}.{}.log", key.job.value, key.attempt, key.start);
}

Time LocalEngine::queue_time(std::int64_t boottime) const {
  return Time{boottime} + settings_.boottime_to_queue;
}

OsResult<int> LocalEngine::logs_directory(JobId job) {
  const std::int64_t bucket = job.value / logs_per_directory;
  if (bucket == logs_bucket_ && logs_) return logs_.get();
  const std::string path = fmt::format("{}/logs/{}", settings_.state_directory, bucket);
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return os_failed("make a directory for logs");
  logs_.reset(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  logs_bucket_ = bucket;
  if (!logs_) return os_failed("open the directory of the logs");
  return logs_.get();
}

std::expected<fact::Launched, OsError> LocalEngine::start(const StartOrder& order) {
  if (order.context != context_text_) {
    auto context = context_from_text(order.context);
    if (!context) return os_failed("read the environment of the job", EBADMSG);
    context_ = std::move(*context);
    context_text_ = order.context;
  }
  // A start 65,536 numbers earlier still runs and holds our slot: the next number has another one.
  if (Permit(permits_.get(), order.key.start).holder() != 0)
    return os_failed("get a permit", EAGAIN);
  const auto environment = job_environment(order, context_, mark_of(order.key));
  const std::int64_t limit = order.placement.memory_limit;
  const std::string written =
      write_order(order, context_, environment, log_name(order.key), memory_.works() ? 0 : limit);
  Run run;
  if (auto handed = hand_over(written, order.key, memory_.works() ? limit : 0, run); !handed)
    return std::unexpected(handed.error());
  child_keepers_[run.keeper] = order.key;
  fact::Launched launched = describe(order.key, order.spec.isolate, limit);
  launched.cgroup = run.cgroup;
  runs_[order.key] = std::move(run);
  return launched;
}

// Gives the order to an idle keeper or to a new one, and fills in what the run has of it.
OsResult<void> LocalEngine::hand_over(const std::string& order, const AttemptKey& key,
                                      std::int64_t limit, Run& run) {
  const auto logs = logs_directory(key.job);
  if (!logs) return std::unexpected(logs.error());
  const int journal = journal_.use_newest();
  run.generation = journal_.newest();
  run.logs_bucket = logs_bucket_;
  std::optional<IdleKeeper> idle;
  if (limit == 0) idle = keepers_.reuse(order, run.generation, run.logs_bucket, pool_);
  if (idle) {
    run.keeper = idle->pid;
    run.orders = std::move(idle->orders);
    run.cgroup = std::move(idle->cgroup);
    return {};
  }
  const auto give_up = [&](OsError error) -> OsResult<void> {
    // One that may have got a memory limit keeps it: it is not for another job.
    if (!run.cgroup.empty()) pool_->release(run.cgroup, limit > 0);
    journal_.release(run.generation);
    return std::unexpected(error);
  };
  Fd cgroup;
  if (pool_) {
    const auto name = pool_->acquire();
    if (!name) return give_up({errno, "make a cgroup"});
    run.cgroup = *name;
    cgroup = pool_->open(run.cgroup);
    if (!cgroup) return give_up({errno, "open a cgroup"});
  }
  Fd memory;
  if (limit > 0) {
    auto limited = memory_.limit(key.start, run.cgroup, limit);
    if (!limited) return give_up(limited.error());
    memory = std::move(*limited);
    run.has_memory_cgroup = true;
  }
  auto started =
      start_keeper(settings_.keeper_program, order,
                   {journal, wake_write_.get(), *logs, permits_.get(), cgroup.get(), memory.get()});
  if (!started) {
    if (limit > 0) memory_.release(key.start);
    return give_up(started.error());
  }
  run.keeper = started->pid;
  run.orders = std::move(started->orders);
  return {};
}

void LocalEngine::send(const AttemptKey& key, const Run& run, int signal, int value) {
  if (run.keeper_gone || run.end_seen) return;
  const Control control{static_cast<std::uint32_t>(key.start), value};
  if (run.is_child || run.keeper_pidfd) {
    queue_signal(run.keeper_pidfd.get(), run.keeper, signal, control);
  } else if (const Fd pidfd(open_pidfd(run.keeper)); pidfd && !is_keeper_gone(key, run)) {
    queue_signal(pidfd.get(), run.keeper, signal, control);
  }
}

void LocalEngine::stop(const AttemptKey& key, Duration grace) {
  const auto found = runs_.find(key);
  if (found == runs_.end()) return;
  found->second.stop_asked = true;
  // Somebody may have stopped the keeper; it acts on nothing then.
  wake(found->second);
  send(key, found->second, control_stop,
       static_cast<int>(std::min<std::int64_t>(grace.count(), INT32_MAX)));
}

void LocalEngine::wake(const Run& run) const {
  if (run.keeper_gone || run.end_seen) return;
  if (run.keeper_pidfd)
    (void)send_signal(run.keeper_pidfd.get(), SIGCONT);
  else if (run.is_child)
    kill(run.keeper, SIGCONT);
}

void LocalEngine::freeze(const AttemptKey& key, bool wanted) {
  const auto found = runs_.find(key);
  if (found == runs_.end()) return;
  wake(found->second);
  send(key, found->second, control_pause, wanted ? 1 : 0);
}

void LocalEngine::bind(const AttemptKey& key, const std::vector<int>& cpus) {
  const auto found = runs_.find(key);
  if (found == runs_.end() || found->second.keeper_gone || found->second.end_seen) return;
  bind_to_cpus(descendants_of(found->second.keeper), cpus);
}

Result<void> LocalEngine::signal(const AttemptKey& key, int signal) {
  const auto found = runs_.find(key);
  if (found == runs_.end() || found->second.keeper_gone)
    return failed(ErrorCode::conflict, fmt::format("job {} is not running", key.job.value));
  wake(found->second);
  send(key, found->second, control_signal, signal);
  return {};
}

std::string LocalEngine::processes(const AttemptKey& key) {
  const auto found = runs_.find(key);
  if (found == runs_.end() || found->second.keeper_gone || found->second.end_seen) return "";
  std::string text = process_columns;
  int left = limits::processes_told_max;
  for (const pid_t pid : descendants_of(found->second.keeper)) {
    if (left-- == 0) return text + "…\n";
    std::array<char, process_line_bytes> line{};
    text.append(line.data(), format_process(pid, line.data()));
  }
  return text;
}

std::vector<Observed> LocalEngine::observe() {
  std::array<char, 4096> bytes{};
  while (::read(wake_read_.get(), bytes.data(), bytes.size()) > 0) {
  }
  // Adopted keepers tell their exit by a pidfd; whoever is gone is noted before the journal is
  // read, so that an END that it wrote is seen first.
  for (auto& [key, run] : runs_)
    if (!run.is_child && !run.keeper_gone && is_keeper_gone(key, run)) {
      run.keeper_gone = true;
      gone_.insert(key);
    }
  std::vector<Observed> out = std::exchange(told_again_, {});
  for (const Journal::Read& read : journal_.read()) take(read, out);
  hold_mains();
  look_after_dead_keepers(out);
  sweep_unclaimed();
  keepers_.let_go(queue_time(boottime_ms()) - limits::keeper_idle_max, pool_);
  return out;
}

void LocalEngine::take(const Journal::Read& read, std::vector<Observed>& out) {
  const Record& record = read.record;
  const auto found = runs_.find(record.key);
  Run* const run = found == runs_.end() ? nullptr : &found->second;
  const auto& n = record.numbers;
  switch (record.kind) {
    case RecordKind::started:
      if (run != nullptr) {
        run->main = static_cast<pid_t>(n[started_field::main_pid]);
        fresh_.push_back({record.key, n[started_field::boottime_ms]});
      }
      out.push_back({record.key, fact::Started{n[started_field::main_pid],
                                               queue_time(n[started_field::boottime_ms]),
                                               UtcTime{n[started_field::utc_ms]}}});
      return;
    case RecordKind::exited:
      if (run != nullptr) run->exit_seen = true;
      out.push_back(
          {record.key, fact::Exited{exit_of(record), queue_time(n[exited_field::boottime_ms]),
                                    UtcTime{n[exited_field::utc_ms]}}});
      return;
    case RecordKind::ended:
      if (run != nullptr) {
        run->end_seen = true;
        run->spent = n[ended_field::cgroup_spent] != 0;
        run->keeper_idle = n[ended_field::is_idle] != 0;
      }
      out.push_back({record.key, ended_of(record, !read.is_of_this_boot)});
      return;
    case RecordKind::paused:
      out.push_back({record.key, fact::Paused{n[0] != 0, queue_time(boottime_ms())}});
      return;
    case RecordKind::stuck:
      out.push_back({record.key, fact::KillStuck{static_cast<std::int32_t>(n[0])}});
      return;
  }
}

// Lets the kernel keep the status of a job's main process for us, should its keeper be killed. Only
// for jobs that live long enough for their keeper to wake us: most others are over by now.
void LocalEngine::hold_mains() {
  const std::int64_t now = boottime_ms();
  while (!fresh_.empty() && now - fresh_.front().since_ms >= limits::started_wake_ms) {
    const auto run = runs_.find(fresh_.front().key);
    if (run != runs_.end() && !run->second.exit_seen) hold_main(run->second);
    fresh_.pop_front();
  }
}

void LocalEngine::hold_main(Run& run) {
  if (!run.is_child) find_cgroup(run);
  run.main_pidfd.reset(open_pidfd(run.main));
  const auto stat = read_stat(run.main);
  if (!stat || stat->parent != run.keeper) run.main_pidfd.reset();
}

bool LocalEngine::reap() {
  bool is_news = false;
  while (true) {
    int status = 0;
    const pid_t pid = ::waitpid(-1, &status, WNOHANG | __WALL);
    if (pid <= 0) return is_news;
    if (spared_.erase(pid) > 0) continue;
    if (const auto keeper = child_keepers_.find(pid); keeper != child_keepers_.end()) {
      const auto run = runs_.find(keeper->second);
      if (run != runs_.end()) {
        run->second.keeper_gone = true;
        gone_.insert(keeper->second);
        is_news |= !run->second.end_seen;
      }
      child_keepers_.erase(keeper);
      continue;
    }
    // What a killed keeper left came to us; its main process tells its status here.
    is_news = true;
    for (auto& [key, run] : runs_)
      if (run.main == pid && run.keeper_gone) run.reaped_status = status;
  }
}

std::optional<Duration> LocalEngine::poll_again_in() const {
  std::optional<Duration> wait;
  if (!keepers_.empty()) wait = limits::keeper_idle_max;
  if (has_unwatched_) wait = std::min(wait.value_or(unwatched_look), unwatched_look);
  for (const AttemptKey& key : gone_) {
    const auto found = runs_.find(key);
    if (found == runs_.end() || found->second.end_seen) continue;
    const bool is_stuck = found->second.sweeping_since.ms >= 0 &&
                          queue_time(boottime_ms()) - found->second.sweeping_since > Duration(1000);
    wait = std::min(wait.value_or(Duration(100)), Duration(is_stuck ? 100 : 1));
  }
  return wait;
}

fact::Launched LocalEngine::describe(const Job& job) {
  return describe(job.key(), job.spec.isolate, job.attempt.placement.memory_limit);
}

fact::Launched LocalEngine::describe(const AttemptKey& key, bool is_isolated,
                                     std::int64_t memory_limit) {
  fact::Launched launched;
  launched.containment = containment();
  if (is_isolated) launched.containment = pool_ ? "cgroup+namespace" : "namespace";
  if (memory_limit > 0) launched.memory_by = memory_by();
  launched.log = fmt::format("{}/logs/{}/{}", settings_.state_directory,
                             key.job.value / logs_per_directory, log_name(key));
  return launched;
}

void LocalEngine::forget(const AttemptKey& key) {
  const auto found = runs_.find(key);
  if (found == runs_.end()) return;
  Run& run = found->second;
  if (run.keeper_idle && run.orders && !run.keeper_gone)
    keepers_.put({run.keeper, std::move(run.orders), std::move(run.cgroup), run.generation,
                  run.logs_bucket, queue_time(boottime_ms())});
  else if (!run.cgroup.empty())
    pool_->release(run.cgroup, run.spent || run.has_memory_cgroup);
  if (run.has_memory_cgroup || !run.is_child) memory_.release(key.start);
  if (run.is_child) journal_.release(run.generation);
  runs_.erase(found);
  if (std::ranges::none_of(runs_, [](const auto& item) { return !item.second.is_child; }))
    journal_.remove_unused();
}

}  // namespace reeve
