#include "daemon/cleaning.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace reeve {
namespace {

constexpr const char* policy_actor = "retention";

// Since its end; never negative, however the clocks stand.
Duration age_of(const JobFiles& files, Cleaning::Age by, const Now& now) {
  const Duration by_date(now.utc.ms - files.ended_at.ms);
  const Duration by_queue = now.time - files.ended;
  const Duration age = by == Cleaning::Age::by_date ? by_date : std::min(by_date, by_queue);
  return std::max(age, Duration(0));
}

}  // namespace

Cleaning::Cleaning(Store& store, Dispatcher& dispatcher, Cleaner& cleaner, RetentionPolicy policy,
                   std::string results_root)
    : store_(store),
      dispatcher_(dispatcher),
      cleaner_(cleaner),
      policy_(policy),
      results_root_(std::move(results_root)) {}

Result<void> Cleaning::load(const Now& now) {
  const auto ids = store_.being_removed();
  if (!ids) return std::unexpected(ids.error());
  if (!ids->empty()) {
    Removing removing;
    removing.actor = policy_actor;
    removing.is_repeated = true;
    for (const JobId id : *ids) removing.left.push_back({id, "", {}, {}, 0, RemovalCause::age});
    tasks_.emplace_back(std::move(removing));
  }
  if (policy_.is_set()) policy_at_ = now.time;
  return {};
}

void Cleaning::plan(const RetentionPolicy& policy, Age age, const Now& now, PlanDone then) {
  if (tasks_.size() >= limits::cleaning_tasks_max)
    return then(failed(ErrorCode::busy, "too much is being looked at already; try again"));
  Planning planning;
  planning.policy = policy;
  planning.age = age;
  planning.now = now;
  planning.then = std::move(then);
  planning.roots.insert(results_root_);
  tasks_.emplace_back(std::move(planning));
}

void Cleaning::remove(std::vector<Removal> removals, std::string actor, RemovalDone then) {
  if (tasks_.size() >= limits::cleaning_tasks_max)
    return then(failed(ErrorCode::busy, "too much is being removed already; try again"));
  Removing removing;
  removing.left.assign(removals.begin(), removals.end());
  removing.actor = std::move(actor);
  removing.then = std::move(then);
  tasks_.emplace_back(std::move(removing));
}

void Cleaning::advance(const Now& now) {
  for (Cleaner::Outcome& outcome : cleaner_.collect()) {
    is_waiting_ = false;
    Task& task = tasks_.front();
    if (auto* measured = std::get_if<Cleaner::Measured>(&outcome)) {
      take_page(std::get<Planning>(task), *measured);
    } else if (auto* found = std::get_if<Cleaner::Found>(&outcome)) {
      std::get<Planning>(task).plan.unknown = std::move(found->unknown);
      finish_plan(std::get<Planning>(task));
    } else {
      take_batch(std::get<Removing>(task), std::get<Cleaner::Cleaned>(outcome), now);
    }
  }
  if (policy_at_ && *policy_at_ <= now.time) carry_out_policy(now);
  proceed(now);
}

void Cleaning::proceed(const Now& now) {
  if (is_waiting_ || tasks_.empty()) return;
  Task& task = tasks_.front();
  if (auto* planning = std::get_if<Planning>(&task))
    list_page(*planning);
  else
    begin_batch(std::get<Removing>(task), now);
}

std::optional<Time> Cleaning::next_wakeup() const {
  if (!is_waiting_ && !tasks_.empty()) return Time{0};
  return policy_at_;
}

// --- what goes ---

void Cleaning::list_page(Planning& planning) {
  const bool is_by_hand = planning.age == Age::by_date;
  const bool is_capped = planning.items.size() >= limits::cleaning_jobs_max;
  if (!is_capped) {
    auto page = store_.job_files({planning.after, planning.policy.record_age.has_value(),
                                  is_by_hand, limits::cleaning_jobs_at_once});
    if (!page) return finish(std::unexpected(page.error()));
    planning.page = std::move(*page);
  }
  is_waiting_ = true;
  if (!is_capped && !planning.page.empty()) {
    planning.after = planning.page.back().id;
    return cleaner_.measure(planning.page);
  }
  if (is_by_hand)
    return cleaner_.find_unknown({planning.roots.begin(), planning.roots.end()}, planning.known);
  is_waiting_ = false;
  finish_plan(planning);
}

void Cleaning::take_page(Planning& planning, Cleaner::Measured& measured) {
  for (std::size_t i = 0; i < measured.items.size(); ++i) {
    const JobFiles& files = planning.page[i];
    for (const std::string& path : files.directories)
      if (const auto place = place_in_root(path)) {
        planning.known.insert(path);
        planning.roots.insert(place->root);
      }
    if (!files.has_ended) continue;
    RetentionItem& item = measured.items[i];
    item.age = age_of(files, planning.age, planning.now);
    planning.plan.bytes_total += item.results_bytes + item.log_bytes;
    ++planning.plan.jobs;
    planning.items.push_back(std::move(item));
  }
}

