#include "core/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <queue>
#include <tuple>

#include "base/check.h"
#include "core/preempt.h"

namespace reeve {

namespace {

std::int64_t steps_aged(Time since, Time now) {
  return std::max<std::int64_t>(0, (now - since) / limits::ageing_step);
}

}  // namespace

int effective_priority(Priority priority, Time since, Time now) {
  const auto aged = static_cast<std::int64_t>(priority) + steps_aged(since, now);
  return static_cast<int>(std::min<std::int64_t>(3, aged));
}

std::optional<Time> next_ageing(Priority priority, Time since, Time now) {
  if (effective_priority(priority, since, now) == 3) return std::nullopt;
  return since + limits::ageing_step * (steps_aged(since, now) + 1);
}

LineKey line_of(const Job& job) {
  LineKey key{job.demand(), job.spec.time_limit, job.spec.group, job.spec.preempt};
  if (job.state != JobState::paused) return key;
  const Attempt& attempt = job.attempt;
  key.demand = freed_by_pause(key.demand);
  if (key.time_limit)
    key.time_limit =
        std::max(Duration(0),
                 *key.time_limit - (attempt.paused_since - attempt.started - attempt.paused_for));
  return key;
}

void WaitingJobs::add(JobId id, LineKey key, Priority priority, Time queued_at, Time preempted_at) {
  key.returns = preempted_at > queued_at;
  const auto lines = lines_.try_emplace(std::move(key)).first;
  const Waiting waiting{std::max(queued_at, preempted_at), queued_at, id};
  const bool added = entries_.emplace(id, Entry{lines, priority, waiting}).second;
  check(added, "a job waits once");
  lines->second[static_cast<std::size_t>(priority)].insert(waiting);
}

void WaitingJobs::remove(JobId id) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  const auto lines = found->second.lines;
  lines->second[static_cast<std::size_t>(found->second.priority)].erase(found->second.waiting);
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
  Chooser(const WaitingJobs& waiting, const Resources& resources, const FairShare& shares, Time now,
          Bounds bounds)
      : waiting_(waiting),
        resources_(resources),
        shares_(shares),
        now_(now),
        bounds_(bounds),
        room_(resources) {
    for (const auto& [key, lines] : waiting.lines_) {
      // The machine has shrunk since it was accepted: it waits, and holds nobody up.
      if (resources.find_impossible(key.demand)) continue;
      Group& group = groups_[key.group];
      for (std::size_t own = 0; own < lines.size(); ++own) {
        const Line& line = lines[own];
        push(group, {0, {}, {}, static_cast<Priority>(own), &key, &line, line.begin()});
        // Those behind the first of a line never overtake it.
        if (!line.empty())
          look_at(next_ageing(static_cast<Priority>(own), line.begin()->ages_from, now));
      }
    }
    for (auto& [name, group] : groups_) {
      group.burden = shares.burden(name, now);
      order_.push(&group);
    }
  }

