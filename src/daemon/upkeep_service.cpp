#include "daemon/upkeep_service.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "api/requests.h"
#include "base/text.h"

namespace reeve {
namespace {

using request::decode_args;

json::value time_or_null(UtcTime time) {
  return time.ms == 0 ? json::value(nullptr) : json::value(to_rfc3339(time));
}

json::value text_or_null(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

json::value number_or_null(std::int64_t number) {
  return number == 0 ? json::value(nullptr) : json::value(number);
}

json::object to_json(const Delivery& delivery) {
  return {{"id", delivery.id},
          {"target", delivery.target},
          {"kind", to_word(delivery.occasion)},
          {"job", number_or_null(delivery.job.value)},
          {"attempt", delivery.attempt},
          {"event", number_or_null(delivery.event)},
          {"subject", delivery.subject},
          {"state", to_word(delivery.state)},
          {"tries", delivery.tries},
          {"error", text_or_null(delivery.error)},
          {"digest", number_or_null(delivery.digest)},
          {"created_at", time_or_null(delivery.created_at)},
          {"tried_at", time_or_null(delivery.tried_at)},
          {"ended_at", time_or_null(delivery.ended_at)}};
}

std::string_view to_word(NoticeWish wish) {
  static constexpr std::array<std::string_view, 3> words{"end", "failure", "hang"};
  return words[static_cast<std::size_t>(wish)];
}

json::object to_json(const Removal& removal) {
  return {{"id", removal.id.value},
          {"name", removal.name},
          {"ended_at", time_or_null(removal.ended_at)},
          {"results", removal.parts.results},
          {"logs", removal.parts.logs},
          {"record", removal.parts.record},
          {"bytes", removal.bytes},
          {"cause", removal.cause == RemovalCause::age ? "age" : "size"}};
}

std::optional<Duration> duration_of(const std::optional<std::int64_t>& ms) {
  if (!ms) return std::nullopt;
  return Duration(std::max<std::int64_t>(0, *ms));
}

}  // namespace

UpkeepService::UpkeepService(Store& store, Dispatcher& dispatcher, const QueueClock& clock,
                             Postman& postman, Cleaning& cleaning, std::string user)
    : store_(store),
      dispatcher_(dispatcher),
      clock_(clock),
      postman_(postman),
      cleaning_(cleaning),
      user_(std::move(user)) {}

bool UpkeepService::handle(const Request& request, Reply& reply) {
  static constexpr std::array<std::pair<std::string_view, Handler>, 7> handlers{{
      {"listTargets", &UpkeepService::list_targets},
      {"testTarget", &UpkeepService::test_target},
      {"listDeliveries", &UpkeepService::list_deliveries},
      {"keepJobs", &UpkeepService::keep},
      {"judgeJobs", &UpkeepService::judge},
      {"planCleaning", &UpkeepService::plan_cleaning},
      {"cleanJobs", &UpkeepService::clean},
  }};
  for (const auto& [op, handler] : handlers) {
    if (op != request.op) continue;
    (this->*handler)(request.args, std::move(reply));
    return true;
  }
  return false;
}

std::optional<std::string> UpkeepService::find_fault(const JobSpec& spec) const {
  for (const std::string& name : spec.notify) {
    if (postman_.targets().contains(name)) continue;
    std::vector<std::string_view> names;
    for (const auto& [known, target] : postman_.targets()) names.emplace_back(known);
    const auto near = nearest(name, names);
    return fmt::format("there is no target `{}` in the configuration{}", printable(name),
                       near ? fmt::format("; did you mean `{}`?", *near) : "");
  }
  return std::nullopt;
}

void UpkeepService::list_targets(const json::object&, Reply reply) {
  json::array out;
  for (const auto& [name, target] : postman_.targets()) {
    json::array on;
    for (const NoticeWish wish : target.on) on.emplace_back(to_word(wish));
    const auto last = store_.deliveries({name, std::nullopt, std::nullopt, 0, 1});
    if (!last) return reply(std::unexpected(last.error()));
    out.push_back({{"name", name},
                   {"kind", kind_of(target.way)},
                   {"place", place_of(target.way)},
                   {"on", std::move(on)},
                   {"burst", target.burst},
                   {"window_ms", target.window.count()},
                   {"pending", static_cast<std::int64_t>(postman_.pending(name))},
                   {"last", last->empty() ? json::value(nullptr) : to_json(last->front())}});
  }
  reply(json::value(json::object{{"targets", std::move(out)}}));
}

void UpkeepService::test_target(const json::object& args, Reply reply) {
  const auto decoded = decode_args<request::TestTarget>(args);
  if (!decoded) return reply(std::unexpected(decoded.error()));
  postman_.test(
      decoded->name, clock_.now(), [reply = std::move(reply)](const Result<TryOutcome>& outcome) {
        if (!outcome) return reply(std::unexpected(outcome.error()));
        const bool is_delivered = outcome->kind == TryOutcome::Kind::delivered;
        reply(json::value(
            json::object{{"delivered", is_delivered}, {"error", text_or_null(outcome->error)}}));
      });
}

void UpkeepService::list_deliveries(const json::object& args, Reply reply) {
  const auto decoded = decode_args<request::ListDeliveries>(args);
  if (!decoded) return reply(std::unexpected(decoded.error()));
  DeliveryQuery query;
  query.target = decoded->target;
  if (decoded->job) query.job = JobId{*decoded->job};
  if (!decoded->state.empty()) {
    query.state = delivery_state_from_word(decoded->state);
    if (!query.state)
      return reply(failed(ErrorCode::invalid,
                          fmt::format("`{}` is no state of a delivery; they are pending, "
                                      "delivered, failed, folded",
                                      printable(decoded->state))));
  }
  query.before = decoded->before.value_or(0);
  query.rows_max = std::clamp<std::int64_t>(decoded->limit, 1, limits::statistics_rows_max);
  const auto page = store_.deliveries(query);
  if (!page) return reply(std::unexpected(page.error()));
  json::array out;
  for (const Delivery& delivery : *page) {
    json::object row = to_json(delivery);
    json::array tries;
    if (delivery.tries > 0) {
      const auto tried = store_.tries(delivery.id);
      if (!tried) return reply(std::unexpected(tried.error()));
      for (const StoredTry& one : *tried)
        tries.push_back({{"number", one.number},
                         {"at", to_rfc3339(one.at)},
                         {"error", text_or_null(one.error)}});
    }
    row["history"] = std::move(tries);
    out.push_back(std::move(row));
  }
  reply(json::value(json::object{{"deliveries", std::move(out)}}));
}

// Answers after the commit with one result for each job.
void UpkeepService::remark(const std::vector<std::int64_t>& ids, const Remark& remark,
                           Reply reply) {
  json::array results;
  const Now now = clock_.now();
  for (const std::int64_t id : ids) {
    const auto changed = dispatcher_.change({id}, fact::Remarked{user_, remark}, now);
    json::object result{{"id", id}, {"ok", changed.has_value()}};
    if (!changed) {
      result["code"] = to_word(changed.error().code);
      result["message"] = changed.error().message;
    }
    results.push_back(std::move(result));
  }
  reply_when_committed(dispatcher_, json::object{{"results", std::move(results)}},
                       std::move(reply));
}

void UpkeepService::keep(const json::object& args, Reply reply) {
  const auto decoded = decode_args<request::KeepJobs>(args);
  if (!decoded) return reply(std::unexpected(decoded.error()));
  remark(decoded->ids, remark::Keep{decoded->keep}, std::move(reply));
}

void UpkeepService::judge(const json::object& args, Reply reply) {
  const auto decoded = decode_args<request::JudgeJobs>(args);
  if (!decoded) return reply(std::unexpected(decoded.error()));
  if (decoded->why.empty() || decoded->why.size() > limits::judgement_bytes_max)
    return reply(failed(ErrorCode::invalid,
                        fmt::format("a judgement needs a reason of 1 to {} bytes (--why TEXT)",
                                    limits::judgement_bytes_max)));
  remark(decoded->ids, remark::Judge{decoded->valid, decoded->why}, std::move(reply));
}

void UpkeepService::plan_cleaning(const json::object& args, Reply reply) {
  const auto decoded = decode_args<request::PlanCleaning>(args);
  if (!decoded) return reply(std::unexpected(decoded.error()));
  RetentionPolicy policy{duration_of(decoded->results_age_ms), duration_of(decoded->logs_age_ms),
                         duration_of(decoded->record_age_ms),  decoded->bytes_max,
                         decoded->size_takes_results,          decoded->size_takes_logs};
  if (!policy.is_set()) policy = cleaning_.policy();
  if (!policy.is_set())
    return reply(failed(ErrorCode::invalid,
                        "what is to go? Say --older-than 30d or --max-size 50GB, or set "
                        "`[retention]` in the configuration"));
  cleaning_.plan(policy, Cleaning::Age::by_date, clock_.now(),
                 [reply = std::move(reply)](Result<CleaningPlan> plan) {
                   if (!plan) return reply(std::unexpected(plan.error()));
                   json::array items;
                   for (const Removal& removal : plan->items) items.push_back(to_json(removal));
                   reply(json::value(json::object{{"items", std::move(items)},
                                                  {"jobs", plan->jobs},
                                                  {"bytes_total", plan->bytes_total},
                                                  {"unknown", encode_json(plan->unknown)}}));
                 });
}

void UpkeepService::clean(const json::object& args, Reply reply) {
  const auto decoded = decode_args<request::CleanJobs>(args);
  if (!decoded) return reply(std::unexpected(decoded.error()));
  std::vector<Removal> removals;
  for (const request::CleanJob& job : decoded->jobs)
    removals.push_back(
        {{job.id}, "", {}, {job.results, job.logs, job.record}, 0, RemovalCause::age});
  cleaning_.remove(std::move(removals), user_,
                   [reply = std::move(reply)](const Result<CleaningReport>& report) {
                     if (!report) return reply(std::unexpected(report.error()));
                     json::array items;
                     for (const CleaningReport::Item& item : report->items)
                       items.push_back({{"id", item.id.value},
                                        {"bytes", item.bytes},
                                        {"left", text_or_null(item.left)},
                                        {"error", text_or_null(item.error)}});
                     reply(json::value(json::object{{"items", std::move(items)}}));
                   });
}

}  // namespace reeve
