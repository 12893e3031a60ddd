// daemon start, stop, restart, status, run; install and uninstall are in install.cpp

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>

#include "base/text.h"
#include "cli/command.h"
#include "cli/daemon_start.h"
#include "cli/daemon_stop.h"
#include "cli/terminal.h"
#include "daemon/daemon.h"

namespace reeve::cli {
namespace {

struct RunCommand {
  bool background = false;
  int ready_fd = -1;
  bool is_delegated = false;
};

struct StopCommand {
  std::string jobs = "leave";
};

struct StatusCommand {
  bool as_json = false;
};

// Leaves the caller's session and everything that it had open; the daemon goes on in a child.
void go_to_background(int ready_fd) {
  if (::fork() != 0) ::_exit(0);
  ::setsid();
  if (::chdir("/") != 0) ::_exit(1);
  for (const auto& [from, to] : {std::pair{3, ready_fd - 1}, std::pair{ready_fd + 1, -1}})
    if (to < 0 || from <= to)
      ::syscall(SYS_close_range, static_cast<unsigned>(from), static_cast<unsigned>(to), 0);
}

void run_daemon_process(const RunCommand& options) {
  const auto paths = find_paths();
  if (!paths) return finish(fail(paths.error()));
  if (options.ready_fd >= 0)
    (void)!::write(options.ready_fd, begun_word, std::string_view(begun_word).size());
  if (options.background) go_to_background(std::max(options.ready_fd, 2));
  DaemonOptions daemon;
  daemon.paths = *paths;
  daemon.keeper_program = std::filesystem::path(own_program()).replace_filename("reeve-keeper");
  daemon.notify_program = std::filesystem::path(own_program()).replace_filename("reeve-notify");
  const char* no_cgroup = std::getenv("REEVE_NO_CGROUP");  // NOLINT(concurrency-mt-unsafe)
  daemon.use_cgroups = no_cgroup == nullptr || *no_cgroup == '\0';
  daemon.is_delegated = options.is_delegated;
  if (options.ready_fd >= 0) daemon.ready_fd = options.ready_fd;
  daemon.log_to_stderr = !options.background;
  finish(run_daemon(daemon));
}

void warn_of_logout(const DaemonPlace& found) {
  const auto warning = systemd::logout_warning(found.place, found.policy, user_name());
  if (!warning.empty()) say(warning);
}

void run_start() {
  const auto paths = find_paths();
  if (!paths) return finish(fail(paths.error()));
  if (Client::connect(*paths, IfDown::fail)) {
    const int pid = find_daemon(*paths).value_or(0);
    say(fmt::format("the daemon is running (pid {})", pid));
    return warn_of_logout(find_place(pid));
  }
  if (auto started = Client::connect(*paths, IfDown::start); !started)
    return finish(fail(started.error()));
  say(fmt::format("the daemon is running (pid {})", find_daemon(*paths).value_or(0)));
}

Result<std::int64_t> stop_daemon(const Paths& paths, bool cancel_jobs) {
  const auto pid = find_daemon(paths);
  auto client = Client::connect(paths, IfDown::fail);
  if (!client) return std::unexpected(client.error());
  const auto reply = client->call("stopDaemon", {{"cancel_jobs", cancel_jobs}});
  // A daemon of another version does not understand us, but every one stops at SIGTERM.
  if (!reply && reply.error().code == ErrorCode::invalid && pid && !cancel_jobs) {
    terminate_daemon(paths);
    return 0;
  }
  if (!reply) return std::unexpected(reply.error());
  if (pid) await_exit(*pid);
  return number_of(*reply, "running");
}

void run_stop(const StopCommand& options) {
  if (options.jobs != "leave" && options.jobs != "cancel")
    return finish(fail({ErrorCode::invalid, "--jobs: expected leave or cancel"}));
  const auto paths = find_paths();
  if (!paths) return finish(fail(paths.error()));
  const bool cancel_jobs = options.jobs == "cancel";
  const auto running = stop_daemon(*paths, cancel_jobs);
  if (!running) return finish(fail(running.error()));
  if (*running == 0)
    say("the daemon has stopped; no job was running");
  else if (cancel_jobs)
    say(fmt::format("the daemon has stopped; {} running job(s) were cancelled", *running));
  else
    say(
        fmt::format("the daemon has stopped; {} running job(s) go on, and their ends will be known "
                    "when it is started again (to end them: reeve daemon stop --jobs=cancel)",
                    *running));
}

void run_restart() {
  const auto paths = find_paths();
  if (!paths) return finish(fail(paths.error()));
  if (const auto service = find_service_of_root(*paths))
    return finish(
        fail({ErrorCode::forbidden,
              fmt::format("only root may start it again: sudo systemctl restart {}", *service)}));
  const auto running = stop_daemon(*paths, false);
  if (!running && running.error().code != ErrorCode::unreachable)
    return finish(fail(running.error()));
  run_start();
}

void print_status(const json::object& status, const DaemonPlace& found) {
  std::string jobs;
  for (const auto& [state, count] : status.at("jobs").as_object())
    jobs += fmt::format("{}{} {}", jobs.empty() ? "" : ", ", count.as_int64(), std::string(state));
  const json::object& capacity = status.at("capacity").as_object();
  const std::string note = text_of(status, "containment_note");
  std::string out = fmt::format(
      "The daemon is running (pid {}, version {}, since {}).\n"
      "state        {}\n"
      "jobs         {}\n"
      "capacity     {} CPUs, {} memory, {} GPUs\n"
      "containment  {}{}\n"
      "isolation    {}\n"
      "memory       limits are kept by {}\n"
      "placement    {}\n",
      number_of(status, "pid"), text_of(status, "version"), text_of(status, "started_at"),
      printable(text_of(status, "state_dir")), jobs.empty() ? "none yet" : jobs,
      number_of(capacity, "cpus"), size_text(number_of(capacity, "memory_bytes")),
      number_of(capacity, "gpus"), text_of(status, "containment"),
      note.empty() ? "" : " (weak: " + note + ")",
      flag_of(status, "isolation") ? "PID namespaces can be made"
                                   : "none: " + printable(text_of(status, "isolation_note")),
      text_of(status, "memory_limits_by") == "cgroup" ? "the kernel" : "looking at samples",
      printable(systemd::describe(found.place, found.policy)));
  if (const std::string degraded = text_of(status, "degraded"); !degraded.empty())
    out += fmt::format("DEGRADED     {}\n", printable(degraded));
  (void)print(out);
}

void run_status(const StatusCommand& options) {
  auto client = connect(IfDown::fail);
  if (!client) {
    if (options.as_json) (void)print(json_text(json::object{{"running", false}}));
    return finish(fail(client.error()));
  }
  auto reply = client->call("getStatus", {});
  if (!reply) return finish(fail(reply.error()));
  const DaemonPlace found = find_place(static_cast<int>(number_of(*reply, "pid")));
  if (options.as_json) {
    (*reply)["running"] = true;
    (*reply)["placement"] = systemd::to_word(found.place.kind);
    (*reply)["unit"] = found.place.unit;
    (*reply)["survives_logout"] =
        systemd::to_word(systemd::survives_logout(found.place, found.policy));
    (*reply)["lingering"] = systemd::to_word(found.policy.lingers);
    (void)print(json_text(*reply));
  } else {
    print_status(*reply, found);
  }
  warn_of_logout(found);
}

}  // namespace

void add_daemon_commands(CLI::App& app) {
  CLI::App* daemon = app.add_subcommand(
      "daemon", "the process that decides and remembers; it starts by itself on first use");
  daemon->require_subcommand(1);
  daemon->add_subcommand("start", "start it")->callback(run_start);

  const auto stop = std::make_shared<StopCommand>();
  CLI::App* stop_app = daemon->add_subcommand("stop", "stop it; jobs go on unless --jobs=cancel");
  stop_app->add_option("--jobs", stop->jobs, "leave (default) or cancel the running jobs")
      ->type_name("WHAT");
  stop_app->callback([stop] { run_stop(*stop); });
  daemon->add_subcommand("restart", "stop and start it; jobs go on")->callback(run_restart);

  const auto status = std::make_shared<StatusCommand>();
  CLI::App* status_app = daemon->add_subcommand("status", "is it running, and what has it got");
  status_app->add_flag("--json", status->as_json, "as a JSON object");
  status_app->callback([status] { run_status(*status); });

  const auto run = std::make_shared<RunCommand>();
  CLI::App* run_app =
      daemon->add_subcommand("run", "be the daemon, in the foreground, with the log on stderr");
  run_app->add_flag("--background", run->background, "leave the session; log to daemon.log");
  run_app->add_option("--ready-fd", run->ready_fd, "descriptor to tell on when it serves");
  run_app->add_flag("--delegated", run->is_delegated,
                    "the cgroup that it is started in is its own, as with Delegate=yes of systemd");
  run_app->callback([run] { run_daemon_process(*run); });
  add_install_commands(*daemon);
}

}  // namespace reeve::cli
