#pragma once
// The operations of the protocol, each a function from arguments to a reply.

#include <boost/json/object.hpp>
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <vector>

#include "api/frame.h"
#include "base/result.h"
#include "daemon/clock.h"
#include "daemon/config.h"
#include "daemon/dispatcher.h"
#include "store/store.h"

namespace reeve {

// Answers one request, now or later, once. Answering after the client has gone does nothing.
using Reply = std::function<void(Result<json::value>)>;

// Answers once what the dispatcher was asked for is durable, or why it is not.
void reply_when_committed(Dispatcher& dispatcher, json::value answer, Reply reply);

class Service {
 public:
  Service(Store& store, Dispatcher& dispatcher, Watch& watch, const QueueClock& clock,
          std::string results_root);

  void handle(Request request, Reply reply);
  // To be called with every job that a commit has changed: answers those who wait for it.
  void jobs_changed(const std::vector<Job>& jobs);
  // Tells everybody who waits that the daemon goes away.
  void shut_down();

  // What `getStatus` reports beyond the queue itself.
  std::function<json::object()> describe_daemon;
  // Asked by `stopDaemon`; `cancel_jobs` ends the running ones first.
  std::function<void(bool cancel_jobs)> request_stop;
  // Operations that others answer; false: it is none of theirs, and `reply` is untouched.
  std::function<bool(const Request& request, Reply& reply)> handle_further;
  // What is wrong with a specification beyond what the dispatcher knows.
  std::function<std::optional<std::string>(const JobSpec& spec)> find_further_fault;
  // Whether what clients tell of the code and the machine is kept with the jobs.
  bool records_provenance = true;

 private:
  using Handler = void (Service::*)(const json::object&, Reply);
  struct Waiter {
    std::vector<JobId> ids;  // what is still awaited
    std::string seen;        // for watchJob: answer when the state differs from this word
    std::vector<JobId> all;  // what was asked for, for the answer
    Reply reply;
  };

  void submit(const json::object& args, Reply reply);
  void list(const json::object& args, Reply reply);
  void show(const json::object& args, Reply reply);
  void select(const json::object& args, Reply reply);
  void cancel(const json::object& args, Reply reply);
  template <typename Wish>
  void wish(const json::object& args, Reply reply);
  void retry(const json::object& args, Reply reply);
  void edit(const json::object& args, Reply reply);
  void specifications(const json::object& args, Reply reply);
  void explain(const json::object& args, Reply reply);
  void signal(const json::object& args, Reply reply);
  void remove(const json::object& args, Reply reply);
  void wait(const json::object& args, Reply reply);
  void watch(const json::object& args, Reply reply);
  void events(const json::object& args, Reply reply);
  void environment(const json::object& args, Reply reply);
  void provenance(const json::object& args, Reply reply);
  void statistics(const json::object& args, Reply reply);
  void settings(const json::object& args, Reply reply);
  void status(const json::object& args, Reply reply);
  void stop(const json::object& args, Reply reply);
  void change_each(const std::vector<std::int64_t>& ids, const Fact& wish, Reply reply);
  void each(const std::vector<std::int64_t>& ids, const std::function<Result<void>(JobId)>& apply,
            Reply reply);
  void answer(Waiter& waiter);
  // Code `not_found` without such a job. From the disk: what is told is what would survive.
  [[nodiscard]] Result<Job> load(std::int64_t id) const;
  [[nodiscard]] Result<void> check_further(const JobSpec& spec) const;
  // What the dispatcher hands to the store as the context of jobs.
  [[nodiscard]] Result<std::string> record(const std::string& context,
                                           const std::optional<std::string>& provenance) const;

  Store& store_;
  Dispatcher& dispatcher_;
  Watch& watch_;
  const QueueClock& clock_;
  std::string results_root_;
  std::list<Waiter> waiters_;
};

}  // namespace reeve
