// judge, keep

#include <memory>

#include "base/text.h"
#include "cli/command.h"
#include "cli/terminal.h"

namespace reeve::cli {
namespace {

struct RemarkCommand {
  Selector selector;
  std::string id;
  std::string verdict;
  std::string why;
  bool no_keep = false;
};

// One operation for the jobs; those that refused are told.
void send(Client& client, const std::vector<std::int64_t>& ids, const char* op, json::object args) {
  bool any_refused = false;
  for (const auto& piece : in_pieces(ids)) {
    args["ids"] = to_array(piece);
    const auto reply = client.call(op, args);
    if (!reply) return finish(fail(reply.error()));
    for (const json::value& value : reply->at("results").as_array()) {
      if (flag_of(value.as_object(), "ok")) continue;
      say(printable(text_of(value.as_object(), "message")));
      any_refused = true;
    }
  }
  finish(any_refused ? exit_codes::refused : 0);
}

void run_judge(const RemarkCommand& options) {
  if (options.verdict != "valid" && options.verdict != "invalid")
    return finish(fail({ErrorCode::invalid, "judge: expected valid or invalid after the job"}));
  auto client = connect();
  if (!client) return finish(fail(client.error()));
  Selector selector;
  selector.words = {options.id};
  const auto ids = resolve(*client, selector, Scope::any);
  if (!ids) return finish(fail(ids.error()));
  send(*client, *ids, "judgeJobs", {{"valid", options.verdict == "valid"}, {"why", options.why}});
}

void run_keep(const RemarkCommand& options) {
  auto client = connect();
  if (!client) return finish(fail(client.error()));
  const auto ids = resolve(*client, options.selector, Scope::any);
  if (!ids) return finish(fail(ids.error()));
  send(*client, *ids, "keepJobs", {{"keep", !options.no_keep}});
}

}  // namespace

void add_remark_commands(CLI::App& app) {
  const auto judged = std::make_shared<RemarkCommand>();
  CLI::App* judge = app.add_subcommand(
      "judge", "say whether what a job did is valid; it stands beside the state, with your name");
  judge->add_option("job", judged->id, "an id, a range (12-15), or `last`")
      ->type_name("JOB")
      ->required();
  judge->add_option("verdict", judged->verdict, "valid or invalid")->required();
  judge->add_option("--why", judged->why, "the reason, for those who come later")
      ->type_name("TEXT")
      ->required();
  judge->callback([judged] { run_judge(*judged); });

  const auto kept = std::make_shared<RemarkCommand>();
  CLI::App* keep = app.add_subcommand(
      "keep", "mark jobs: nothing of them is removed to save space, whatever their age");
  add_selector(*keep, kept->selector);
  keep->add_flag("--no-keep", kept->no_keep, "take the mark away");
  keep->callback([kept] { run_keep(*kept); });
}

}  // namespace reeve::cli
