#include "core/preempt.h"

#include <algorithm>
#include <tuple>

namespace reeve {
namespace {

using Holder = Resources::Holder;
using Kind = Standing::Kind;

// Of `candidates`, best first; none when all of them together are no help.
std::vector<Holder> choose_among(const Demand& demand, const Resources::Room& room,
                                 const std::vector<Holder>& candidates) {
  for (const Holder& one : candidates) {
    Resources::Room freed = room;
    freed.add(freed_by(one));
    if (freed.fits(demand)) return {one};
  }
  Resources::Room freed = room;
  std::vector<Holder> chosen;
  for (const Holder& one : candidates) {
    if (freed.fits(demand)) break;
    freed.add(freed_by(one));
    chosen.push_back(one);
  }
  if (!freed.fits(demand)) return {};
  for (std::size_t i = chosen.size(); i-- > 0;) {  // the last ones are the most valuable
    Resources::Room fewer = freed;
    fewer.subtract(freed_by(chosen[i]));
    if (!fewer.fits(demand)) continue;
    freed = std::move(fewer);
    chosen.erase(chosen.begin() + static_cast<std::ptrdiff_t>(i));
  }
  return chosen;
}

}  // namespace

Demand freed_by(const Resources::Holder& holder) {
  const bool is_pause =
      holder.standing.kind == Kind::may_pause || holder.standing.kind == Kind::pausing;
  return is_pause ? freed_by_pause(*holder.demand) : *holder.demand;
}

Victims find_victims(const Preemptor& preemptor, const Resources::Room& room,
                     const std::vector<Resources::Holder>& holders, Time now) {
  Victims victims;
  std::vector<Holder> candidates;
  for (const Holder& holder : holders) {
    const Standing& standing = holder.standing;
    const bool may = standing.kind == Kind::may_pause || standing.kind == Kind::may_requeue;
    if (!may || standing.priority >= preemptor.priority) continue;
    if (!room.lacks_what(preemptor.demand, freed_by(holder))) continue;
    if (standing.undisturbed_until <= now)
      candidates.push_back(holder);
    else if (!victims.look_again || standing.undisturbed_until < *victims.look_again)
      victims.look_again = standing.undisturbed_until;
  }
  std::ranges::sort(candidates, [](const Holder& a, const Holder& b) {
    return std::tuple(a.standing.priority, b.standing.since, b.job) <
           std::tuple(b.standing.priority, a.standing.since, a.job);
  });
  for (std::size_t end = 1; end <= candidates.size() && victims.chosen.empty(); ++end) {
    const bool is_tier_whole =
        end == candidates.size() ||
        candidates[end].standing.priority != candidates[end - 1].standing.priority;
    if (is_tier_whole)
      victims.chosen =
          choose_among(preemptor.demand, room,
                       {candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(end)});
  }
  return victims;
}

}  // namespace reeve
