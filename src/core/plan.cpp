#include "core/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <queue>
#include <tuple>

#include "base/check.h"

namespace reeve {

int effective_priority(Priority priority, Time queued_at, Time now) {
  const auto steps = std::max<std::int64_t>(0, (now - queued_at) / limits::ageing_step);
  return static_cast<int>(std::min<std::int64_t>(3, static_cast<int>(priority) + steps));
}

LineKey line_of(const Job& job) {
  return {job.demand(), job.spec.time_limit, job.spec.group};
}

void WaitingJobs::add(JobId id, const LineKey& key, Priority priority, Time queued_at) {
  const auto lines = lines_.try_emplace(key).first;
  const bool added = entries_.emplace(id, Entry{lines, priority, queued_at}).second;
  check(added, "a job waits once");
  lines->second[static_cast<std::size_t>(priority)].insert({id, queued_at});
}

void WaitingJobs::remove(JobId id) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  const auto lines = found->second.lines;
  lines->second[static_cast<std::size_t>(found->second.priority)].erase(
      {id, found->second.queued_at});
  entries_.erase(found);
  if (std::ranges::all_of(lines->second, &Line::empty)) lines_.erase(lines);
}

std::optional<JobId> WaitingJobs::first_with_lock(const std::string& lock) const {
  std::optional<JobId> first;
  for (const auto& [key, lines] : lines_) {
    if (key.demand.lock != lock) continue;
    for (const Line& line : lines)
      if (!line.empty() && (!first || line.begin()->id < *first)) first = line.begin()->id;
  }
  return first;
}

// One decision. Heads of lines are taken best first; the heads of a group stand together, since
// each start moves all of them back.
class WaitingJobs::Chooser {
 public:
  Chooser(const WaitingJobs& waiting, const Resources& resources, const FairShare& shares, Time now)
      : resources_(resources), shares_(shares), now_(now), room_(resources) {
    for (const auto& [key, lines] : waiting.lines_) {
      // The machine has shrunk since it was accepted: it waits, and holds nobody up.
      if (resources.find_impossible(key.demand)) continue;
      Group& group = groups_[key.group];
      for (std::size_t own = 0; own < lines.size(); ++own)
        push(group, {0, {}, {}, own, &key, &lines[own], lines[own].begin()});
    }
    for (auto& [name, group] : groups_) {
      group.burden = shares.burden(name, now);
      order_.push(&group);
    }
  }

  Choice choose(std::size_t start_max, std::size_t ahead_max) {
    while (!order_.empty() &&
           (choice_.start.size() < start_max || choice_.ahead.size() < ahead_max)) {
      Group& group = *order_.top();
      order_.pop();
      Head head = group.heads.top();
      group.heads.pop();
      if (place(head, group, start_max, ahead_max)) {
        ++head.at;
        push(group, head);
      }
      if (!group.heads.empty()) order_.push(&group);
    }
    return std::move(choice_);
  }

 private:
  struct Head {
    int priority;
    Time queued_at;
    JobId id;
    std::size_t own;
    const LineKey* key;
    const Line* line;
    Line::const_iterator at;
    bool operator<(const Head& other) const {  // the greatest comes first
      return std::tuple(-priority, queued_at, id) >
             std::tuple(-other.priority, other.queued_at, other.id);
    }
  };
  struct Group {
    double burden = 0;
    std::priority_queue<Head> heads;
  };
  struct ComesLater {
    bool operator()(const Group* a, const Group* b) const {
      const Head& one = a->heads.top();
      const Head& two = b->heads.top();
      return std::tuple(-one.priority, a->burden, one.queued_at, one.id) >
             std::tuple(-two.priority, b->burden, two.queued_at, two.id);
    }
  };

  void push(Group& group, Head head) {
    if (head.at == head.line->end()) return;
    head.priority = effective_priority(static_cast<Priority>(head.own), head.at->queued_at, now_);
    head.queued_at = head.at->queued_at;
    head.id = head.at->id;
    group.heads.push(head);
  }

