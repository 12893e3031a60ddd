#include "core/resources.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "base/check.h"
#include "base/text.h"

namespace reeve {
namespace {

constexpr int holders_named_max = 5;

}  // namespace

std::optional<std::string> Resources::find_impossible(const Demand& demand) const {
  if (demand.cpus > capacity_.cpus)
    return fmt::format("it asks for {} CPUs, and this machine offers {}", demand.cpus,
                       capacity_.cpus);
  if (demand.memory > capacity_.memory)
    return fmt::format("it asks for {} of memory, and this machine offers {}",
                       size_text(demand.memory), size_text(capacity_.memory));
  if (demand.gpus > capacity_.gpus)
    return fmt::format("it asks for {} GPUs, and this machine offers {}", demand.gpus,
                       capacity_.gpus);
  for (const auto& [name, amount] : demand.counters) {
    const auto known = capacity_.counters.find(name);
    if (known == capacity_.counters.end())
      return fmt::format(
          "it asks for the counter `{0}`, which is not configured (set {0} = N below "
          "[capacity.counters] in config.toml)",
          name);
    if (amount > known->second)
      return fmt::format("it asks for {} of `{}`, and {} are configured", amount, name,
                         known->second);
  }
  return std::nullopt;
}

Resources::Grant Resources::take(JobId job, const Demand& demand, bool pin_cpus) {
  Grant grant;
  for (int device = 0; std::ssize(grant.gpus) < demand.gpus; ++device) {
    check(device < capacity_.gpus, "a demand that is taken fits");
    if (!gpus_used_.contains(device)) grant.gpus.push_back(device);
  }
  if (pin_cpus) grant.cpus = find_free_cpus(demand.cpus);
  adopt(job, demand, grant);
  return grant;
}

// None when there are not enough: more were configured than the machine has, and then they can't
// be told apart.
std::vector<int> Resources::find_free_cpus(std::int32_t count) const {
  std::vector<int> cpus;
  for (const int cpu : capacity_.cpu_numbers)
    if (std::ssize(cpus) < count && !cpus_used_.contains(cpu)) cpus.push_back(cpu);
  if (std::ssize(cpus) < count) cpus.clear();
  return cpus;
}

void Resources::adopt(JobId job, const Demand& demand, const Grant& grant) {
  check(!held_.contains(job), "a job takes its resources once");
  held_[job] = {demand, grant, std::nullopt, {}, false};
  gpus_used_.insert(grant.gpus.begin(), grant.gpus.end());
  cpus_used_.insert(grant.cpus.begin(), grant.cpus.end());
  if (!demand.lock.empty()) {
    const bool taken = locks_.emplace(demand.lock, job).second;
    check(taken, "a lock admits one job at a time");
  }
}

void Resources::expect_end(JobId job, std::optional<Time> at) {
  if (const auto found = held_.find(job); found != held_.end()) found->second.ends = at;
}

void Resources::set_standing(JobId job, const Standing& standing) {
  if (const auto found = held_.find(job); found != held_.end()) found->second.standing = standing;
}

void Resources::suspend(JobId job) {
  Held& held = held_.at(job);
  check(!held.is_suspended, "a job is suspended once");
  for (const int cpu : held.grant.cpus) cpus_used_.extract(cpu);
  held.is_suspended = true;
  ++suspended_;
}

std::vector<int> Resources::go_on(JobId job) {
  Held& held = held_.at(job);
  check(held.is_suspended, "a job that goes on was suspended");
  std::vector<int>& own = held.grant.cpus;
  const bool is_taken =
      std::ranges::any_of(own, [&](const int cpu) { return cpus_used_.contains(cpu); });
  if (is_taken)
    if (auto others = find_free_cpus(held.demand.cpus); !others.empty()) own = std::move(others);
  cpus_used_.insert(own.begin(), own.end());
  held.is_suspended = false;
  --suspended_;
  return own;
}

bool Resources::is_suspended(JobId job) const {
  const auto found = held_.find(job);
  return found != held_.end() && found->second.is_suspended;
}

std::vector<Resources::Holder> Resources::holders() const {
  std::vector<Holder> holders;
  for (const auto& [job, held] : held_)
    holders.push_back({job, &held.demand, held.standing, held.is_suspended});
  return holders;
}

std::vector<Resources::Ending> Resources::endings() const {
  std::vector<Ending> endings;
  for (const auto& [job, held] : held_)
    if (held.ends) endings.push_back({*held.ends, &held.demand});
  return endings;
}

void Resources::give_back(JobId job) {
  const auto found = held_.find(job);
  if (found == held_.end()) return;
  for (const int device : found->second.grant.gpus) gpus_used_.erase(device);
  if (found->second.is_suspended)
    --suspended_;
  else
    for (const int cpu : found->second.grant.cpus) cpus_used_.extract(cpu);
  if (!found->second.demand.lock.empty()) locks_.erase(found->second.demand.lock);
  held_.erase(found);
}

std::vector<std::string> Resources::shortages(const Demand& demand) const {
  std::vector<std::string> out;
  const auto compare = [&](const char* what, std::int64_t wanted, std::int64_t all,
                           const std::function<std::int64_t(const Demand&)>& share,
                           const std::function<std::string(std::int64_t)>& text) {
    std::int64_t used = 0;
    std::string holders;
    int named = 0;
    for (const auto& [job, held] : held_) {
      Demand kept = held.demand;
      if (held.is_suspended) kept.cpus = 0;
      if (share(kept) == 0) continue;
      used += share(kept);
      if (++named <= holders_named_max)
        holders += fmt::format("{}{}", holders.empty() ? "" : ", ", job.value);
    }
    if (wanted <= 0 || wanted <= all - used) return;
    if (named > holders_named_max)
      holders += fmt::format(" and {} more", named - holders_named_max);
    out.push_back(fmt::format("it needs {}{}, and {} of {} are free; {} {} the rest", text(wanted),
                              what, text(std::max<std::int64_t>(all - used, 0)), text(all),
                              (named == 1 ? "job " : "jobs ") + holders,
                              named == 1 ? "has" : "have"));
  };
  const auto plain = [](std::int64_t n) { return std::to_string(n); };
  compare(" CPUs", demand.cpus, capacity_.cpus, [](const Demand& d) { return d.cpus; }, plain);
  compare(
      " of memory", demand.memory, capacity_.memory, [](const Demand& d) { return d.memory; },
      size_text);
  compare(" GPUs", demand.gpus, capacity_.gpus, [](const Demand& d) { return d.gpus; }, plain);
  for (const auto& [name, amount] : demand.counters) {
    const auto all = capacity_.counters.find(name);
    compare((" of the counter `" + name + "`").c_str(), amount,
            all == capacity_.counters.end() ? 0 : all->second,
            [&key = name](const Demand& d) {
              const auto found = d.counters.find(key);
              return found == d.counters.end() ? 0 : found->second;
            },
            plain);
  }
  const std::size_t running = held_.size() - suspended_;
  if (capacity_.jobs_max > 0 && running >= static_cast<std::size_t>(capacity_.jobs_max))
    out.push_back(
        fmt::format("{} jobs run, and no more may at a time ([queue] jobs_max)", running));
  if (const auto holder = demand.lock.empty() ? std::nullopt : lock_holder(demand.lock))
    out.push_back(fmt::format("job {} holds the lock `{}`", holder->value, demand.lock));
  return out;
}

std::optional<JobId> Resources::lock_holder(const std::string& lock) const {
  const auto found = locks_.find(lock);
  if (found == locks_.end()) return std::nullopt;
  return found->second;
}

Resources::Room::Room(const Resources& resources, Of whom)
    : cpus_(resources.capacity_.cpus),
      memory_(resources.capacity_.memory),
      gpus_(resources.capacity_.gpus),
      jobs_(resources.capacity_.jobs_max > 0 ? resources.capacity_.jobs_max : INT32_MAX),
      counters_(resources.capacity_.counters) {
  for (const auto& [job, held] : resources.held_) {
    if (whom == Of::suspended && !held.is_suspended) continue;
    if (held.is_suspended)
      subtract_suspended(held.demand);
    else
      subtract(held.demand);
  }
}

bool Resources::Room::lacks_what(const Demand& demand, const Demand& other) const {
  if (jobs_ < 1) return true;
  if (demand.cpus > cpus_ && demand.cpus > 0 && other.cpus > 0) return true;
  if (demand.memory > memory_ && demand.memory > 0 && other.memory > 0) return true;
  if (demand.gpus > gpus_ && demand.gpus > 0 && other.gpus > 0) return true;
  for (const auto& [name, amount] : demand.counters) {
    const auto left = counters_.find(name);
    if ((left == counters_.end() || amount > left->second) && other.counters.contains(name))
      return true;
  }
  return !demand.lock.empty() && demand.lock == other.lock && locks_.contains(demand.lock);
}

bool Resources::Room::fits(const Demand& demand) const {
  if (jobs_ < 1) return false;
  // What is not asked for can't be short: a job without GPUs starts although they are over-booked.
  if (demand.cpus > 0 && demand.cpus > cpus_) return false;
  if (demand.memory > 0 && demand.memory > memory_) return false;
  if (demand.gpus > 0 && demand.gpus > gpus_) return false;
  for (const auto& [name, amount] : demand.counters) {
    const auto left = counters_.find(name);
    if (amount > 0 && (left == counters_.end() || amount > left->second)) return false;
  }
  return demand.lock.empty() || !locks_.contains(demand.lock);
}

void Resources::Room::add(const Demand& demand) {
  cpus_ += demand.cpus;
  memory_ += demand.memory;
  gpus_ += demand.gpus;
  ++jobs_;
  for (const auto& [name, amount] : demand.counters) counters_[name] += amount;
  locks_.erase(demand.lock);
}

void Resources::Room::subtract(const Demand& demand) {
  cpus_ -= demand.cpus;
  memory_ -= demand.memory;
  gpus_ -= demand.gpus;
  --jobs_;
  for (const auto& [name, amount] : demand.counters) counters_[name] -= amount;
  if (!demand.lock.empty()) locks_.insert(demand.lock);
}

void Resources::Room::subtract_suspended(const Demand& demand) {
  subtract(demand);
  cpus_ += demand.cpus;
  ++jobs_;
}

}  // namespace reeve
