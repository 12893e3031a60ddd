#include "tidy_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <regex>
#include <set>

namespace reeve::test {
namespace {

constexpr std::size_t source_lines_max = 600;
constexpr std::size_t test_lines_max = 800;
constexpr std::size_t columns_max = 100;

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

bool is_source(std::string_view path) {
  return path.ends_with(".h") || path.ends_with(".cpp");
}

// "engine/local" for "src/engine/local/journal.h".
std::string folder_of(std::string_view path) {
  path.remove_prefix(std::min<std::size_t>(path.size(), path.starts_with("src/") ? 4 : 0));
  const auto slash = path.rfind('/');
  return std::string(slash == std::string_view::npos ? "" : path.substr(0, slash));
}

const std::map<std::string, std::set<std::string>>& arrows() {
  static const std::map<std::string, std::set<std::string>> allowed{
      {"base", {}},
      {"core", {"base"}},
      {"contain", {"base"}},
      {"store", {"base", "core"}},
      {"output", {"base", "core"}},
      {"pipeline", {"base", "core"}},
      {"engine", {"base", "core"}},
      {"engine/fake", {"base", "core", "engine"}},
      {"engine/local", {"base", "core", "contain", "keeper", "engine"}},
      {"keeper", {"base", "contain"}},
      {"watch", {"base", "core", "contain"}},
      {"data", {"base", "core"}},
      {"api", {"base", "core", "store"}},
      {"systemd", {"base"}},
      {"notify", {"base", "core", "contain"}},
      {"cli", {"base", "core", "contain", "pipeline", "api", "systemd"}},
      {"daemon",
       {"base", "core", "contain", "store", "output", "engine", "engine/fake", "engine/local",
        "keeper", "api", "systemd", "watch"}},
      {"programs",
       {"base", "core", "contain", "store", "output", "engine", "engine/fake", "engine/local",
        "keeper", "api", "cli", "daemon", "data", "notify"}},
  };
  return allowed;
}

struct BannedWord {
  const char* rare;  // in every match: regular expressions are slow
  const char* pattern;
  const char* reason;
  std::vector<const char*> allowed_in;  // beginnings of paths
};

const std::vector<BannedWord>& banned_words() {
  static const std::vector<BannedWord> words{
      {"system(",
       R"((^|[^\w.>])system\()",
       "a shell between us and a program: use posix_spawn",
       {}},
      {"thread",
       R"(std::j?thread\b)",
       "one thread owns everything; the daemon has the others",
       {"src/daemon/"}},
      {"::now()",
       R"(::now\(\))",
       "time comes in as an argument, or from base/time",
       {"src/base/time.", "src/daemon/", "src/cli/"}},
      {"sleep",
       R"(\b(sleep_for|sleep_until|usleep|nanosleep)\b)",
       "wait for a fact, not for time",
       {}},
      {"using namespace", R"(\busing namespace\b)", "names say where they come from", {}},
      {"volatile",
       R"(\bvolatile\b)",
       "it orders nothing between threads",
       // Memory shared with a vfork child.
       {"src/keeper/launch.cpp", "src/engine/local/keeper_start.cpp"}},
      {"detach(", R"((\.|->)detach\()", "a thread that nobody joins outlives what it uses", {}},
      {"FIXME", R"(\bFIXME\b)", "mend it before it is merged", {}},
  };
  return words;
}

}  // namespace

Complaints check_arrows(std::string_view path, std::string_view text) {
  Complaints out;
  if (!path.starts_with("src/") || !is_source(path)) return out;
  const std::string from = folder_of(path);
  const auto allowed = arrows().find(from);
  if (allowed == arrows().end())
    return {fmt::format("{}: the folder is not in the list of arrows", path)};
  for (const std::string_view line : lines_of(text)) {
    constexpr std::string_view include = "#include \"";
    if (!line.starts_with(include)) continue;
    const std::string to = folder_of(line.substr(include.size()));
    // It is the daemon, and it checks the daemon's configuration.
    const bool is_daemon_command =
        (path == "src/cli/daemon_commands.cpp" || path == "src/cli/config_commands.cpp") &&
        to == "daemon";
    if (to != from && !allowed->second.contains(to) && !is_daemon_command)
      out.push_back(fmt::format("{}: {} must not include from {}: {}", path, from, to, line));
  }
  return out;
}

Complaints check_length(std::string_view path, std::string_view text,
                        const std::map<std::string, std::string>& exceptions) {
  if (!is_source(path) && !path.ends_with(".py") && !path.ends_with(".c")) return {};
  const std::size_t most = path.starts_with("tests/") ? test_lines_max : source_lines_max;
  const std::size_t lines = lines_of(text).size();
  const bool is_exempt = exceptions.contains(std::string(path));
  if (lines > most && !is_exempt)
    return {fmt::format("{}: {} lines, and {} are the most", path, lines, most)};
  if (lines <= most && is_exempt)
    return {fmt::format("{}: short enough now; take it off the list", path)};
  return {};
}

Complaints check_columns(std::string_view path, std::string_view text) {
  Complaints out;
  if (!is_source(path)) return out;
  std::size_t number = 0;
  for (const std::string_view line : lines_of(text)) {
    ++number;
    const auto columns = std::ranges::count_if(
        line, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
    if (static_cast<std::size_t>(columns) > columns_max)
      out.push_back(fmt::format("{}:{}: {} columns", path, number, columns));
  }
  return out;
}

Complaints check_words(std::string_view path, std::string_view text) {
  Complaints out;
  if (!is_source(path)) return out;
  static const std::vector<std::regex> patterns = [] {
    std::vector<std::regex> made;
    for (const BannedWord& word : banned_words()) made.emplace_back(word.pattern);
    return made;
  }();
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    const BannedWord& word = banned_words()[i];
    if (std::ranges::any_of(word.allowed_in, [&](auto p) { return path.starts_with(p); })) continue;
    std::cmatch match;
    if (text.find(word.rare) != std::string_view::npos &&
        std::regex_search(text.data(), text.data() + text.size(), match, patterns[i])) {
      const auto line = std::count(text.data(), match[0].second, '\n') + 1;
      out.push_back(fmt::format("{}:{}: `{}`: {}", path, line, match.str(), word.reason));
    }
  }
  return out;
}

Complaints check_header(std::string_view path, std::string_view text) {
  if (!path.ends_with(".h") || text.starts_with("#pragma once\n")) return {};
  return {fmt::format("{}: a header begins with #pragma once", path)};
}

Complaints check_last_line(std::string_view path, std::string_view text) {
  if (text.empty() || text.ends_with('\n')) return {};
  return {fmt::format("{}: the last line has no end", path)};
}

Complaints check_places(std::string_view path, std::string_view text) {
  // Nothing here is fetched by address: packages come by name, from wherever the machine gets them.
  static const std::regex address(R"(https?://(?!localhost|127\.)[\w.-]+)");
  std::cmatch found;
  if (text.find("://") != std::string_view::npos &&
      std::regex_search(text.data(), text.data() + text.size(), found, address))
    return {fmt::format("{}: `{}` is an address on the network", path, found.str())};
  static const std::regex homes(R"(/home/\w+/|/Users/\w+/|/r[o]ot/)");
  const bool is_possible = text.find("/home/") != std::string_view::npos ||
                           text.find("/Users/") != std::string_view::npos ||
                           text.find(
                               "/ro"
                               "ot/") != std::string_view::npos;
  std::cmatch match;
  if (!is_possible || !std::regex_search(text.data(), text.data() + text.size(), match, homes))
    return {};
  return {fmt::format("{}: `{}` belongs to one machine", path, match.str())};
}

Complaints check_limits(std::string_view path, std::string_view text,
                        const std::map<std::string, std::string>& sources) {
  Complaints out;
  static const std::regex constant(R"(constexpr [\w:]+ (\w+)[ ={])");
  const std::string whole(text);
  for (std::sregex_iterator found(whole.begin(), whole.end(), constant), end; found != end;
       ++found) {
    const std::string use = "limits::" + found->str(1);
    const bool is_used = std::ranges::any_of(sources, [&](const auto& source) {
      return source.first != path && source.first.starts_with("src/") &&
             source.second.find(use) != std::string::npos &&
             std::regex_search(source.second, std::regex(use + "\\b"));
    });
    if (!is_used) out.push_back(fmt::format("{}: {} bounds nothing", path, use));
  }
  return out;
}

std::map<std::string, std::string> parse_exceptions(std::string_view text, Complaints& complaints) {
  std::map<std::string, std::string> out;
  for (const std::string_view line : lines_of(text)) {
    if (line.empty() || line.starts_with('#')) continue;
    const auto colon = line.find(": ");
    if (colon == std::string_view::npos || colon + 2 >= line.size())
      complaints.push_back(fmt::format("an exception without a reason: {}", line));
    else
      out[std::string(line.substr(0, colon))] = line.substr(colon + 2);
  }
  return out;
}

}  // namespace reeve::test
