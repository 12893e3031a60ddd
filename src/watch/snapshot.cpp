#include "watch/snapshot.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>

#include "base/text.h"
#include "contain/process.h"
#include "contain/process_line.h"
#include "core/limits.h"

namespace reeve::watch {
namespace {

namespace fs = std::filesystem;

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return printable(valid_utf8(line));
}

std::vector<std::string> names_in(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator item(directory, error), end; !error && item != end;
       item.increment(error)) {
    names.push_back(item->path().filename().string());
    if (names.size() >= limits::snapshot_entries_max) break;
  }
  std::ranges::sort(names, {},
                    [](const std::string& name) { return std::pair(name.size(), name); });
  return names;
}

void add_threads(const std::string& process, std::string& out) {
  const std::vector<std::string> threads = names_in(process + "/task");
  for (const std::string& thread : threads) {
    const std::string place = process + "/task/" + thread;
    std::ifstream stat(place + "/stat");
    const std::string text{std::istreambuf_iterator<char>(stat), {}};
    const auto parsed = parse_stat(text.c_str());
    if (!parsed) continue;
    const std::string wait = first_line(place + "/wchan");
    out += fmt::format("      thread {} {} in {}\n", thread, parsed->state,
                       wait.empty() || wait == "0" ? "-" : wait);
    std::ifstream stack(place + "/stack");
    for (std::string line; std::getline(stack, line);) out += "        " + printable(line) + "\n";
  }
}

void add_files(const std::string& process, std::string& out) {
  for (const std::string& number : names_in(process + "/fd")) {
    std::error_code error;
    const fs::path target = fs::read_symlink(process + "/fd/" + number, error);
    if (!error)
      out += fmt::format("      file {}: {}\n", number, printable(valid_utf8(target.string())));
  }
}

}  // namespace

std::string take_snapshot(const std::vector<pid_t>& pids) {
  std::string out = process_columns;
  for (std::size_t i = 0; i < std::min(pids.size(), limits::snapshot_processes_max); ++i) {
    std::array<char, process_line_bytes> line{};
    const std::size_t length = format_process(pids[i], line.data());
    if (length == 0) continue;
    out.append(line.data(), length);
    const std::string process = fmt::format("/proc/{}", pids[i]);
    add_threads(process, out);
    add_files(process, out);
  }
  if (pids.size() > limits::snapshot_processes_max)
    out += fmt::format("and {} more processes\n", pids.size() - limits::snapshot_processes_max);
  return out;
}

}  // namespace reeve::watch
