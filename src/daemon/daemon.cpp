#include "daemon/daemon.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <list>
#include <memory>
#include <utility>

#include "base/fd.h"
#include "daemon/cleaner.h"
#include "daemon/cleaning.h"
#include "daemon/clock.h"
#include "daemon/config.h"
#include "daemon/dispatcher.h"
#include "daemon/file_output.h"
#include "daemon/file_watch.h"
#include "daemon/postman.h"
#include "daemon/pressure_reader.h"
#include "daemon/service.h"
#include "daemon/session.h"
#include "daemon/state_directory.h"
#include "daemon/upkeep_service.h"
#include "engine/local/local_engine.h"
#include "systemd/notify.h"

namespace reeve {
namespace {

namespace asio = boost::asio;
using Descriptor = asio::posix::stream_descriptor;

constexpr std::size_t log_file_bytes = 4 << 20;
constexpr std::size_t log_files = 3;

// Keepers get descriptors 3 to 8: nothing of ours may stand there (see LocalEngine).
void occupy_low_descriptors() {
  while (true) {
    const int fd = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    if (fd < 0) return;
    if (fd < 10) continue;
    ::close(fd);
    return;
  }
}

void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

std::string own_host() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "this machine";
}

// Everybody who may talk to the daemon is this user.
std::string own_user() {
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  ::getpwuid_r(::geteuid(), &entry, buffer.data(), buffer.size(), &found);
  return found != nullptr ? found->pw_name : std::to_string(::geteuid());
}

class Daemon {
 public:
  explicit Daemon(DaemonOptions options) : options_(std::move(options)), signals_(context_) {}
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;
  ~Daemon() { let_go(); }

  Result<void> open();
  void run();

 private:
  Result<void> open_upkeep(const Config& config);
  void listen_for_signals();
  void watch(Descriptor& descriptor);
  bool watch_once(int fd);
  void schedule_pump();
  void pump();
  void arm_timer(std::optional<Time> at, const Now& now);
  void request_stop(bool cancel_jobs);
  void finish_stop();
  void let_go();
  json::object describe();

