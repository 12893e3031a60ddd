#pragma once
// When which message is sent: back-off of what failed, and digests of floods. Pure: time is an
// argument, and what is to be sent and stored is returned.
//
// A target gets one message at a time. Within its window it gets its burst of messages one by one.
// When more are there than are left of the burst it is flooded: all become one digest, and until
// the flood is over there is one message a window. A message
// that was tried before is never folded into one: it may have arrived, and is repeated under its
// own id, so that the receiver can tell.

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/delivery.h"

namespace reeve {

// The wait after so many tries: 5 s, doubled, with up to a quarter of jitter drawn from the id.
// Nothing when it is given up: after `limits::delivery_tries_max`, which is about a day.
[[nodiscard]] std::optional<Duration> next_try_in(std::int32_t tries, std::int64_t id);

class Outbox {
 public:
  struct Item {
    std::int64_t id = 0;
    std::int32_t tries = 0;
    Time due;
    bool is_alone = false;  // never folded: a digest, or a test
  };
  struct Fold {
    std::string target;
    std::vector<std::int64_t> ids;  // in order; at most `limits::digest_fold_max`
  };
  struct Work {
    std::vector<std::int64_t> send;  // these are under way now
    std::vector<Fold> folds;         // to be stored as a digest each, see `fold`
  };
  struct Settled {
    DeliveryState state = DeliveryState::pending;
    Time due;  // of what is pending
  };

  // Only what goes to these is ever sent.
  explicit Outbox(const NoticeTargets& targets);

  void add(const std::string& target, const Item& item);
  // What is to be done now; a fold is proposed again until `fold` was called.
  [[nodiscard]] Work choose(Time now);
  // The digest is stored: it stands for these from now on.
  void fold(const Fold& fold, std::int64_t digest, Time now);
  // What the end of a try means for the message, which was under way.
  Settled settle(std::int64_t id, const TryOutcome& outcome, Time now);
  // It could not be tried, through no fault of its own: again, a little later.
  void put_back(std::int64_t id, Time now);
  // When `choose` may have something new.
  [[nodiscard]] std::optional<Time> next_wakeup() const;
  [[nodiscard]] std::size_t in_flight() const { return lane_of_.size(); }
  [[nodiscard]] std::size_t pending(const std::string& target) const;

 private:
  struct Lane {
    std::int32_t burst = 0;
    Duration window{0};
    std::set<std::int64_t> fresh;         // never tried, and may be folded: sent at once, or folded
    std::map<std::int64_t, Item> others;  // each has its time
    std::optional<Item> flying;
    std::deque<Time> sent;    // the last ones, `burst` at most
    bool is_flooded = false;  // until a window has passed since the last one
    Time rest_until;
  };

  static void choose_for(const std::string& target, Lane& lane, Time now, Work& work);
  static std::optional<Time> wakeup_of(const Lane& lane);
  static std::int32_t room_in(const Lane& lane, Time now);
  // Takes what was under way out of its lane.
  Item land(std::int64_t id);

  std::map<std::string, Lane> lanes_;
  std::map<std::int64_t, std::string> lane_of_;  // what is under way
};

}  // namespace reeve
