#include "core/resources.h"

#include <fmt/format.h>

#include "base/check.h"
#include "base/text.h"

namespace reeve {

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

std::vector<int> Resources::take(JobId job, const Demand& demand) {
  std::vector<int> gpus;
  for (int device = 0; std::ssize(gpus) < demand.gpus; ++device) {
    check(device < capacity_.gpus, "a demand that is taken fits");
    if (!gpus_used_.contains(device)) gpus.push_back(device);
  }
  adopt(job, demand, gpus);
  return gpus;
}

void Resources::adopt(JobId job, const Demand& demand, const std::vector<int>& gpus) {
  check(!held_.contains(job), "a job takes its resources once");
  held_[job] = {demand, gpus};
  gpus_used_.insert(gpus.begin(), gpus.end());
  if (!demand.lock.empty()) {
    const bool taken = locks_.emplace(demand.lock, job).second;
    check(taken, "a lock admits one job at a time");
  }
}

void Resources::give_back(JobId job) {
  const auto found = held_.find(job);
  if (found == held_.end()) return;
  for (const int device : found->second.gpus) gpus_used_.erase(device);
  if (!found->second.demand.lock.empty()) locks_.erase(found->second.demand.lock);
  held_.erase(found);
}

std::optional<JobId> Resources::lock_holder(const std::string& lock) const {
  const auto found = locks_.find(lock);
  if (found == locks_.end()) return std::nullopt;
  return found->second;
}

Resources::Room::Room(const Resources& resources)
    : cpus_(resources.capacity_.cpus),
      memory_(resources.capacity_.memory),
      gpus_(resources.capacity_.gpus),
      jobs_(resources.capacity_.jobs_max > 0 ? resources.capacity_.jobs_max : INT32_MAX),
      counters_(resources.capacity_.counters) {
  for (const auto& [job, held] : resources.held_) subtract(held.demand);
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

void Resources::Room::subtract(const Demand& demand) {
  cpus_ -= demand.cpus;
  memory_ -= demand.memory;
  gpus_ -= demand.gpus;
  --jobs_;
  for (const auto& [name, amount] : demand.counters) counters_[name] -= amount;
  if (!demand.lock.empty()) locks_.insert(demand.lock);
}

}  // namespace reeve