  // False when the rest of its line needs no look.
  bool place(const Head& head, Group& group, std::size_t start_max, std::size_t ahead_max) {
    const LineKey& key = *head.key;
    if (waits_for_lock(key)) return false;
    if (choice_.start.size() < start_max && !blocked_.contains(&key) && fits(key)) {
      choice_.start.push_back(head.id);
      room_.subtract(key.demand);
      if (key.time_limit) starting_.push_back({now_ + *key.time_limit, &key.demand});
      if (later_ && !is_over_in_time(key)) later_->subtract(key.demand);
      group.burden += shares_.burden_of_start(key.group, key.demand.cpus);
      return true;
    }
    if (blocked_.insert(&key).second && reserved_.insert(key.demand).second) reserve(key.demand);
    if (choice_.ahead.size() >= ahead_max) return false;
    choice_.ahead.push_back(head.id);
    return true;
  }

  [[nodiscard]] bool waits_for_lock(const LineKey& key) const {
    const std::string& lock = key.demand.lock;
    if (lock.empty()) return false;
    return room_.is_lock_taken(lock) ||
           (later_ && later_->is_lock_taken(lock) && !is_over_in_time(key));
  }

  [[nodiscard]] bool fits(const LineKey& key) const {
    return room_.fits(key.demand) && (!later_ || is_over_in_time(key) || later_->fits(key.demand));
  }

  [[nodiscard]] bool is_over_in_time(const LineKey& key) const {
    return first_start_ && key.time_limit && now_ + *key.time_limit <= *first_start_;
  }

  // The first that does not fit tells the moment that counts: when it can start at the latest.
  void reserve(const Demand& demand) {
    if (!later_) {
      later_ = room_;
      find_first_start(demand);
    }
    later_->subtract(demand);
  }

  void find_first_start(const Demand& demand) {
    std::vector<Resources::Ending> endings = resources_.endings();
    endings.insert(endings.end(), starting_.begin(), starting_.end());
    std::ranges::sort(endings, {}, &Resources::Ending::at);
    Resources::Room room = room_;
    if (room.fits(demand)) first_start_ = now_;
    for (const Resources::Ending& ending : endings) {
      if (first_start_ && ending.at > *first_start_) break;
      room.add(*ending.demand);
      if (!first_start_ && room.fits(demand)) first_start_ = std::max(ending.at, now_);
    }
    if (first_start_) later_ = room;
  }

  const Resources& resources_;
  const FairShare& shares_;
  Time now_;
  Resources::Room room_;                  // now
  std::optional<Resources::Room> later_;  // at `first_start_`, beside what is reserved
  std::optional<Time> first_start_;
  std::vector<Resources::Ending> starting_;
  std::set<const LineKey*> blocked_;
  std::set<Demand> reserved_;
  std::map<std::string, Group> groups_;
  std::priority_queue<Group*, std::vector<Group*>, ComesLater> order_;
  Choice choice_;
};

WaitingJobs::Choice WaitingJobs::choose(const Resources& resources, const FairShare& shares,
                                        Time now, std::size_t start_max,
                                        std::size_t ahead_max) const {
  return Chooser(*this, resources, shares, now).choose(start_max, ahead_max);
}

std::vector<std::string> WaitingJobs::explain(JobId id, const FairShare& shares, Time now) const {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return {};
  std::map<std::string, double> burdens;
  for (const auto& [key, lines] : lines_)
    if (!burdens.contains(key.group)) burdens[key.group] = shares.burden(key.group, now);
  const auto rank = [&](JobId other, const Entry& entry) {
    return std::tuple(-effective_priority(entry.priority, entry.queued_at, now),
                      burdens.at(entry.lines->first.group), entry.queued_at, other);
  };
  const auto own = rank(id, found->second);
  std::size_t ahead = 0;
  auto first = own;
  for (const auto& [other, entry] : entries_) {
    const auto theirs = rank(other, entry);
    if (theirs >= own) continue;
    ++ahead;
    first = std::min(first, theirs);
  }
  if (ahead == 0) return {};
  const JobId first_id = std::get<JobId>(first);
  std::vector<std::string> lines{fmt::format(
      "{} {} before it; job {} is the first of them, and what it waits for is kept free for it",
      ahead, ahead == 1 ? "job waits" : "jobs wait", first_id.value)};
  const LineKey& key = found->second.lines->first;
  const std::string& group = entries_.at(first_id).lines->first.group;
  if (group != key.group && std::get<0>(first) == std::get<0>(own))
    lines.push_back(fmt::format(
        "group `{}` has used more of its share of the machine lately than group `{}`, which comes "
        "first",
        key.group, group));
  if (!key.time_limit)
    lines.emplace_back(
        "it has no time limit: with one (`reeve edit --time`) it may fill a gap before its turn");
  return lines;
}

}  // namespace reeve
