#pragma once
// What every command needs: the way to the daemon, selectors, exit codes.

#include <CLI/App.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "cli/client.h"
#include "core/validation.h"

namespace reeve::cli {

// Exit codes of Reeve itself; a job's own code is passed through by `run`, `wait` and `follow`.
namespace exit_codes {
inline constexpr int refused = 1;
inline constexpr int usage = 2;
inline constexpr int unreachable = 69;
inline constexpr int busy = 75;
inline constexpr int config = 78;
inline constexpr int internal = 125;
inline constexpr int detached = 130;
}  // namespace exit_codes

// Says what went wrong on stderr and returns the exit code for it.
int fail(const Error& error);

// Connects, starting the daemon where needed.
[[nodiscard]] Result<Client> connect(IfDown if_down = IfDown::start);

// Which jobs a command means. The same words on every verb.
struct Selector {
  std::vector<std::string> words;    // "12", "12-15", "last"
  bool all = false;                  // with `unfinished_only`: all that have not ended
  std::vector<std::string> filters;  // "state=failed"
  std::string name;
  std::string group;
  std::vector<std::string> tags;
};

// Adds the selector's arguments to a command; where `-l` means something else, without that.
enum class FilterFlag { with_l, long_only };
void add_selector(CLI::App& command, Selector& selector, FilterFlag flag = FilterFlag::with_l);
// Which jobs `--all`, `-n` and `-l` look among.
enum class Scope {
  any,                // all jobs
  unfinished,         // those that have not ended: for what can only be done to them
  all_is_unfinished,  // with --all those, with -n and -l any: for `wait`
};
// The ids, each once, in the order given. Code `invalid` when nothing was selected or a word is no
// selector.
[[nodiscard]] Result<std::vector<std::int64_t>> resolve(Client& client, const Selector& selector,
                                                        Scope scope);
// Long lists in pieces, so that no message grows beyond its bound.
[[nodiscard]] std::vector<std::vector<std::int64_t>> in_pieces(
    const std::vector<std::int64_t>& ids);

[[nodiscard]] json::array to_array(const std::vector<std::int64_t>& ids);
// A text member, empty when it is null or absent.
[[nodiscard]] std::string text_of(const json::object& object, std::string_view key);
[[nodiscard]] std::int64_t number_of(const json::object& object, std::string_view key);
[[nodiscard]] bool flag_of(const json::object& object, std::string_view key);
// JSON for stdout: valid UTF-8 whatever bytes are in it.
[[nodiscard]] std::string json_text(const json::value& value);

// "4h, the default of pipelines", "none".
[[nodiscard]] std::string time_limit_text(std::optional<Duration> limit, bool is_default);

// What of the command line is not for the parser.
struct CommandWords {
  std::vector<std::string> words;  // the job's command; of a pipeline further words for it
  std::string pipeline;            // its name, where the first word is one; else empty
};

// What `contain` takes from the command line and from whoever started us.
struct ContainInput {
  const std::vector<std::string>& command_words;
  bool ignores_pipe = false;  // SIGPIPE was ignored when we were started
};
// Whether the option of `contain` is followed by a value.
[[nodiscard]] bool takes_contain_value(std::string_view option);

// Each registers its commands with the application; their callbacks throw CLI::RuntimeError with
// the exit code when it is not 0.
// `pipeline` is the command that `pipeline run` belongs to.
void add_submit_commands(CLI::App& app, CLI::App& pipeline, const CommandWords& words);
// Gives the command `pipeline`.
CLI::App* add_pipeline_commands(CLI::App& app);
void add_config_commands(CLI::App& app);
void add_list_commands(CLI::App& app);
void add_log_commands(CLI::App& app);
void add_grep_command(CLI::App& app);
void add_stats_command(CLI::App& app);
void add_control_commands(CLI::App& app);
void add_in_job_commands(CLI::App& app);
void add_why_command(CLI::App& app);
void add_daemon_commands(CLI::App& app);
void add_install_commands(CLI::App& daemon);
void add_contain_command(CLI::App& app, const ContainInput& input);
void add_validate_command(CLI::App& app);
void add_report_command(CLI::App& app);
void add_completion_command(CLI::App& app);
void add_notify_commands(CLI::App& app);
void add_clean_command(CLI::App& app);
void add_remark_commands(CLI::App& app);

// A report for people.
[[nodiscard]] std::string report_text(const ValidationReport& report);

// Ends the command with this exit code.
void finish(int code);

}  // namespace reeve::cli
