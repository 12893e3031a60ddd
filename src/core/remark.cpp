#include "core/remark.h"

#include <fmt/format.h>

#include <utility>

#include "base/text.h"
#include "core/lifecycle.h"

namespace reeve {
namespace {

using Outcome = std::expected<Step, Error>;

class Remarking {
 public:
  Remarking(Job job, std::string actor, const Now& now) : actor_(std::move(actor)), now_(now) {
    step_.job = std::move(job);
  }

  Outcome operator()(const remark::Keep& keep) {
    if (keep.is_kept && job().removing.any()) return refuse("its files are being removed");
    if (job().is_kept == keep.is_kept) return std::move(step_);
    job().is_kept = keep.is_kept;
    return done(keep.is_kept ? "kept" : "not_kept", "");
  }

  Outcome operator()(const remark::Judge& judge) {
    if (!is_terminal(job().state)) return refuse("it has not ended: there is nothing to judge");
    job().judgement = Judgement{judge.is_valid, judge.why, actor_, now_.utc};
    return done("judged", (judge.is_valid ? "valid: " : "invalid: ") + judge.why);
  }

  Outcome operator()(const remark::Removing& removing) {
    if (!is_terminal(job().state)) return refuse("it has not ended");
    if (job().is_kept) return refuse("it is kept (`reeve keep --no-keep` lets it go)");
    if (job().removing.any()) return refuse("its files are being removed");
    job().removing = removing.parts;
    return done("removing", to_words(removing.parts));
  }

  Outcome operator()(const remark::Removed& removed) {
    if (!job().removing.any()) return refuse("nothing of it was to be removed");
    job().removing = {};
    job().removed.results |= removed.parts.results;
    job().removed.logs |= removed.parts.logs;
    std::string words =
        fmt::format("{}: {} freed", to_words(removed.parts), size_text(removed.bytes));
    if (!removed.left.empty()) words += "; left: " + removed.left;
    return done("removed", std::move(words));
  }

 private:
  Job& job() { return step_.job; }
  Outcome refuse(const std::string& why) const {
    return failed(ErrorCode::conflict, fmt::format("job {}: {}", step_.job.id.value, why));
  }
  Outcome done(std::string kind, std::string detail) {
    step_.events.push_back({job().id, is_terminal(job().state) ? job().attempt.number : 0,
                            std::move(kind), std::nullopt, std::nullopt, Reason::none, actor_,
                            std::move(detail)});
    return std::move(step_);
  }

  std::string actor_;
  Now now_;
  Step step_;
};

}  // namespace

std::expected<Step, Error> apply_remark(Job job, const std::string& actor, const Remark& remark,
                                        const Now& now) {
  return std::visit(Remarking(std::move(job), actor, now), remark);
}

}  // namespace reeve
