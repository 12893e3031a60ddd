#pragma once
// Operations of the protocol about what stands beside the queue: who is told, what is kept and
// removed, and what people judge.

#include "api/frame.h"
#include "daemon/cleaning.h"
#include "daemon/dispatcher.h"
#include "daemon/postman.h"
#include "daemon/service.h"
#include "store/store.h"

namespace reeve {

class UpkeepService {
 public:
  // All live longer. `user` is in whose name people act here.
  UpkeepService(Store& store, Dispatcher& dispatcher, const QueueClock& clock, Postman& postman,
                Cleaning& cleaning, std::string user);

  // False: the operation is none of these, and `reply` is untouched.
  bool handle(const Request& request, Reply& reply);
  // For Service::find_further_fault: a target that is not configured.
  [[nodiscard]] std::optional<std::string> find_fault(const JobSpec& spec) const;

 private:
  using Handler = void (UpkeepService::*)(const json::object&, Reply);

  void list_targets(const json::object& args, Reply reply);
  void test_target(const json::object& args, Reply reply);
  void list_deliveries(const json::object& args, Reply reply);
  void keep(const json::object& args, Reply reply);
  void judge(const json::object& args, Reply reply);
  void plan_cleaning(const json::object& args, Reply reply);
  void clean(const json::object& args, Reply reply);
  void remark(const std::vector<std::int64_t>& ids, const Remark& remark, Reply reply);

  Store& store_;
  Dispatcher& dispatcher_;
  const QueueClock& clock_;
  Postman& postman_;
  Cleaning& cleaning_;
  std::string user_;
};

}  // namespace reeve
