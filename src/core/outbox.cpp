#include "core/outbox.h"

#include <algorithm>
#include <array>
#include <ranges>

#include "base/check.h"
#include "base/checksum.h"

namespace reeve {
namespace {

constexpr std::array<std::string_view, 4> state_words{"pending", "delivered", "failed", "folded"};

}  // namespace

std::string_view to_word(DeliveryState state) {
  return state_words[static_cast<std::size_t>(state)];
}

std::optional<DeliveryState> delivery_state_from_word(std::string_view word) {
  const auto found = std::ranges::find(state_words, word);
  if (found == state_words.end()) return std::nullopt;
  return static_cast<DeliveryState>(found - state_words.begin());
}

std::optional<Duration> next_try_in(std::int32_t tries, std::int64_t id) {
  if (tries >= limits::delivery_tries_max) return std::nullopt;
  const Duration wait = limits::delivery_wait_first * (1L << std::clamp(tries - 1, 0, 20));
  const auto jitter = static_cast<std::int64_t>(fnv1a(std::to_string(id)) % 1024);
  return wait + wait * jitter / 4096;
}

Outbox::Outbox(const NoticeTargets& targets) {
  for (const auto& [name, target] : targets) {
    Lane& lane = lanes_[name];
    lane.burst = target.burst;
    lane.window = target.window;
  }
}

void Outbox::add(const std::string& target, const Item& item) {
  const auto lane = lanes_.find(target);
  if (lane == lanes_.end()) return;
  if (item.tries == 0 && !item.is_alone)
    lane->second.fresh.insert(item.id);
  else
    lane->second.others[item.id] = item;
}

std::int32_t Outbox::room_in(const Lane& lane, Time now) {
  const auto recent =
      std::ranges::count_if(lane.sent, [&](Time sent) { return now - sent < lane.window; });
  return lane.burst - static_cast<std::int32_t>(recent);
}

Outbox::Work Outbox::choose(Time now) {
  Work work;
  for (auto& [target, lane] : lanes_) {
    if (lane_of_.size() >= limits::deliveries_in_flight_max) break;
    if (lane.flying || now < lane.rest_until) continue;
    choose_for(target, lane, now, work);
    if (lane.flying) lane_of_[lane.flying->id] = target;
  }
  return work;
}

void Outbox::choose_for(const std::string& target, Lane& lane, Time now, Work& work) {
  const auto send = [&](const Item& item) {
    lane.flying = item;
    lane.sent.push_back(now);
    if (std::ssize(lane.sent) > std::max(lane.burst, 1)) lane.sent.pop_front();
    work.send.push_back(item.id);
    lane.fresh.erase(item.id);
    lane.others.erase(item.id);
  };
  for (const Item& item : lane.others | std::views::values)
    if (item.due <= now) return send(Item(item));
  if (lane.fresh.empty()) return;
  const Item first{*lane.fresh.begin(), 0, now, false};
  const bool is_window_over = lane.sent.empty() || now - lane.sent.back() >= lane.window;
  if (lane.is_flooded && !is_window_over) return;
  const std::int32_t alone = room_in(lane, now);
  lane.is_flooded = std::ssize(lane.fresh) > alone;
  if (!lane.is_flooded) return send(first);
  if (alone <= 0 && !is_window_over) return;
  if (lane.fresh.size() == 1) return send(first);
  Fold fold{target, {}};
  for (const std::int64_t id : lane.fresh) {
    if (fold.ids.size() == limits::digest_fold_max) break;
    fold.ids.push_back(id);
  }
  work.folds.push_back(std::move(fold));
}

void Outbox::fold(const Fold& fold, std::int64_t digest, Time now) {
  const auto lane = lanes_.find(fold.target);
  check(lane != lanes_.end(), "what is folded goes to a target that there is");
  for (const std::int64_t id : fold.ids) lane->second.fresh.erase(id);
  lane->second.others[digest] = {digest, 0, now, true};
}

Outbox::Item Outbox::land(std::int64_t id) {
  const auto found = lane_of_.find(id);
  check(found != lane_of_.end(), "what has an end was under way");
  Lane& lane = lanes_.at(found->second);
  const Item item = *lane.flying;
  lane.flying.reset();
  return item;
}

Outbox::Settled Outbox::settle(std::int64_t id, const TryOutcome& outcome, Time now) {
  Item item = land(id);
  Lane& lane = lanes_.at(lane_of_.extract(id).mapped());
  ++item.tries;
  using Kind = TryOutcome::Kind;
  if (outcome.kind == Kind::delivered) return {DeliveryState::delivered, {}};
  const auto wait = next_try_in(item.tries, id);
  if (outcome.kind == Kind::permanent || !wait) return {DeliveryState::failed, {}};
  const Duration asked =
      std::min<Duration>(outcome.retry_after.value_or(Duration(0)), limits::retry_after_max);
  item.due = now + std::max(*wait, asked);
  lane.others[id] = item;
  // What else waits for this target is not thrown after it at once, and not kept from it for long.
  lane.rest_until = now + std::min(std::max(*wait, asked), limits::target_rest_max);
  return {DeliveryState::pending, item.due};
}

void Outbox::put_back(std::int64_t id, Time now) {
  const Item item = land(id);
  const std::string target = lane_of_.extract(id).mapped();
  lanes_.at(target).rest_until = now + limits::delivery_wait_first;
  add(target, item);
}

std::optional<Time> Outbox::wakeup_of(const Lane& lane) {
  if (lane.flying) return std::nullopt;
  std::optional<Time> first;
  const auto consider = [&](Time at) {
    at = std::max(at, lane.rest_until);
    if (!first || at < *first) first = at;
  };
  for (const Item& item : lane.others | std::views::values) consider(item.due);
  if (lane.fresh.empty()) return first;
  consider(lane.is_flooded && !lane.sent.empty() ? lane.sent.back() + lane.window : Time{0});
  return first;
}

std::optional<Time> Outbox::next_wakeup() const {
  if (lane_of_.size() >= limits::deliveries_in_flight_max) return std::nullopt;
  std::optional<Time> next;
  for (const Lane& lane : lanes_ | std::views::values)
    if (const auto at = wakeup_of(lane); at && (!next || *at < *next)) next = at;
  return next;
}

std::size_t Outbox::pending(const std::string& target) const {
  const auto lane = lanes_.find(target);
  if (lane == lanes_.end()) return 0;
  return lane->second.fresh.size() + lane->second.others.size() + (lane->second.flying ? 1 : 0);
}

}  // namespace reeve
