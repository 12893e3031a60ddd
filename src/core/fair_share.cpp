#include "core/fair_share.h"

#include <cmath>

#include "base/check.h"
#include "base/json.h"

namespace reeve {
namespace {

constexpr double half_life_ms = 60.0 * 60 * 1000;
constexpr double start_counts_ms = 60.0 * 1000;
// A tenth of a CPU-second decides nothing any more.
constexpr double forgotten_ms = 100;

double decayed(double past, Duration age) {
  return past * std::exp2(-static_cast<double>(age.count()) / half_life_ms);
}

}  // namespace

double FairShare::share(const std::string& group) const {
  const auto found = shares_.find(group);
  return found == shares_.end() ? 1.0 : static_cast<double>(found->second);
}

void FairShare::start(JobId job, const std::string& group, std::int32_t cpus, Time now) {
  const bool is_new = running_.emplace(job, Running{group, cpus, now}).second;
  check(is_new, "a job runs once");
  Use& use = uses_[group];
  use.cpus += cpus;
  use.cpus_since += cpus * now.ms;
}

void FairShare::end(JobId job, Time now) {
  const auto found = running_.find(job);
  if (found == running_.end()) return;
  const Running& was = found->second;
  Use& use = uses_[was.group];
  use.cpus -= was.cpus;
  use.cpus_since -= was.cpus * was.since.ms;
  use.past = decayed(use.past, now - use.at) +
             static_cast<double>(was.cpus) * static_cast<double>((now - was.since).count());
  use.at = now;
  running_.erase(found);
}

double FairShare::burden(const std::string& group, Time now) const {
  const auto found = uses_.find(group);
  if (found == uses_.end()) return 0;
  const Use& use = found->second;
  const double held = static_cast<double>(use.cpus * now.ms - use.cpus_since) +
                      static_cast<double>(use.cpus) * start_counts_ms;
  return (decayed(use.past, now - use.at) + held) / share(group);
}

double FairShare::burden_of_start(const std::string& group, std::int32_t cpus) const {
  return static_cast<double>(cpus) * start_counts_ms / share(group);
}

std::string FairShare::to_text(Time now) {
  json::object object;
  std::erase_if(uses_, [&](const auto& item) {
    const auto& [group, use] = item;
    const double left = decayed(use.past, now - use.at);
    if (left < forgotten_ms) return use.cpus == 0;
    object.emplace(group, json::array{std::floor(left), now.ms});
    return false;
  });
  return to_line(object);
}

void FairShare::restore(const std::string& text) {
  uses_.clear();
  running_.clear();
  const auto parsed = parse_json(text);
  if (!parsed || !parsed->is_object()) return;
  for (const auto& [group, value] : parsed->get_object()) {
    const json::array* pair = value.if_array();
    if (pair == nullptr || pair->size() != 2) continue;
    boost::system::error_code error;
    const auto past = pair->front().to_number<double>(error);
    if (error) continue;
    const auto at = pair->back().to_number<std::int64_t>(error);
    if (!error) uses_[std::string(group)] = {past, Time{at}, 0, 0};
  }
}

}  // namespace reeve
