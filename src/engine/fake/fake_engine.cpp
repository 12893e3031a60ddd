#include "engine/fake/fake_engine.h"

#include <algorithm>
#include <csignal>

#include "base/text.h"

namespace reeve {

FakeEngine::Script FakeEngine::parse(const std::vector<std::string>& command) {
  Script script;
  for (const std::string& word : command) {
    const auto equals = word.find('=');
    const std::string key = word.substr(0, equals);
    const std::int64_t value =
        equals == std::string::npos ? 1 : parse_integer(word.substr(equals + 1)).value_or(0);
    if (key == "run") script.run = value;
    if (key == "spawn") script.spawn = value;
    if (key == "keeper_dies") script.keeper_dies = value;
    if (key == "leftovers") script.leftovers = value;
    if (key == "exit") script.exit = static_cast<int>(value);
    if (key == "signal") script.signal = static_cast<int>(value);
    if (key == "ignore_term") script.ignore_term = true;
    if (key == "launch_error") script.launch_error = true;
    if (key == "results") script.results = true;
  }
  return script;
}

std::expected<fact::Launched, OsError> FakeEngine::start(const StartOrder& order) {
  for (const std::string& word : order.spec.command)
    if (word.starts_with("spawn_error=") &&
        ++spawn_errors_[{order.key.job, order.key.attempt, 0}] <=
            parse_integer(word.substr(12)).value_or(0)) {
      ++starts_failed_;
      return os_failed("start a keeper", EAGAIN);
    }
  Run run;
  run.script = parse(order.spec.command);
  run.permit_at = now_ + Duration(run.script.spawn);
  run.cpus = order.placement.cpus;
  boot_of_[order.key] = boot_;
  runs_[order.key] = run;
  return fact::Launched{"fake", "", "", "log", "", ""};
}

void FakeEngine::record(const AttemptKey& key, Fact fact) {
  journal_.push_back({key, std::move(fact)});
}

void FakeEngine::begin(const AttemptKey& key, Run& run) {
  Permit& permit = permits_[key];
  if (permit != Permit::free) {
    run.keeper_alive = false;  // voided: it goes without a word
    return;
  }
  permit = Permit::taken;
  if (run.script.launch_error) {
    end(key, run, {ExitKind::launch_error, ENOENT, false, LaunchStep::exec, false});
    return;
  }
  ++started_[key];
  run.job_alive = true;
  run.ends_at = now_ + Duration(run.script.run);
  if (run.script.keeper_dies >= 0) run.dies_at = now_ + Duration(run.script.keeper_dies);
  record(key, fact::Started{4711, now_, UtcTime{now_.ms}});
  if (run.stopped) {
    run.stopped = false;
    stop(key, Duration(0));
  }
}

void FakeEngine::end(const AttemptKey& key, Run& run, ExitStatus exit) {
  exit.stopped = run.stopped;
  run.job_alive = false;
  run.keeper_alive = false;
  run.exited = true;
  record(key, fact::Exited{exit, now_, UtcTime{now_.ms}});
  record(key,
         fact::Ended{
             {}, {}, static_cast<std::int32_t>(run.script.leftovers), run.script.results, false});
}

std::optional<Time> FakeEngine::next_of(const Run& run) const {
  if (!run.keeper_alive) return std::nullopt;
  if (!run.ends_at) return run.permit_at;
  std::optional<Time> next;
  if (!run.frozen) next = run.ends_at;
  for (const auto& other : {run.dies_at, run.killed_at})
    if (other && (!next || *other < *next)) next = other;
  return next;
}

void FakeEngine::happen(const AttemptKey& key, Run& run) {
  if (!run.ends_at) {
    begin(key, run);
  } else if (run.dies_at && *run.dies_at <= now_) {
    // The job outlives its keeper until somebody sweeps; the daemon hears of it at once.
    run.keeper_alive = false;
    gone_.push_back({key, fact::KeeperGone{fact::KeeperGone::Finding::swept}});
  } else if (run.killed_at && *run.killed_at <= now_) {
    end(key, run, {ExitKind::signalled, SIGKILL, false, LaunchStep::none, true});
  } else if (run.script.signal != 0) {
    end(key, run, {ExitKind::signalled, run.script.signal, false, LaunchStep::none, false});
  } else {
    end(key, run, {ExitKind::exited, run.script.exit, false, LaunchStep::none, false});
  }
}

std::optional<Time> FakeEngine::next_event() const {
  std::optional<Time> next;
  for (const auto& [key, run] : runs_)
    if (const auto own = next_of(run); own && (!next || *own < *next)) next = own;
  return next;
}

void FakeEngine::run_until(Time now) {
  while (const auto next = next_event()) {
    if (*next > now) break;
    now_ = std::max(now_, *next);
    for (auto& [key, run] : runs_) {
      const auto own = next_of(run);
      if (!own || *own > now_) continue;
      happen(key, run);
      break;
    }
  }
  now_ = std::max(now_, now);
}

void FakeEngine::stop(const AttemptKey& key, Duration grace) {
  const auto found = runs_.find(key);
  if (found == runs_.end() || !found->second.keeper_alive) return;
  Run& run = found->second;
  run.stopped = true;
  if (run.frozen) {  // it must wake to act on it
    run.ends_at = now_ + *run.frozen;
    run.frozen.reset();
    run.woken_to_end = true;
  }
  if (!run.job_alive) return;  // the keeper acts on it once the job is born
  if (!run.script.ignore_term) run.ends_at = now_;
  const Time killed = now_ + grace;
  run.killed_at = run.killed_at ? std::min(*run.killed_at, killed) : killed;
}

void FakeEngine::freeze(const AttemptKey& key, bool wanted) {
  const auto found = runs_.find(key);
  if (found == runs_.end() || !found->second.keeper_alive || !found->second.job_alive ||
      found->second.stopped)
    return;
  Run& run = found->second;
  if (wanted && !run.frozen) {
    run.frozen = *run.ends_at - now_;
  } else if (!wanted && run.frozen) {
    run.ends_at = now_ + *run.frozen;
    run.frozen.reset();
  }
  record(key, fact::Paused{wanted, now_});
}

void FakeEngine::bind(const AttemptKey& key, const std::vector<int>& cpus) {
  if (const auto found = runs_.find(key); found != runs_.end()) found->second.cpus = cpus;
}

Result<void> FakeEngine::signal(const AttemptKey&, int) {
  return {};
}

std::vector<Observed> FakeEngine::observe() {
  std::vector<Observed> facts(journal_.begin() + static_cast<std::ptrdiff_t>(read_),
                              journal_.end());
  read_ = journal_.size();
  for (Observed& observed : gone_) {
    runs_[observed.key].job_alive = false;
    facts.push_back(std::move(observed));
  }
  gone_.clear();
  return facts;
}

std::string FakeEngine::cursor() const {
  return std::to_string(read_);
}

Result<void> FakeEngine::restore(const std::string& cursor) {
  read_ = static_cast<std::size_t>(parse_integer(cursor).value_or(0));
  gone_.clear();
  return {};
}

fact::Launched FakeEngine::describe(const Job&) {
  return {"fake", "", "", "log", "", ""};
}

Recovery FakeEngine::recover(const Job& job) {
  const AttemptKey key = job.key();
  const auto boot = boot_of_.find(key);
  if (boot != boot_of_.end() && boot->second != boot_) return Recovery::rebooted;
  Permit& permit = permits_[key];
  if (permit == Permit::free) permit = Permit::voided;
  if (permit == Permit::voided) return Recovery::never_started;
  const auto found = runs_.find(key);
  if (!found->second.keeper_alive)
    gone_.push_back({key, fact::KeeperGone{fact::KeeperGone::Finding::swept}});
  return Recovery::watched;
}

void FakeEngine::forget(const AttemptKey& key) {
  runs_.erase(key);
}

void FakeEngine::reboot() {
  runs_.clear();
  gone_.clear();
  ++boot_;
  booted_ = now_;
}

std::size_t FakeEngine::commands_alive(JobId job) const {
  return static_cast<std::size_t>(std::ranges::count_if(
      runs_, [&](const auto& item) { return item.first.job == job && item.second.job_alive; }));
}

bool FakeEngine::is_using_cpus(JobId job) const {
  return std::ranges::any_of(runs_, [&](const auto& item) {
    const Run& run = item.second;
    return item.first.job == job && run.job_alive && !run.frozen && !run.woken_to_end;
  });
}

std::vector<int> FakeEngine::cpus_of(JobId job) const {
  for (const auto& [key, run] : runs_)
    if (key.job == job && run.job_alive) return run.cpus;
  return {};
}

std::size_t FakeEngine::commands_alive() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(runs_, [](const auto& item) { return item.second.job_alive; }));
}

}  // namespace reeve