  DaemonOptions options_;
  asio::io_context context_{1};
  asio::signal_set signals_;
  Fd lock_;
  std::unique_ptr<Store> store_;
  std::optional<QueueClock> clock_;
  std::unique_ptr<LocalEngine> engine_;
  std::unique_ptr<FileOutput> output_;
  std::unique_ptr<FileWatch> watch_;
  std::unique_ptr<Dispatcher> dispatcher_;
  std::unique_ptr<Postman> postman_;
  std::unique_ptr<Cleaner> cleaner_;
  std::unique_ptr<Cleaning> cleaning_;
  std::unique_ptr<Service> service_;
  std::unique_ptr<UpkeepService> upkeep_service_;
  std::unique_ptr<SessionServer> server_;
  std::unique_ptr<Descriptor> timer_;
  std::unique_ptr<Descriptor> wake_;
  std::unique_ptr<Descriptor> published_;
  std::unique_ptr<Descriptor> watched_;
  std::unique_ptr<Descriptor> validated_;
  std::unique_ptr<Descriptor> cleaned_;
  std::list<Descriptor> watched_once_;
  UtcTime started_at_ = utc_now();
  std::optional<Time> timer_at_;
  bool pump_scheduled_ = false;
  bool stopping_ = false;
  bool stopped_ = false;
};

Result<void> Daemon::open() {
  auto lock = lock_state_directory(options_.paths);
  if (!lock) return std::unexpected(lock.error());
  lock_ = std::move(*lock);
  auto config = load_config(options_.paths.config);
  if (!config) return std::unexpected(config.error());
  if (auto checked = check_database_is_there(options_.paths); !checked)
    return std::unexpected(checked.error());
  auto store = Store::open(options_.paths.database());
  if (!store) return std::unexpected(store.error());
  store_ = std::move(*store);
  const auto stamp = store_->meta("clock");
  if (!stamp) return std::unexpected(stamp.error());
  auto clock = QueueClock::from_stamp(*stamp);
  if (!clock) return std::unexpected(clock.error());
  clock_ = std::move(*clock);

  auto engine =
      LocalEngine::open({options_.paths.state, options_.keeper_program, clock_->offset(),
                         clock_->has_rebooted(), options_.use_cgroups, options_.is_delegated});
  if (!engine) return std::unexpected(engine.error());
  engine_ = std::move(*engine);
  engine_->watch_exit = [this](int pidfd) { return watch_once(pidfd); };
  config->capacity.has_strict_containment = engine_->containment() == "cgroup";
  config->capacity.has_isolation = engine_->isolation_note().empty();
  output_ = std::make_unique<FileOutput>(
      options_.paths.state + "/checkpoints", options_.paths.state + "/validations",
      std::vector<std::string>{"/proc/self/exe", "validate", "--worker"});
  output_->when_validating([this](pid_t pid) { engine_->spare_child(pid); });
  auto watch = FileWatch::open(options_.paths.state);
  if (!watch) return std::unexpected(watch.error());
  watch_ = std::move(*watch);
  dispatcher_ = std::make_unique<Dispatcher>(
      Dispatcher::World{*store_, *engine_, *output_, *watch_}, config->capacity, config->shares);
  dispatcher_->find_pressure = [limits = config->pressure] {
    return find_pressure(read_pressure("/proc"), limits);
  };
  dispatcher_->stamp = [this](Time at) { return clock_->stamp(at); };
  service_ = std::make_unique<Service>(
      *store_, *dispatcher_, *watch_, *clock_,
      config->results_root.empty() ? options_.paths.results() : config->results_root);
  dispatcher_->on_changed = [this](const std::vector<Job>& jobs) { service_->jobs_changed(jobs); };
  service_->describe_daemon = [this] { return describe(); };
  service_->records_provenance = config->records_provenance;
  service_->request_stop = [this](bool cancel_jobs) { request_stop(cancel_jobs); };
  if (auto opened = open_upkeep(*config); !opened) return opened;
  if (auto recovered = dispatcher_->recover(clock_->now()); !recovered)
    return std::unexpected(recovered.error());

  const int timer = ::timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
  if (timer < 0) return failed(OsError{errno, "make a timer"});
  timer_ = std::make_unique<Descriptor>(context_, timer);
  wake_ = std::make_unique<Descriptor>(context_, engine_->wake_descriptor());
  published_ = std::make_unique<Descriptor>(context_, output_->ready_descriptor());
  validated_ = std::make_unique<Descriptor>(context_, output_->validated_descriptor());
  watched_ = std::make_unique<Descriptor>(context_, watch_->ready_descriptor());
  cleaned_ = std::make_unique<Descriptor>(context_, cleaner_->ready_descriptor());
  const auto listening = listen_at(options_.paths.socket());
  if (!listening) return std::unexpected(listening.error());
  server_ =
      std::make_unique<SessionServer>(context_, *listening, *service_, [this] { schedule_pump(); });
  spdlog::info("daemon=started pid={} state={} containment={} note=\"{}\"", ::getpid(),
               options_.paths.state, engine_->containment(), engine_->containment_note());
  return {};
}

// What stands beside the queue: telling, and removing what is old.
Result<void> Daemon::open_upkeep(const Config& config) {
  postman_ = std::make_unique<Postman>(
      *store_, PostmanSettings{config.notice_targets, options_.notify_program, own_host()});
  postman_->on_started = [this](pid_t pid) { engine_->spare_child(pid); };
  postman_->watch = [this](int fd) { return watch_once(fd); };
  dispatcher_->find_deliveries = [this](const Event& event, const Job& job, const Now& now) {
    return postman_->find_deliveries(event, job, now);
  };
  dispatcher_->on_deliveries = [this](const std::vector<Delivery>& deliveries) {
    postman_->take(deliveries);
  };
  cleaner_ = std::make_unique<Cleaner>(
      JobPlaces{options_.paths.state + "/logs", options_.paths.state + "/checkpoints"});
  cleaning_ = std::make_unique<Cleaning>(
      *store_, *dispatcher_, *cleaner_, config.retention,
      config.results_root.empty() ? options_.paths.results() : config.results_root);
  upkeep_service_ = std::make_unique<UpkeepService>(*store_, *dispatcher_, *clock_, *postman_,
                                                    *cleaning_, own_user());
  service_->handle_further = [this](const Request& request, Reply& reply) {
    return upkeep_service_->handle(request, reply);
  };
  service_->find_further_fault = [this](const JobSpec& spec) {
    return upkeep_service_->find_fault(spec);
  };
  if (auto loaded = postman_->load(clock_->now()); !loaded) return loaded;
  return cleaning_->load(clock_->now());
}

void Daemon::run() {
  listen_for_signals();
  watch(*timer_);
  watch(*wake_);
  watch(*published_);
  watch(*watched_);
  watch(*validated_);
  watch(*cleaned_);
  schedule_pump();
  context_.run();
  spdlog::info("daemon=stopped pid={} keepers={}", ::getpid(), engine_->keepers());
}

void Daemon::listen_for_signals() {
  boost::system::error_code ignored;
  for (const int number : {SIGCHLD, SIGTERM, SIGINT}) signals_.add(number, ignored);
  signals_.async_wait([this](const auto& error, int number) {
    // A signal may have arrived before the wait was cancelled: waiting again would keep us alive.
    if (error || stopped_) return;
    if (number != SIGCHLD) request_stop(false);
    if (number != SIGCHLD || engine_->reap()) schedule_pump();
    listen_for_signals();
  });
}

// Whoever becomes readable, the answer is the same: look at everything once.
void Daemon::watch(Descriptor& descriptor) {
  descriptor.async_wait(Descriptor::wait_read, [this, &descriptor](const auto& error) {
    if (error || stopped_) return;
    if (&descriptor == timer_.get()) {
      std::uint64_t count = 0;
      (void)!::read(descriptor.native_handle(), &count, sizeof count);
      timer_at_.reset();
    }
    pump();
    watch(descriptor);
  });
}

bool Daemon::watch_once(int fd) {
  const int own = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (own < 0) return false;
  watched_once_.emplace_back(context_, own);
  const auto item = std::prev(watched_once_.end());
  item->async_wait(Descriptor::wait_read, [this, item](const auto& error) {
    if (error) return;
    watched_once_.erase(item);
    schedule_pump();
  });
  return true;
}

// Requests that have arrived together are taken together, and share a commit.
void Daemon::schedule_pump() {
  if (std::exchange(pump_scheduled_, true)) return;
  asio::post(context_, [this] {
    pump_scheduled_ = false;
    pump();
  });
}

void Daemon::pump() {
  if (stopped_) return;
  Now now = clock_->now();
  dispatcher_->advance(now);
  for (int round = 0; round < 3; ++round) {
    const auto due = dispatcher_->commit_due();
    if (!due || now.time < *due) break;
    dispatcher_->commit(now);
    now = clock_->now();
    dispatcher_->advance(now);
  }
  postman_->advance(now);
  cleaning_->advance(now);
  std::optional<Time> next = dispatcher_->next_wakeup();
  const auto consider = [&](std::optional<Time> at) {
    if (at && (!next || *at < *next)) next = at;
  };
  consider(dispatcher_->commit_due());
  consider(postman_->next_wakeup());
  consider(cleaning_->next_wakeup());
  if (const auto wait = engine_->poll_again_in()) consider(now.time + *wait);
  arm_timer(next, now);
  if (stopping_ && dispatcher_->active().empty()) finish_stop();
}

void Daemon::arm_timer(std::optional<Time> at, const Now& now) {
  // A timer that fires too early costs less than setting it anew each time.
  if (timer_at_ && (!at || *timer_at_ <= *at)) return;
  if (!at) return;
  timer_at_ = at;
  itimerspec spec{};
  const std::int64_t wait_ms = std::max<std::int64_t>((*at - now.time).count(), 0);
  spec.it_value.tv_sec = wait_ms / 1000;
  spec.it_value.tv_nsec = wait_ms % 1000 * 1'000'000 + (wait_ms == 0 ? 1 : 0);
  ::timerfd_settime(timer_->native_handle(), 0, &spec, nullptr);
}

void Daemon::request_stop(bool cancel_jobs) {
  if (!cancel_jobs) return finish_stop();
  stopping_ = true;
  dispatcher_->stop_starting();
  const Now now = clock_->now();
  for (const JobId id : dispatcher_->active())
    (void)dispatcher_->change(id, fact::Cancel{"daemon stop", std::nullopt}, now);
  schedule_pump();
}

void Daemon::finish_stop() {
  if (std::exchange(stopped_, true)) return;
  const Now now = clock_->now();
  dispatcher_->advance(now);
  dispatcher_->withdraw_intents(now);
  dispatcher_->commit(now);
  service_->shut_down();
  server_->close();
  ::unlink(options_.paths.socket().c_str());
  asio::post(context_, [this] {
    signals_.cancel();
    timer_->close();
    let_go();
    watched_once_.clear();
  });
}

// Of descriptors that others own.
void Daemon::let_go() {
  for (Descriptor* descriptor :
       {wake_.get(), published_.get(), watched_.get(), validated_.get(), cleaned_.get()})
    if (descriptor != nullptr && descriptor->is_open()) (void)descriptor->release();
}

json::object Daemon::describe() {
  const Resources& resources = dispatcher_->resources();
  json::object out;
  out["pid"] = ::getpid();
  out["version"] = REEVE_VERSION;
  out["started_at"] = to_rfc3339(started_at_);
  out["state_dir"] = options_.paths.state;
  out["containment"] = engine_->containment();
  out["containment_note"] = engine_->containment_note();
  out["isolation"] = engine_->isolation_note().empty();
  out["isolation_note"] = engine_->isolation_note();
  out["memory_limits_by"] = engine_->memory_by();
  out["capacity"] = {{"cpus", resources.capacity().cpus},
                     {"memory_bytes", resources.capacity().memory},
                     {"gpus", resources.capacity().gpus},
                     {"counters", encode_json(resources.capacity().counters)},
                     {"jobs_max", resources.capacity().jobs_max}};
  out["sessions"] = static_cast<std::int64_t>(server_->sessions());
  out["keepers"] = static_cast<std::int64_t>(engine_->keepers());
  const auto& pressure = dispatcher_->pressure(clock_->now());
  out["pressure"] = pressure ? json::value(*pressure) : json::value(nullptr);
  out["damaged_records"] = engine_->damaged_records();
  return out;
}

void open_log(const DaemonOptions& options) {
  std::shared_ptr<spdlog::logger> logger;
  try {
    if (options.log_to_stderr)
      logger = spdlog::stderr_logger_st("reeve");
    else
      logger = spdlog::rotating_logger_st("reeve", options.paths.log(), log_file_bytes, log_files);
  } catch (const spdlog::spdlog_ex&) {
    logger = spdlog::stderr_logger_st("reeve");
  }
  spdlog::set_default_logger(logger);
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e%z level=%l %v");
  spdlog::flush_on(spdlog::level::info);
}

void tell_ready(const DaemonOptions& options, const Result<void>& opened) {
  if (opened) systemd::notify_ready();
  if (!options.ready_fd) {
    if (!opened) fmt::print(stderr, "reeve: {}\n", opened.error().message);
    return;
  }
  const std::string line =
      opened ? "ready\n"
             : fmt::format("{}: {}\n", to_word(opened.error().code), opened.error().message);
  (void)!::write(*options.ready_fd, line.data(), line.size());
  ::close(*options.ready_fd);
}

}  // namespace

int run_daemon(DaemonOptions options) {
  if (options.ready_fd) {
    const Fd low(*options.ready_fd);
    options.ready_fd = ::fcntl(low.get(), F_DUPFD_CLOEXEC, 10);
  }
  occupy_low_descriptors();
  raise_descriptor_limit();
  ::umask(022);  // the state directory is private as a whole; results are as open as usual
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  // What our starter ignores (nohup) the jobs should not; SIGPIPE is set back for keepers.
  for (int number = 1; number < 32; ++number) std::signal(number, SIG_DFL);
  std::signal(SIGPIPE, SIG_IGN);
  // What libraries throw when there are no descriptors or threads to be had.
  std::unique_ptr<Daemon> daemon;
  Result<void> opened;
  try {
    daemon = std::make_unique<Daemon>(options);
    open_log(options);
    opened = daemon->open();
  } catch (const std::exception& error) {
    opened = failed(ErrorCode::io, fmt::format("the daemon can't start: {}", error.what()));
  }
  if (!opened) daemon.reset();  // whoever hears of it may try again at once
  tell_ready(options, opened);
  if (!opened) return opened.error().code == ErrorCode::busy ? 75 : 1;
  daemon->run();
  return 0;
}

}  // namespace reeve
