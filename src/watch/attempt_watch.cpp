#include "watch/attempt_watch.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <utility>

#include "contain/process.h"
#include "core/limits.h"
#include "watch/snapshot.h"

namespace reeve {
namespace {

// When a file was last changed, in nanoseconds; nothing when there is none.
std::optional<std::int64_t> changed_at(const std::string& path) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return std::nullopt;
  return info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec;
}

std::optional<std::string> read_bounded(const std::string& path, std::size_t bytes_max) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat info{};
  if (!file || ::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) return std::nullopt;
  std::string text(bytes_max + 1, '\0');
  const ssize_t got = ::pread(file.get(), text.data(), text.size(), 0);
  text.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  return text;
}

void write_file(const std::string& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

}  // namespace

AttemptWatch::AttemptWatch(const Job& job, std::string said, Duration active, Duration now,
                           watch::KeptFiles& files)
    : key_(job.key()),
      address_(job.attempt.placement.notify),
      log_path_(job.attempt.log),
      said_(std::move(said)),
      cgroup_(job.attempt.placement.cgroup),
      files_(files),
      log_(job.attempt.log, job.spec.log, job.attempt.evidence.found_to),
      active_(active),
      since_(now),
      stall_(job.spec.stall),
      life_(job.spec.stall, active),
      reported_at_(active) {
  // Of one that has just started everything counts; of another what it does from now on.
  if (active == Duration(0)) life_.observe({}, active);
  const Evidence& known = job.attempt.evidence;
  if (known.needs_beats) life_.require_beats();
  if (known.declared == Declared::failure) failure_ = known.declared_reason;
  results_ = known.metrics;
  follow(job, now);
}

Duration AttemptWatch::active(Duration now) const {
  return runs_ ? active_ + (now - since_) : active_;
}

AttemptWatch::Left AttemptWatch::read_log(Duration now, std::vector<Observed>& seen) {
  std::vector<Finding> found;
  const std::int64_t before = log_.offset();
  const bool is_more = log_.advance(limits::log_round_bytes, found);
  const bool is_whole = is_ended_ && !is_more;
  if (log_.offset() != before) {
    grown_at_ = now;
    observe_life(now);
  }
  if (is_whole)
    log_.finish(found);
  else if (now - grown_at_ >= limits::log_settle_after)
    log_.settle(found);
  for (Finding& finding : found) seen.push_back({key_, fact::Found{std::move(finding)}});
  read_progress(now);
  if (is_whole) seen.push_back({key_, last_words()});
  if (is_more) return Left::more;
  return !is_whole && log_.is_open() ? Left::open : Left::nothing;
}

void AttemptWatch::read_progress(Duration now) {
  const auto bytes = static_cast<std::int64_t>(log_.tail().size());
  progress_.read_output(log_.tail(), log_.offset() - bytes);
  if (progress_.shown()) eta_.observe(*progress_.shown(), active(now));
}

void AttemptWatch::hear(const NotifyMessage& message, Duration now, std::vector<Observed>& seen) {
  const bool needed_beats = life_.needs_beats();
  const Duration at = active(now);
  if (message.watchdog) life_.set_watchdog(*message.watchdog, at);
  if (message.is_beat) life_.beat(at);
  if (message.is_trigger) life_.trigger();
  if (message.progress || message.status) life_.tell(at);
  if (message.progress) progress_.tell(*message.progress);
  if (message.fail) failure_ = *message.fail;
  for (const auto& [name, value] : message.results)
    if (results_.contains(name) || results_.size() < limits::metrics_max) results_[name] = value;
  if (progress_.shown()) eta_.observe(*progress_.shown(), at);
  if (message.is_trigger) next_look_ = now;
  const bool has_first_beat = life_.needs_beats() && !needed_beats;
  if (message.fail || !message.results.empty() || has_first_beat)
    seen.push_back({key_, fact::Told{message.fail,
                                     {message.results.begin(), message.results.end()},
                                     has_first_beat}});
  if (!message.not_understood.empty()) refuse(message.not_understood, seen);
}

void AttemptWatch::refuse(const std::string& why, std::vector<Observed>& seen) {
  if (std::exchange(is_trouble_told_, true)) return;
  seen.push_back({key_, fact::Noted{"not_understood", why}});
}

void AttemptWatch::follow(const Job& job, Duration now) {
  active_ = active(now);
  since_ = now;
  runs_ = job.state == JobState::running;
  if (!sampler_ && job.attempt.main_pid > 0) open_sampler(job);
  plan_look(now, Duration(limits::watch_look_ms));
}

