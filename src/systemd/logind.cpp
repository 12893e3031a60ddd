#include "systemd/logind.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>

#include "systemd/program.h"

namespace reeve::systemd {
namespace {

constexpr Duration patience{1000};

Answer to_answer(std::string_view word) {
  for (const std::string_view yes : {"1", "yes", "y", "true", "t", "on"})
    if (word == yes) return Answer::yes;
  for (const std::string_view no : {"0", "no", "n", "false", "f", "off"})
    if (word == no) return Answer::no;
  return Answer::unknown;
}

// An empty assignment clears the list, others add to it.
void add_words(std::vector<std::string>& list, const std::string& value) {
  std::istringstream words(value);
  bool is_empty = true;
  for (std::string word; words >> word; is_empty = false) list.push_back(word);
  if (is_empty) list.clear();
}

void apply(KillPolicy& policy, const std::string& key, const std::string& value) {
  if (key == "KillUserProcesses" && to_answer(value) != Answer::unknown)
    policy.kills = to_answer(value);
  if (key == "KillOnlyUsers") add_words(policy.only, value);
  if (key == "KillExcludeUsers") add_words(policy.exempt, value);
}

std::string without_blanks(const std::string& text) {
  const auto first = text.find_first_not_of(" \t\r");
  return first == std::string::npos
             ? ""
             : text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

// Words in quotes, as busctl prints them: as 2 "root" "backup".
std::vector<std::string> quoted_words(const std::string& line) {
  std::vector<std::string> words;
  for (std::size_t at = line.find('"'); at != std::string::npos;) {
    const auto end = line.find('"', at + 1);
    if (end == std::string::npos) break;
    words.push_back(line.substr(at + 1, end - at - 1));
    at = line.find('"', end + 1);
  }
  return words;
}

std::string text_of_file(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The main file and the drop-ins in their order; of those with one name the first directory's.
std::vector<std::string> configuration_files() {
  std::vector<std::string> texts;
  std::map<std::string, std::filesystem::path> drop_ins;
  std::error_code error;
  for (const char* directory : {"/etc", "/run", "/usr/local/lib", "/usr/lib"}) {
    const auto main = std::filesystem::path(directory) / "systemd/logind.conf";
    if (texts.empty() && std::filesystem::exists(main, error)) texts.push_back(text_of_file(main));
    for (const auto& entry : std::filesystem::directory_iterator(main.string() + ".d", error))
      if (entry.path().extension() == ".conf")
        drop_ins.try_emplace(entry.path().filename(), entry.path());
  }
  if (texts.empty()) texts.emplace_back();
  for (const auto& [name, path] : drop_ins) texts.push_back(text_of_file(path));
  return texts;
}

KillPolicy ask_kill_policy() {
  const auto answer = run_program(
      {"busctl", "get-property", "org.freedesktop.login1", "/org/freedesktop/login1",
       "org.freedesktop.login1.Manager", "KillUserProcesses", "KillOnlyUsers", "KillExcludeUsers"},
      patience);
  if (answer && answer->code == 0)
    if (auto policy = kill_policy_from_bus(answer->out)) return *policy;
  return kill_policy_in(configuration_files());
}

}  // namespace

KillPolicy kill_policy_in(const std::vector<std::string>& files) {
  KillPolicy policy;
  Answer compiled_in = Answer::unknown;
  for (std::size_t i = 0; i < files.size(); ++i) {
    std::istringstream lines(files[i]);
    for (std::string line; std::getline(lines, line);) {
      line = without_blanks(line);
      const bool is_comment = line.starts_with('#') || line.starts_with(';');
      const auto equals = line.find('=');
      if (equals == std::string::npos) continue;
      const std::string key = without_blanks(line.substr(is_comment ? 1 : 0, equals - is_comment));
      const std::string value = without_blanks(line.substr(equals + 1));
      if (!is_comment)
        apply(policy, key, value);
      else if (i == 0 && key == "KillUserProcesses")
        compiled_in = to_answer(value);
    }
  }
  if (policy.kills == Answer::unknown) policy.kills = compiled_in;
  return policy;
}

std::optional<KillPolicy> kill_policy_from_bus(std::string_view printed) {
  std::istringstream lines{std::string(printed)};
  std::string kills;
  std::string only;
  std::string exempt;
  if (!std::getline(lines, kills) || !std::getline(lines, only) || !std::getline(lines, exempt) ||
      !kills.starts_with("b ") || !only.starts_with("as ") || !exempt.starts_with("as "))
    return std::nullopt;
  return KillPolicy{to_answer(without_blanks(kills.substr(2))), quoted_words(only),
                    quoted_words(exempt)};
}

Answer kills_session_of(const KillPolicy& policy, const std::string& user) {
  if (policy.kills != Answer::yes) return policy.kills;
  if (std::ranges::find(policy.exempt, user) != policy.exempt.end()) return Answer::no;
  const bool is_meant =
      policy.only.empty() || std::ranges::find(policy.only, user) != policy.only.end();
  return is_meant ? Answer::yes : Answer::no;
}

Answer ask_lingering(const std::string& user) {
  if (!is_booted()) return Answer::unknown;
  // Where logind keeps it (systemd-logind.service(8)); its directory comes with the first user.
  struct stat info{};
  if (::stat(("/var/lib/systemd/linger/" + user).c_str(), &info) == 0) return Answer::yes;
  if (errno == ENOENT) return Answer::no;
  const auto answer =
      run_program({"loginctl", "show-user", user, "-p", "Linger", "--value"}, patience);
  if (!answer || answer->code != 0) return Answer::unknown;
  return to_answer(without_blanks(answer->out.substr(0, answer->out.find('\n'))));
}

LogoutPolicy ask_logout_policy(const Place& place, const std::string& user) {
  LogoutPolicy policy;
  policy.lingers = ask_lingering(user);
  if (place.kind == PlaceKind::session)
    policy.kills_session = kills_session_of(ask_kill_policy(), user);
  return policy;
}

}  // namespace reeve::systemd
