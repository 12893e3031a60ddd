#include "delay.h"

#include <algorithm>

#include "core/preempt.h"

namespace reeve::sim {
namespace {

// When `demand` fits at the latest.
std::optional<Time> first_start(const Demand& demand, Resources::Room room,
                                std::vector<Resources::Ending> endings, Time now) {
  if (room.fits(demand)) return now;
  std::ranges::sort(endings, {}, &Resources::Ending::at);
  for (const Resources::Ending& ending : endings) {
    room.add(*ending.demand);
    if (room.fits(demand)) return std::max(ending.at, now);
  }
  return std::nullopt;
}

void add(Demand& sum, const Demand& demand) {
  sum.cpus += demand.cpus;
  sum.memory += demand.memory;
  sum.gpus += demand.gpus;
  for (const auto& [name, amount] : demand.counters) sum.counters[name] += amount;
}

}  // namespace

bool is_delayed(const Resources& resources, const Demand& head, const std::vector<Started>& started,
                Time now) {
  const Resources::Room after(resources);
  Resources::Room before = after;
  Demand taken;
  taken.cpus = 0;
  for (const Started& one : started) {
    before.add(one.taken);
    add(taken, one.taken);
  }
  std::vector<Resources::Ending> endings_before;
  Resources::Room beside = before;
  for (const Resources::Holder& holder : resources.holders()) {
    const bool is_new = std::ranges::find(started, holder.job, &Started::job) != started.end();
    for (const Resources::Ending& ending : resources.endings())
      if (ending.demand == holder.demand && !is_new) endings_before.push_back(ending);
    const Standing::Kind kind = holder.standing.kind;
    if (kind == Standing::Kind::pausing || kind == Standing::Kind::ending)
      beside.add(freed_by(holder));
  }
  beside.subtract(head);
  if (beside.fits(taken)) return false;
  const auto was = first_start(head, before, endings_before, now);
  const auto is = first_start(head, after, resources.endings(), now);
  return !was || !is || *is > *was;
}

}  // namespace reeve::sim