void Cleaning::finish_plan(Planning& planning) {
  planning.plan.items = choose_removals(std::move(planning.items), planning.policy);
  finish();
}

void Cleaning::carry_out_policy(const Now& now) {
  policy_at_ = now.time + limits::cleaning_interval;
  plan(policy_, Age::by_both, now, [this](Result<CleaningPlan> plan) {
    if (!plan || plan->items.empty()) return;
    std::int64_t bytes = 0;
    for (const Removal& removal : plan->items) bytes += removal.bytes;
    spdlog::info("retention=begins jobs={} bytes={}", plan->items.size(), bytes);
    remove(std::move(plan->items), policy_actor, [](const Result<CleaningReport>& report) {
      if (!report) return;
      for (const CleaningReport::Item& item : report->items)
        if (!item.left.empty())
          spdlog::warn("retention=left job={} left=\"{}\"", item.id.value, printable(item.left));
    });
  });
}

// --- removing it ---

void Cleaning::begin_batch(Removing& removing, const Now& now) {
  if (removing.left.empty()) return finish();
  std::vector<JobId> begun;
  for (std::int64_t i = 0; i < limits::cleaning_jobs_at_once && !removing.left.empty(); ++i) {
    const Removal removal = removing.left.front();
    removing.left.pop_front();
    const bool has_files = removing.is_repeated || removal.parts.results || removal.parts.logs;
    Result<void> said;
    if (!has_files)
      said = dispatcher_.remove(removal.id);
    else if (!removing.is_repeated)
      said = dispatcher_.change(
          removal.id, fact::Remarked{removing.actor, remark::Removing{removal.parts}}, now);
    if (said && has_files)
      begun.push_back(removal.id);
    else
      removing.report.items.push_back({removal.id, 0, "", said ? "" : said.error().message});
  }
  is_waiting_ = true;
  dispatcher_.when_committed([this, begun](const Result<void>& committed) {
    is_waiting_ = false;
    if (!committed) return finish(committed);
    auto& task = std::get<Removing>(tasks_.front());
    task.orders.clear();
    for (const JobId id : begun)
      if (auto files = store_.files_of(id); files && *files)
        task.orders.push_back({**files, (*files)->removing});
    send_batch(task);
  });
}

void Cleaning::send_batch(Removing& removing) {
  if (removing.orders.empty()) return;
  is_waiting_ = true;
  cleaner_.remove(removing.orders);
}

void Cleaning::take_batch(Removing& removing, const Cleaner::Cleaned& cleaned, const Now& now) {
  std::vector<JobId> to_forget;
  for (std::size_t i = 0; i < cleaned.removals.size(); ++i) {
    const FilesRemoval& removal = cleaned.removals[i];
    const JobId id = removing.orders[i].files.id;
    JobParts parts = removing.orders[i].parts;
    if (parts.record && removal.left.empty()) to_forget.push_back(id);
    // What could not be removed is tried again another time.
    if (!removal.left.empty()) parts = {};
    parts.record = false;
    // Refused where a user has forgotten the job meanwhile.
    (void)dispatcher_.change(
        id, fact::Remarked{removing.actor, remark::Removed{parts, removal.bytes, removal.left}},
        now);
    removing.report.items.push_back({id, removal.bytes, removal.left, ""});
  }
  is_waiting_ = true;
  dispatcher_.when_committed([this, to_forget](const Result<void>& committed) {
    is_waiting_ = false;
    if (!committed) return finish(committed);
    if (!to_forget.empty()) forget_records(std::get<Removing>(tasks_.front()), to_forget);
  });
}

void Cleaning::forget_records(Removing& removing, const std::vector<JobId>& ids) {
  for (const JobId id : ids)
    if (auto removed = dispatcher_.remove(id); !removed)
      removing.report.items.push_back({id, 0, "", removed.error().message});
  is_waiting_ = true;
  dispatcher_.when_committed([this](const Result<void>& committed) {
    is_waiting_ = false;
    if (!committed) finish(committed);
  });
}

void Cleaning::finish(const Result<void>& result) {
  Task task = std::move(tasks_.front());
  tasks_.pop_front();
  if (auto* planning = std::get_if<Planning>(&task)) {
    if (result)
      planning->then(std::move(planning->plan));
    else
      planning->then(std::unexpected(result.error()));
    return;
  }
  auto& removing = std::get<Removing>(task);
  if (!removing.then) return;
  if (result)
    removing.then(std::move(removing.report));
  else
    removing.then(std::unexpected(result.error()));
}

}  // namespace reeve
