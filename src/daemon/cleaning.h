#pragma once
// Retention, as the daemon carries it out: what goes is told by core/retention, the files are the
// cleaner's, and the records the dispatcher's.
//
// Of each job first the record says that parts of it are being removed; then the files go; then the
// record says so, or goes itself. A daemon that dies in between is followed by one that goes on.

#include <deque>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "core/retention.h"
#include "daemon/cleaner.h"
#include "daemon/dispatcher.h"
#include "store/store.h"

namespace reeve {

struct CleaningPlan {
  std::vector<Removal> items;
  std::int64_t bytes_total = 0;      // of results and logs of all ended jobs that were looked at
  std::int64_t jobs = 0;             // that were looked at
  std::vector<std::string> unknown;  // directories that no job made; they stay
};

struct CleaningReport {
  struct Item {
    JobId id;
    std::int64_t bytes = 0;
    std::string left;   // what could not be removed, and why
    std::string error;  // why nothing was done
  };
  std::vector<Item> items;
};

class Cleaning {
 public:
  // Which clock tells how old something is: people who look at a list count days; by itself the
  // daemon also asks the queue's clock, which no wrong date makes jump.
  enum class Age : std::uint8_t { by_date, by_both };
  using PlanDone = std::function<void(Result<CleaningPlan>)>;
  using RemovalDone = std::function<void(Result<CleaningReport>)>;

  // All live longer. `policy` is carried out at once and then daily, if it is set; `results_root`
  // is where directories are looked at that no job made.
  Cleaning(Store& store, Dispatcher& dispatcher, Cleaner& cleaner, RetentionPolicy policy,
           std::string results_root);

  // Goes on with what an earlier daemon began.
  [[nodiscard]] Result<void> load(const Now& now);
  void plan(const RetentionPolicy& policy, Age age, const Now& now, PlanDone then);
  void remove(std::vector<Removal> removals, std::string actor, RemovalDone then);
  // Takes what the cleaner has finished, and goes on.
  void advance(const Now& now);
  [[nodiscard]] std::optional<Time> next_wakeup() const;
  [[nodiscard]] const RetentionPolicy& policy() const { return policy_; }

 private:
  struct Planning {
    RetentionPolicy policy;
    Age age = Age::by_date;
    Now now;
    bool is_listed = false;  // the last page was read
    std::vector<JobFiles> page;
    std::vector<RetentionItem> items;
    std::set<std::string> roots;
    std::set<std::string> known;
    CleaningPlan plan;
    JobId after;
    PlanDone then;
  };
  struct Removing {
    std::deque<Removal> left;
    std::string actor;
    bool is_repeated = false;  // the records say already that it is under way
    std::vector<Cleaner::Order> orders;
    CleaningReport report;
    RemovalDone then;
  };
  using Task = std::variant<Planning, Removing>;

  void proceed(const Now& now);
  void list_page(Planning& planning);
  void take_page(Planning& planning, Cleaner::Measured& measured);
  void finish_plan(Planning& planning);
  void begin_batch(Removing& removing, const Now& now);
  void send_batch(Removing& removing);
  void take_batch(Removing& removing, const Cleaner::Cleaned& cleaned, const Now& now);
  void forget_records(Removing& removing, const std::vector<JobId>& ids);
  void carry_out_policy(const Now& now);
  // Ends the task that is under way, and tells whoever asked for it.
  void finish(const Result<void>& result = {});

  Store& store_;
  Dispatcher& dispatcher_;
  Cleaner& cleaner_;
  RetentionPolicy policy_;
  std::string results_root_;
  std::deque<Task> tasks_;   // the first one is under way
  bool is_waiting_ = false;  // for the cleaner, or for a commit
  std::optional<Time> policy_at_;
};

}  // namespace reeve
