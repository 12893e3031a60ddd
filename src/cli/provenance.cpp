#include "cli/provenance.h"

#include <fmt/format.h>
#include <pwd.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>

#include "base/text.h"
#include "cli/code_state.h"
#include "cli/command.h"
#include "cli/terminal.h"

namespace reeve::cli {
namespace {

// A batch may be spread over many; the further ones are not worth the wait.
constexpr std::size_t work_trees_max = 8;
// Each may bring a diff of 1 MiB, and they come in one message.
constexpr std::size_t ids_at_once = 8;
constexpr std::size_t names_shown = 10;

std::string variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  return value == nullptr ? "" : value;
}

std::string user_name() {
  const passwd* entry = ::getpwuid(::getuid());  // NOLINT(concurrency-mt-unsafe)
  return entry != nullptr ? entry->pw_name : std::to_string(::getuid());
}

Provenance capture_machine() {
  Provenance out;
  utsname names{};
  ::uname(&names);
  out.host = names.nodename;
  out.user = user_name();
  out.kernel = fmt::format("{} {} {}", names.sysname, names.release, names.machine);
  out.reeve = REEVE_VERSION;
  out.virtual_env = variable("VIRTUAL_ENV");
  out.conda_prefix = variable("CONDA_PREFIX");
  out.python = python_version(out.virtual_env, out.conda_prefix);
  return out;
}

struct Record {
  std::int64_t id = 0;
  std::string directory;
  std::optional<Provenance> provenance;
};

Result<std::vector<Record>> load_records(Client& client, const std::vector<std::int64_t>& ids) {
  std::vector<Record> records;
  for (std::size_t at = 0; at < ids.size(); at += ids_at_once) {
    json::array piece;
    for (std::size_t i = at; i < std::min(at + ids_at_once, ids.size()); ++i)
      piece.emplace_back(ids[i]);
    const auto reply = client.call("getProvenance", {{"ids", std::move(piece)}});
    if (!reply) return std::unexpected(reply.error());
    const json::object& recorded = reply->at("recorded").as_object();
    for (const json::value& value : reply->at("jobs").as_array()) {
      const json::object& job = value.as_object();
      Record record{number_of(job, "id"), text_of(job, "directory"), std::nullopt};
      if (const auto* found = recorded.if_contains(text_of(job, "context"))) {
        Provenance provenance;
        if (auto decoded = decode_json(*found, provenance, ""); !decoded)
          return std::unexpected(decoded.error());
        record.provenance = std::move(provenance);
      }
      records.push_back(std::move(record));
    }
  }
  return records;
}

std::string names_text(const CodeState& code) {
  std::string out;
  for (std::size_t i = 0; i < std::min(code.untracked.size(), names_shown); ++i)
    out += (i == 0 ? "" : ", ") + printable(code.untracked[i]);
  if (code.untracked.size() > names_shown || code.untracked_cut) out += ", …";
  return out;
}

std::string changes_text(const CodeState& code) {
  if (!code.changes_known) return "not known: git was not there, failed, or took too long";
  if (code.diff.empty()) return "none";
  const DiffSummary sum = summarise_diff(code.diff);
  return fmt::format("{} file{}, lines: {} more and {} less{}; see --diff", sum.files,
                     sum.files == 1 ? "" : "s", sum.added, sum.removed,
                     code.diff_cut ? " (and more: the record is cut)" : "");
}

std::string describe_record(const Record& record, const json::object& job) {
  std::string out = fmt::format("Job {}\n", record.id);
  const auto line = [&](const char* label, const std::string& text) {
    if (!text.empty()) out += fmt::format("{:<12} {}\n", label, printable(text));
  };
  std::vector<std::string> words;
  for (const json::value& word : job.at("command").as_array())
    words.emplace_back(word.as_string().data(), word.as_string().size());
  line("command", shell_text(words));
  line("directory", record.directory);
  line("submitted", text_of(job, "submitted_at"));
  if (!record.provenance) {
    line("provenance", "not recorded");
    return out;
  }
  const Provenance& from = *record.provenance;
  line("by", from.user + " on " + from.host);
  line("kernel", from.kernel);
  line("reeve", from.reeve);
  line("virtual env", from.virtual_env);
  line("conda", from.conda_prefix);
  line("python", from.python);
  const CodeState* code = find_code(from, record.directory);
  if (code == nullptr) {
    line("code", "in no git work tree");
    return out;
  }
  line("code", code->root);
  line("commit", code->commit.empty() ? "none yet" : code->commit);
  line("branch", code->branch.empty() ? "none (HEAD is detached)" : code->branch);
  line("uncommitted", changes_text(*code));
  line("untracked", names_text(*code));
  return out;
}

json::object to_object(const Record& record, const json::object& job,
                       const json::object& environment) {
  json::object out{{"id", record.id},
                   {"command", job.at("command")},
                   {"directory", record.directory},
                   {"submitted_at", job.at("submitted_at")},
                   {"environment", environment},
                   {"recorded", record.provenance.has_value()},
                   {"git", nullptr}};
  if (!record.provenance) return out;
  const json::value all = encode_json(*record.provenance);
  for (const auto& [key, value] : all.as_object()) {
    const bool is_absent = value.is_string() && value.get_string().empty();
    if (key != "code") out[key] = is_absent ? json::value(nullptr) : value;
  }
  if (const CodeState* code = find_code(*record.provenance, record.directory)) {
    json::object git = encode_json(*code).as_object();
    for (const char* key : {"commit", "branch"})
      if (git.at(key).as_string().empty()) git[key] = nullptr;
    out["git"] = std::move(git);
  }
  return out;
}

bool print_patch(const Record& record) {
  const CodeState* code =
      record.provenance ? find_code(*record.provenance, record.directory) : nullptr;
  if (code == nullptr || !code->changes_known) {
    say(fmt::format("no uncommitted changes are recorded of job {}", record.id));
    return true;
  }
  if (code->diff_cut)
    say(fmt::format("the changes of job {} were too large: this is their beginning", record.id));
  if (!is_terminal(1)) return print(code->diff);
  TerminalFilter filter;
  return print(filter.filter(code->diff)) && print(filter.finish());
}

}  // namespace