void AttemptWatch::open_sampler(const Job& job) {
  if (files_.left() <= 0) return;  // descriptors are scarce
  const auto colon = cgroup_.find(':');
  Fd directory;
  if (colon != std::string::npos)
    directory.reset(::open(cgroup_.c_str() + colon + 1, O_PATH | O_DIRECTORY | O_CLOEXEC));
  const auto stat = read_stat(static_cast<pid_t>(job.attempt.main_pid));
  sampler_.emplace(std::move(directory), stat ? stat->parent : 0, files_);
}

void AttemptWatch::look(Duration now, std::vector<Observed>& seen) {
  const Duration at = active(now);
  if (runs_) sample(now);
  life_.observe_heartbeat_file(changed_at(said_ + ".beat"), at);
  read_status_file(now);
  if (runs_) look_for_stall(now, seen);
  if (runs_ && at - reported_at_ >= limits::report_interval) report(now, seen);
  const Duration wait =
      totals_ ? watch::sample_wait(at, *totals_, sampler_->source()) : Duration(1000);
  plan_look(now, wait);
}

void AttemptWatch::plan_look(Duration now, Duration wait) {
  next_look_ = now + wait;
  // A short time without life needs a close look.
  if (stall_ > Duration(0))
    next_look_ = std::min(next_look_, now + std::clamp(stall_ / 8, Duration(50), wait));
}

void AttemptWatch::sample(Duration now) {
  const auto totals = sampler_ ? sampler_->sample() : std::nullopt;
  if (!totals) return;
  const Duration at = active(now);
  used_ = *totals;
  observe_life(now);
  if (totals_ && at - totals_at_ < Duration(limits::watch_look_ms)) return;
  if (totals_) {
    use_ = usage_between(*totals_, *totals, at - totals_at_);
    series_.add(totals_at_, at, *use_);
  }
  totals_ = totals;
  totals_at_ = at;
}

void AttemptWatch::observe_life(Duration now) {
  life_.observe({log_.offset(), used_.cpu_us, used_.read_bytes + used_.written_bytes}, active(now));
}

void AttemptWatch::read_status_file(Duration now) {
  const std::string path = said_ + ".status";
  const auto changed = changed_at(path);
  if (!changed || *changed == status_changed_) return;
  status_changed_ = *changed;
  const auto text = read_bounded(path, limits::status_file_bytes_max);
  if (!text) return;
  auto status = parse_status_file(*text);
  status_trouble_ = status ? "" : status.error().message;
  if (!status) return;
  status_ = std::move(*status);
  life_.tell(active(now));
  if (status_.progress) progress_.tell(*status_.progress);
  if (progress_.shown()) eta_.observe(*progress_.shown(), active(now));
}

void AttemptWatch::look_for_stall(Duration now, std::vector<Observed>& seen) {
  const Duration at = active(now);
  if (!life_.is_hung(at)) {
    is_stalled_ = false;
    return;
  }
  if (std::exchange(is_stalled_, true)) return;
  if (sampler_) write_file(log_path_ + ".hung", watch::take_snapshot(sampler_->processes()));
  seen.push_back({key_, fact::Stalled{life_.describe(at)}});
}

void AttemptWatch::report(Duration now, std::vector<Observed>& seen) {
  reported_at_ = active(now);
  if (progress_.shown())
    seen.push_back({key_, fact::Noted{"progress", progress_line(*progress_.shown(),
                                                                eta_.estimate(active(now)))}});
  if (use_) seen.push_back({key_, fact::Noted{"resources", resource_line(*use_, std::nullopt)}});
  save_series();
}

void AttemptWatch::end(Duration now) {
  active_ = active(now);
  runs_ = false;
  is_ended_ = true;
  read_status_file(now);
}

void AttemptWatch::save_series() const {
  if (!series_.points().empty()) write_file(log_path_ + ".use", series_.encode());
}

fact::Examined AttemptWatch::last_words() const {
  fact::Examined examined;
  if (status_.outcome)
    examined.declared =
        *status_.outcome == StatedOutcome::failed ? Declared::failure : Declared::success;
  examined.reason = status_.reason;
  if (failure_) {
    examined.declared = Declared::failure;
    examined.reason = *failure_;
  }
  examined.metrics = results_;
  for (const auto& [name, value] : status_.metrics)
    if (examined.metrics.size() < limits::metrics_max) examined.metrics[name] = to_text(value);
  if (!status_trouble_.empty())
    examined.trouble = "its status file was not understood: " + status_trouble_;
  return examined;
}

Live AttemptWatch::live(Duration now) const {
  const Duration at = active(now);
  Live live;
  live.progress = progress_.shown();
  live.eta = eta_.estimate(at);
  live.use = use_;
  live.active = at;
  live.silent = life_.silent_for(at);
  live.needs_beats = life_.needs_beats();
  return live;
}

}  // namespace reeve
