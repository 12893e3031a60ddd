#pragma once
// Tells the targets: makes what is to be told when a job's event calls for it, and has it
// delivered, one program for each try, so that the daemon's loop never waits for a network.
//
// What is to be told is stored with the event. A try whose end was not stored is repeated by the
// next daemon under the same id: a target hears of everything at least once.

#include <sys/types.h>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "core/lifecycle.h"
#include "core/outbox.h"
#include "store/store.h"

namespace reeve {

struct PostmanSettings {
  NoticeTargets targets;
  std::string program;  // reeve-notify
  std::string host;     // named in what is told
};

class Postman {
 public:
  // `store` lives longer. Called from the daemon's thread.
  Postman(Store& store, PostmanSettings settings);
  // Ends the tries that are under way.
  ~Postman();
  Postman(const Postman&) = delete;
  Postman& operator=(const Postman&) = delete;

  // Takes up what was not told yet.
  [[nodiscard]] Result<void> load(const Now& now);
  // What `event` gives to tell; for Dispatcher::find_deliveries.
  [[nodiscard]] std::vector<Delivery> find_deliveries(const Event& event, const Job& job,
                                                      const Now& now);
  // These are stored now.
  void take(const std::vector<Delivery>& deliveries);
  // Hears of tries that have ended, and begins what is due.
  void advance(const Now& now);
  // When `advance` must be called again at the latest.
  [[nodiscard]] std::optional<Time> next_wakeup() const;

  // Sends a message of its own to the target, once. `then` gets how that ended.
  void test(const std::string& target, const Now& now,
            std::function<void(const Result<TryOutcome>&)> then);
  [[nodiscard]] const NoticeTargets& targets() const { return settings_.targets; }
  [[nodiscard]] std::size_t pending(const std::string& target) const {
    return outbox_.pending(target);
  }

  // Called with each program that was started.
  std::function<void(pid_t pid)> on_started;
  // Called with a descriptor that is not owned by the callee: call `advance` when it is readable.
  std::function<bool(int fd)> watch;

 private:
  struct Try {
    Delivery delivery;
    pid_t pid = 0;
    Fd pidfd;
    Fd answer;  // what it tells
    std::string text;
    Time kill_at;
    bool is_killed = false;
  };
  // What became of a try, until the disk has it.
  struct Unsaved {
    Delivery delivery;
    StoredTry tried;
  };

  void fold(const Outbox::Fold& fold, const Now& now);
  void send(std::int64_t id, const Now& now);
  [[nodiscard]] Result<Try> start(const Delivery& delivery, const Now& now);
  [[nodiscard]] static bool has_answered(Try& running);
  void look_at_tries(const Now& now);
  void conclude(Try& ended, const Now& now);
  void save(const Now& now);

  Store& store_;
  PostmanSettings settings_;
  Outbox outbox_;
  std::string instance_;  // of the database, so that ids of several are never the same
  std::map<std::int64_t, Try> tries_;
  std::vector<Unsaved> unsaved_;
  Time save_at_;
  std::map<std::int64_t, std::function<void(const Result<TryOutcome>&)>> tests_;
};

}  // namespace reeve
