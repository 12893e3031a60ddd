// LocalEngine, second half: keepers that are gone, and those of an earlier daemon.

#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <utility>

#include "contain/containment.h"
#include "contain/exit_status.h"
#include "contain/marked.h"
#include "contain/process.h"
#include "core/limits.h"
#include "engine/local/local_engine.h"
#include "engine/local/record_facts.h"

namespace reeve {
namespace {

// Milliseconds for a keeper between locking its slot and writing there.
constexpr int adopt_rounds_max = 200;

// Also true for a zombie that its parent has not reaped yet.
bool has_exited(int pidfd) {
  pollfd wanted{pidfd, POLLIN, 0};
  return ::poll(&wanted, 1, 0) == 1;
}

}  // namespace

Result<void> LocalEngine::restore(const std::string& cursor) {
  told_again_.clear();
  for (const auto& [key, run] : runs_)
    for (const Fact& fact : run.unjournaled) told_again_.push_back({key, fact});
  return journal_.restore(cursor);
}

// A fact that no journal tells: should the batch that takes it fail, it is told again.
void LocalEngine::tell(const AttemptKey& key, Run& run, Fact fact, std::vector<Observed>& out) {
  run.unjournaled.push_back(fact);
  out.push_back({key, std::move(fact)});
}

// Before anything is killed: what has ended by itself keeps its own result, also when several
// keepers have died together.
void LocalEngine::note_own_ends(std::vector<Observed>& out) {
  reap();
  for (const AttemptKey& key : gone_) {
    const auto found = runs_.find(key);
    if (found == runs_.end() || found->second.end_seen || found->second.sweeping_since.ms >= 0)
      continue;
    Run& run = found->second;
    if (run.main == 0 && !run.exit_seen && close_start(key) == Verdict::voided) {
      run.end_seen = true;
      tell(key, run, fact::LaunchFailed{LaunchStep::keeper, ENOEXEC}, out);
      continue;
    }
    run.sweeping_since = queue_time(boottime_ms());
    if (!run.reaped_status && run.main_pidfd)
      run.reaped_status = exit_status_of(run.main_pidfd.get());
    if (!run.reaped_status || run.exit_seen) continue;
    run.exit_seen = true;
    tell(key, run,
         fact::Exited{to_exit_status(*run.reaped_status, run.stop_asked), queue_time(boottime_ms()),
                      utc_now()},
         out);
  }
}

// A keeper that is gone has written its END, or was killed. Then the rest of its attempt is ended
// here, and told only when nothing of it lives.
void LocalEngine::look_after_dead_keepers(std::vector<Observed>& out) {
  if (!gone_.empty()) note_own_ends(out);
  for (auto item = gone_.begin(); item != gone_.end();) {
    const AttemptKey key = *item;
    const auto found = runs_.find(key);
    if (found != runs_.end() && !found->second.end_seen) {
      Run& run = found->second;
      if (run.sweeping_since.ms < 0 || !sweep(key, run)) {
        ++item;
        continue;
      }
      run.end_seen = true;
      tell(key, run, fact::KeeperGone{fact::KeeperGone::Finding::swept}, out);
    }
    item = gone_.erase(item);
  }
}

// What is decided about a start, of which no keeper lives any more: if nothing was, that its
// command never runs. Nothing when somebody holds it.
std::optional<Verdict> LocalEngine::close_start(const AttemptKey& key) {
  Permit permit(permits_.get(), key.start);
  if (!permit.lock()) return std::nullopt;
  const auto verdict = permit.decide(Verdict::voided);
  permit.unlock();
  // A table that can't be read proves nothing: then the command may have run.
  return verdict ? *verdict : Verdict::taken;
}

// One round; true when nothing of the attempt lives any more.
bool LocalEngine::sweep(const AttemptKey& key, Run& run) {
  bool is_empty = true;
  if (!run.cgroup.empty()) {
    const Fd cgroup = pool_->open(run.cgroup);
    Containment containment(cgroup.get(), false);
    containment.kill_round();
    run.spent = true;
    is_empty = containment.is_empty();
  }
  if (!kill_strays()) is_empty = false;
  if (kill_marked(mark_of(key)) > 0) is_empty = false;
  return is_empty;
}

// Our children that are no keepers were left by killed keepers. True when there are none.
bool LocalEngine::kill_strays() {
  std::vector<pid_t> strays;
  for (const pid_t child : children_of(getpid()))
    if (!is_tracked_child(child)) strays.push_back(child);
  // Some may be of a keeper that has died just now; it is there to be reaped, since they come to us
  // in the same moment. How that attempt ended is to be looked at first.
  reap();
  for (const AttemptKey& key : gone_)
    if (const auto run = runs_.find(key);
        run != runs_.end() && !run->second.end_seen && run->second.sweeping_since.ms < 0)
      return false;
  for (const pid_t stray : strays) kill(stray, SIGKILL);
  reap();
  return strays.empty();
}

bool LocalEngine::is_keeper_gone(const AttemptKey& key, const Run& run) const {
  if (run.keeper_pidfd) return has_exited(run.keeper_pidfd.get());
  return Permit(permits_.get(), key.start).holder() != run.keeper;
}

// Finds the living keeper of a start whose permit somebody holds. False: the permit is free now.
bool LocalEngine::adopt(const Job& job, Run& run) {
  const Permit permit(permits_.get(), job.attempt.start);
  int rounds = 0;
  while (const pid_t keeper = permit.holder()) {
    // Asked before and after the pidfd was opened: the lock can't have changed hands, so the pidfd
    // stands for its holder.
    Fd pidfd(open_pidfd(keeper));
    const bool is_there = pidfd || errno != ESRCH;  // there may be no descriptor to be had
    if (!is_there || permit.holder() != keeper) continue;
    // The slot may be held for another start, whose number is a multiple of its size away; one of
    // ours would have been named there by now.
    if (!permit.is_named() && ++rounds < adopt_rounds_max) {
      ::poll(nullptr, 0, 1);
      continue;
    }
    if (!permit.is_named()) return false;
    run.keeper = keeper;
    run.keeper_pidfd = std::move(pidfd);
    run.main = static_cast<pid_t>(job.attempt.main_pid);
    if (run.main != 0) find_cgroup(run);
    if (!run.keeper_pidfd || !watch_exit || !watch_exit(run.keeper_pidfd.get()))
      has_unwatched_ = true;
    return true;
  }
  return false;
}

// The cgroup of a run whose launch was not committed before its daemon died.
void LocalEngine::find_cgroup(Run& run) {
  if (!pool_ || !run.cgroup.empty()) return;
  if (auto name = pool_->adopt_home_of(run.main)) run.cgroup = std::move(*name);
}

// Cgroups that nobody claims once every adopted run knows its own: their keepers were killed before
// anybody wrote down which they had.
void LocalEngine::sweep_unclaimed() {
  if (!pool_ || !may_sweep_unclaimed_) return;
  for (const auto& [key, run] : runs_)
    if (!run.is_child && run.cgroup.empty() && !run.end_seen) return;
  may_sweep_unclaimed_ = false;
  for (const std::string& name : pool_->unclaimed()) {
    if (!pool_->adopt(name)) continue;
    const Fd cgroup = pool_->open(name);
    Containment containment(cgroup.get(), false);
    containment.kill_round();
    if (!containment.is_empty()) may_sweep_unclaimed_ = true;  // once more, next time
    pool_->release(name, true);
  }
}

Recovery LocalEngine::recover(const Job& job) {
  const AttemptKey key = job.key();
  if (runs_.contains(key)) return Recovery::watched;
  if (settings_.rebooted) return Recovery::rebooted;
  const auto verdict = close_start(key);
  if (verdict == Verdict::voided) return Recovery::never_started;
  Run run;
  run.is_child = false;
  run.generation = journal_.newest();
  if (const std::string& cgroup = job.attempt.placement.cgroup; pool_ && pool_->adopt(cgroup))
    run.cgroup = cgroup;
  if (!verdict && adopt(job, run)) {
    runs_[key] = std::move(run);
    return Recovery::watched;
  }
  run.keeper_gone = true;
  run.main = static_cast<pid_t>(job.attempt.main_pid);
  runs_[key] = std::move(run);
  gone_.insert(key);
  return Recovery::watched;  // the sweep is under way and will tell
}

}  // namespace reeve
