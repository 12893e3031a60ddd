#include "core/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <queue>

#include "base/check.h"

namespace reeve {

int effective_priority(Priority priority, Time queued_at, Time now) {
  const auto steps = std::max<std::int64_t>(0, (now - queued_at) / limits::ageing_step);
  return static_cast<int>(std::min<std::int64_t>(3, static_cast<int>(priority) + steps));
}

void WaitingJobs::add(JobId id, const Demand& demand, Priority priority, Time queued_at) {
  const auto lines = lines_.try_emplace(demand).first;
  const bool added = entries_.emplace(id, Entry{lines, priority, queued_at}).second;
  check(added, "a job waits once");
  lines->second[static_cast<std::size_t>(priority)].insert({id, queued_at});
}

void WaitingJobs::remove(JobId id) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  const auto lines = found->second.demand;
  lines->second[static_cast<std::size_t>(found->second.priority)].erase(
      {id, found->second.queued_at});
  entries_.erase(found);
  if (std::ranges::all_of(lines->second, &Line::empty)) lines_.erase(lines);
}

std::optional<JobId> WaitingJobs::first_with_lock(const std::string& lock) const {
  std::optional<JobId> first;
  for (const auto& [demand, lines] : lines_) {
    if (demand.lock != lock) continue;
    for (const Line& line : lines)
      if (!line.empty() && (!first || line.begin()->id < *first)) first = line.begin()->id;
  }
  return first;
}

WaitingJobs::Choice WaitingJobs::choose(const Resources& resources, Time now, std::size_t start_max,
                                        std::size_t ahead_max) const {
  struct Head {
    int priority;
    Time queued_at;
    JobId id;
    const Demand* demand;
    const Line* line;
    Line::const_iterator at;
    bool operator<(const Head& other) const {  // the greatest comes first
      if (priority != other.priority) return priority < other.priority;
      return queued_at != other.queued_at ? queued_at > other.queued_at : id > other.id;
    }
  };
  std::priority_queue<Head> heads;
  const auto push = [&](const Demand& demand, int own, const Line& line, Line::const_iterator at) {
    if (at == line.end()) return;
    heads.push({effective_priority(static_cast<Priority>(own), at->queued_at, now), at->queued_at,
                at->id, &demand, &line, at});
  };
  for (const auto& [demand, lines] : lines_) {
    // The machine has shrunk since it was accepted: it waits, and holds nobody up.
    if (resources.find_impossible(demand)) continue;
    for (int own = 0; own < 4; ++own)
      push(demand, own, lines[static_cast<std::size_t>(own)],
           lines[static_cast<std::size_t>(own)].begin());
  }

  Choice choice;
  Resources::Room room(resources);
  std::set<const Demand*> blocked;
  while (!heads.empty() && (choice.start.size() < start_max || choice.ahead.size() < ahead_max)) {
    const Head head = heads.top();
    heads.pop();
    if (!head.demand->lock.empty() && room.is_lock_taken(head.demand->lock)) continue;
    if (!blocked.contains(head.demand)) {
      if (choice.start.size() < start_max && room.fits(*head.demand)) {
        choice.start.push_back(head.id);
        room.subtract(*head.demand);
      } else {
        blocked.insert(head.demand);
        room.subtract(*head.demand);
      }
    }
    if (blocked.contains(head.demand)) {
      if (choice.ahead.size() >= ahead_max) continue;
      choice.ahead.push_back(head.id);
    }
    const int own = static_cast<int>(entries_.at(head.id).priority);
    push(*head.demand, own, *head.line, std::next(head.at));
  }
  return choice;
}

std::vector<std::string> WaitingJobs::explain(JobId id, Time now) const {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return {};
  const Entry& own = found->second;
  const int priority = effective_priority(own.priority, own.queued_at, now);
  std::size_t ahead = 0;
  std::optional<JobId> first;
  Time first_since;
  int first_priority = -1;
  for (const auto& [other, entry] : entries_) {
    const int theirs = effective_priority(entry.priority, entry.queued_at, now);
    const bool is_before = theirs != priority                 ? theirs > priority
                           : entry.queued_at != own.queued_at ? entry.queued_at < own.queued_at
                                                              : other < id;
    if (!is_before) continue;
    ++ahead;
    const bool is_first = theirs != first_priority         ? theirs > first_priority
                          : entry.queued_at != first_since ? entry.queued_at < first_since
                                                           : other < *first;
    if (first && !is_first) continue;
    first = other;
    first_priority = theirs;
    first_since = entry.queued_at;
  }
  if (!first) return {};
  return {fmt::format(
      "{} {} before it; job {} is the first of them, and what it waits for is kept free for it",
      ahead, ahead == 1 ? "job waits" : "jobs wait", first->value)};
}

}  // namespace reeve