std::string python_version(const std::string& virtual_env, const std::string& conda_prefix) {
  if (!virtual_env.empty()) {
    std::ifstream file(virtual_env + "/pyvenv.cfg");
    for (std::string line; std::getline(file, line);) {
      // "version = 3.11.2", or of virtualenv "version_info = 3.11.2.final.0".
      const auto equals = line.find('=');
      if (!line.starts_with("version") || equals == std::string::npos) continue;
      const auto from = line.find_first_not_of(' ', equals + 1);
      if (from == std::string::npos) continue;
      const std::string text = line.substr(from);
      std::string number = text.substr(0, text.find_first_not_of("0123456789."));
      while (number.ends_with('.')) number.pop_back();
      return number;
    }
  }
  if (conda_prefix.empty()) return "";
  // "conda-meta/python-3.11.4-h955ad1f_0.json"
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator(conda_prefix + "/conda-meta", error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with("python-3")) continue;
    const std::string rest = name.substr(7);
    return rest.substr(0, rest.find('-'));
  }
  return "";
}

std::string capture_provenance(Client& client, std::vector<std::string> directories) {
  std::ranges::sort(directories);
  const auto twice = std::ranges::unique(directories);
  directories.erase(twice.begin(), twice.end());
  std::set<std::string> roots;
  for (const std::string& directory : directories) {
    if (roots.size() == work_trees_max) break;
    if (auto root = find_work_tree(directory)) roots.insert(std::move(*root));
  }
  // Asked only where the answer saves more than the question costs; else the daemon drops it.
  if (!roots.empty()) {
    const auto settings = client.call("getSettings", {});
    if (settings && !flag_of(*settings, "provenance")) return "";
  }
  Provenance provenance = capture_machine();
  CaptureBounds bounds = usual_bounds();
  for (const std::string& root : roots) provenance.code.push_back(read_code_state(root, bounds));
  return to_text(provenance);
}

void warn_of_changed_code(Client& client, const std::vector<std::int64_t>& ids) {
  const auto records = load_records(client, ids);
  if (!records) return;  // what is wrong with them the retry itself tells
  CaptureBounds bounds = usual_bounds();
  std::map<std::string, CodeState> present;
  std::map<std::string, std::vector<std::int64_t>> jobs_by_change;
  for (const Record& record : *records) {
    const CodeState* then =
        record.provenance ? find_code(*record.provenance, record.directory) : nullptr;
    if (then == nullptr) continue;
    auto known = present.find(then->root);
    if (known == present.end()) {
      // Changes of one work tree are compared whole, however many there are.
      CaptureBounds own = usual_bounds();
      own.give_up = bounds.give_up;
      known = present.emplace(then->root, read_code_state(then->root, own)).first;
    }
    if (const auto change = describe_change(*then, known->second))
      jobs_by_change[fmt::format("{}: {}", printable(then->root), *change)].push_back(record.id);
  }
  for (const auto& [change, jobs] : jobs_by_change) {
    const std::string others = jobs.size() > 1 ? fmt::format(" and {} more", jobs.size() - 1) : "";
    say(fmt::format("the code of job {}{} has changed since, in {}", jobs.front(), others, change));
  }
}

Result<void> show_provenance(Client& client, const std::vector<std::int64_t>& ids,
                             const ShowProvenance& options) {
  const auto records = load_records(client, ids);
  if (!records) return std::unexpected(records.error());
  json::array all;
  for (const Record& record : *records) {
    if (options.patch) {
      if (!print_patch(record)) return {};
      continue;
    }
    const auto jobs = client.call("getJobs", {{"ids", to_array({record.id})}});
    if (!jobs) return std::unexpected(jobs.error());
    const json::object& job = jobs->at("jobs").as_array().at(0).as_object();
    if (!options.as_json) {
      if (!print(describe_record(record, job))) return {};
      continue;
    }
    const auto environment = client.call("getEnvironment", {{"ids", to_array({record.id})}});
    if (!environment) return std::unexpected(environment.error());
    all.push_back(to_object(record, job, environment->at("environment").as_object()));
  }
  if (options.as_json) (void)print(json_text(all.size() == 1 ? all.front() : json::value(all)));
  return {};
}

}  // namespace reeve::cli