  Choice choose() {
    while (!order_.empty() && (can_start() || can_name_ahead())) {
      Group& group = *order_.top();
      order_.pop();
      Head head = group.heads.top();
      group.heads.pop();
      if (has_had_its_turn_.contains(head.id) || place(head, group)) {
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
    Priority own;
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

  [[nodiscard]] bool can_start() const { return choice_.start.size() < bounds_.start_max; }
  [[nodiscard]] bool can_name_ahead() const { return choice_.ahead.size() < bounds_.ahead_max; }

  void push(Group& group, Head head) {
    if (head.at == head.line->end()) return;
    head.priority = effective_priority(head.own, head.at->ages_from, now_);
    head.queued_at = head.at->queued_at;
    head.id = head.at->id;
    group.heads.push(head);
  }

  void look_at(std::optional<Time> at) {
    if (at && (!choice_.look_again || *at < *choice_.look_again)) choice_.look_again = at;
  }

  // False when the rest of its line needs no look.
  bool place(const Head& head, Group& group) {
    const LineKey& key = *head.key;
    if (waits_for_lock(key)) {
      const bool gets_room = !later_ && key.preempt && make_room(head);
      if (!gets_room && resources_.jobs_suspended() > 0)
        lend_turn(key.demand, Resources::Room::beside_suspended(resources_));
      return false;
    }
    if (can_start() && !blocked_.contains(&key) && fits(key)) {
      start(head.id, key);
      group.burden += shares_.burden_of_start(key.group, key.demand.cpus);
      return true;
    }
    if (blocked_.insert(&key).second && reserved_.insert(key.demand).second) reserve(head);
    if (!can_name_ahead()) return false;
    if (!resources_.is_suspended(head.id)) choice_.ahead.push_back(head.id);
    return true;
  }

  void start(JobId id, const LineKey& key) {
    choice_.start.push_back(id);
    if (resources_.is_suspended(id)) has_had_its_turn_.insert(id);
    room_.subtract(key.demand);
    if (key.time_limit) starting_.push_back({now_ + *key.time_limit, &key.demand});
    if (later_ && !is_over_in_time(key)) later_->subtract(key.demand);
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
  void reserve(const Head& head) {
    const Demand& demand = head.key->demand;
    if (!later_ && make_room(head)) return;
    if (resources_.jobs_suspended() > 0) {
      const auto beside = Resources::Room::beside_suspended(resources_);
      if (!beside.fits(demand)) {
        lend_turn(demand, beside);
        if (!later_) later_ = room_;
        // Without what those need to go on that it waits for.
        later_->subtract_suspended(demand);
        return;
      }
    }
    reserve_from_first_start(demand);
  }

  void reserve_from_first_start(const Demand& demand) {
    if (!later_) {
      later_ = room_;
      find_first_start(demand);
    }
    later_->subtract(demand);
  }

  // True when what the first job in the queue lacks is becoming free, or will by what is done to
  // others; nobody else gets it then.
  bool make_room(const Head& head) {
    const Demand& demand = head.key->demand;
    const std::vector<Resources::Holder> holders = resources_.holders();
    Resources::Room soon = room_;
    bool is_leaving = false;
    for (const Resources::Holder& holder : holders) {
      if (holder.standing.kind != Standing::Kind::pausing &&
          holder.standing.kind != Standing::Kind::ending)
        continue;
      soon.add(freed_by(holder));
      is_leaving = true;
    }
    const bool is_enough = is_leaving && soon.fits(demand);
    if (!is_enough && (!head.key->preempt || room_.fits(demand))) return false;
    if (!is_enough) {
      const Victims victims = find_victims({demand, head.own}, soon, holders, now_);
      look_at(victims.look_again);
      if (victims.chosen.empty()) {
        choice_.wants_victims = true;
        return false;
      }
      for (const Resources::Holder& victim : victims.chosen) {
        choice_.preempt.push_back(victim.job);
        soon.add(freed_by(victim));
      }
      choice_.preempt_for = head.id;
    }
    later_ = std::move(soon);
    later_->subtract(demand);
    return true;
  }

  // Lets suspended jobs go on that hold what `demand` lacks.
  void lend_turn(const Demand& demand, const Resources::Room& beside) {
    for (const Resources::Holder& holder : resources_.holders()) {
      const auto found = waiting_.entries_.find(holder.job);
      if (!holder.is_suspended || found == waiting_.entries_.end()) continue;
      if (!beside.lacks_what(demand, *holder.demand)) continue;
      if (!has_had_its_turn_.insert(holder.job).second) continue;
      const LineKey& key = found->second.lines->first;
      if (can_start() && fits(key))
        start(holder.job, key);
      else if (reserved_.insert(key.demand).second)
        reserve_from_first_start(key.demand);
    }
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

  const WaitingJobs& waiting_;
  const Resources& resources_;
  const FairShare& shares_;
  Time now_;
  Bounds bounds_;
  Resources::Room room_;                  // now
  std::optional<Resources::Room> later_;  // at `first_start_`, beside what is reserved
  std::optional<Time> first_start_;
  std::vector<Resources::Ending> starting_;
  std::set<const LineKey*> blocked_;
  std::set<Demand> reserved_;
  std::set<JobId> has_had_its_turn_;  // suspended jobs, perhaps before their own
  std::map<std::string, Group> groups_;
  std::priority_queue<Group*, std::vector<Group*>, ComesLater> order_;
  Choice choice_;
};

WaitingJobs::Choice WaitingJobs::choose(const Resources& resources, const FairShare& shares,
                                        Time now, std::size_t start_max,
                                        std::size_t ahead_max) const {
  return Chooser(*this, resources, shares, now, {start_max, ahead_max}).choose();
}

std::vector<std::string> WaitingJobs::explain(JobId id, const FairShare& shares, Time now) const {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return {};
  std::map<std::string, double> burdens;
  for (const auto& [key, lines] : lines_)
    if (!burdens.contains(key.group)) burdens[key.group] = shares.burden(key.group, now);
  const auto rank = [&](JobId other, const Entry& entry) {
    return std::tuple(-effective_priority(entry.priority, entry.waiting.ages_from, now),
                      burdens.at(entry.lines->first.group), entry.waiting.queued_at, other);
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
