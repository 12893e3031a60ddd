#include "output/job_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <limits.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <memory>

#include "base/result.h"
#include "core/run_directory.h"

namespace reeve {
namespace {

// The root is the user's, and may be reached through links.
Fd open_root(const std::string& path) {
  return Fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

bool is_staging(const RunPlace& place) {
  return place.directory.starts_with('.');
}

bool is_pointed_at(int root, const std::string& name, const RunPlace& place) {
  const Fd links = open_directory_below(root, "latest");
  std::array<char, PATH_MAX> target{};
  const ssize_t length =
      links ? ::readlinkat(links.get(), name.c_str(), target.data(), target.size()) : -1;
  if (length <= 0) return false;
  return std::string_view(target.data(), static_cast<std::size_t>(length)) ==
         fmt::format("../{}/{}", place.directory, place.leaf);
}

// The name of a log's file in its directory; nothing for a path that is not of our making.
struct LogPlace {
  std::string directory;
  std::string leaf;
};
std::optional<LogPlace> log_place(const std::string& logs, const std::string& path) {
  if (!path.starts_with(logs + "/")) return std::nullopt;
  const std::string rest = path.substr(logs.size() + 1);
  const auto slash = rest.find('/');
  if (slash == std::string::npos || slash == 0 || slash + 1 == rest.size() ||
      rest.find('/', slash + 1) != std::string::npos)
    return std::nullopt;
  return LogPlace{rest.substr(0, slash), rest.substr(slash + 1)};
}

class FilesRemover {
 public:
  FilesRemover(const JobFiles& files, const GoOn& go_on) : files_(files), go_on_(go_on) {}

  void remove_directory(const RunPlace& place, std::size_t number) {
    const Fd root = open_root(place.root);
    if (!root) {
      if (errno != ENOENT) leave(place.root, errno);
      return;
    }
    if (!is_staging(place) && is_pointed_at(root.get(), files_.name, place)) {
      leave(place.leaf + ": `latest` points at it");
      return;
    }
    (void)!::mkdirat(root.get(), ".staging", 0755);
    const Fd staging = open_directory_below(root.get(), ".staging");
    if (!staging) return leave(".staging", errno);
    const std::string doomed = fmt::format("removing.{}.{}", files_.id.value, number);
    if (!take(remove_tree(staging.get(), doomed, go_on_))) return;  // was cut short before
    const Fd directory = open_directory_below(root.get(), place.directory);
    if (!directory) {
      if (errno != ENOENT) leave(place.directory, errno);
      return;
    }
    struct stat info{};
    if (::fstatat(directory.get(), place.leaf.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return;
    // A job's results are a directory: anything else was put in its place by somebody.
    if (!S_ISDIR(info.st_mode)) return leave(place.leaf + ": it is no directory");
    if (::renameat2(directory.get(), place.leaf.c_str(), staging.get(), doomed.c_str(),
                    RENAME_NOREPLACE) != 0)
      return leave(place.leaf, errno);
    (void)take(remove_tree(staging.get(), doomed, go_on_));
    // It stays while others have their results in it.
    if (!is_staging(place)) ::unlinkat(root.get(), place.directory.c_str(), AT_REMOVEDIR);
  }

  void remove_log(const std::string& logs, const std::string& path) {
    const auto place = log_place(logs, path);
    const Fd root = open_root(logs);
    if (!place || !root) return;
    const Fd directory = open_directory_below(root.get(), place->directory);
    if (!directory) return;
    for (const char* suffix : log_suffixes)
      (void)take(remove_tree(directory.get(), place->leaf + suffix, go_on_));
  }

  void remove_checkpoints(const std::string& checkpoints) {
    if (const Fd root = open_root(checkpoints))
      (void)take(remove_tree(root.get(), std::to_string(files_.id.value), go_on_));
  }

  [[nodiscard]] bool goes_on() const { return done_.is_done; }
  [[nodiscard]] FilesRemoval done() && { return std::move(done_); }

 private:
  bool take(const TreeRemoval& removal) {
    done_.bytes += removal.bytes;
    if (!removal.is_gone && removal.left.empty()) done_.is_done = false;
    if (!removal.is_gone && !removal.left.empty()) leave(removal.left);
    return removal.is_gone;
  }
  void leave(const std::string& what, int code) {
    leave(what + ": " + to_error(OsError{code, "take it"}).message);
  }
  void leave(const std::string& words) {
    if (done_.left.empty()) done_.left = words;
  }

  const JobFiles& files_;
  const GoOn& go_on_;
  FilesRemoval done_;
};

void measure_directories(const JobFiles& files, RetentionItem& item, const GoOn& go_on) {
  for (std::size_t i = 0; i < files.directories.size(); ++i) {
    const auto place = place_in_root(files.directories[i]);
    if (!place) continue;
    const Fd root = open_root(place->root);
    const Fd directory = root ? open_directory_below(root.get(), place->directory) : Fd();
    if (!directory) continue;
    const TreeSize size = measure_tree(directory.get(), place->leaf, go_on);
    // An empty staging directory is kept for the next job (see daemon/file_output.h).
    if (!size.exists || (is_staging(*place) && size.entries == 0)) continue;
    item.there.results = true;
    item.results_bytes += size.bytes;
    item.is_latest |= !is_staging(*place) && is_pointed_at(root.get(), files.name, *place);
  }
}

}  // namespace

RetentionItem measure_job(const JobFiles& files, const JobPlaces& places, const GoOn& go_on) {
  RetentionItem item;
  item.id = files.id;
  item.name = files.name;
  item.has_ended = files.has_ended;
  item.is_kept = files.is_kept;
  item.is_under_way = files.removing.any();
  item.ended_at = files.ended_at;
  item.there.record = true;
  measure_directories(files, item, go_on);
  if (const Fd root = open_root(places.checkpoints)) {
    const TreeSize size = measure_tree(root.get(), std::to_string(files.id.value), go_on);
    item.there.results |= size.exists;
    item.results_bytes += size.bytes;
  }
  const Fd logs = open_root(places.logs);
  for (const std::string& path : files.logs) {
    const auto place = log_place(places.logs, path);
    const Fd directory = place && logs ? open_directory_below(logs.get(), place->directory) : Fd();
    if (!directory) continue;
    for (const char* suffix : log_suffixes) {
      const TreeSize size = measure_tree(directory.get(), place->leaf + suffix, go_on);
      item.there.logs |= size.exists;
      item.log_bytes += size.bytes;
    }
  }
  return item;
}

FilesRemoval remove_job_files(const JobFiles& files, const JobParts& parts, const JobPlaces& places,
                              const GoOn& go_on) {
  FilesRemover removal(files, go_on);
  if (parts.results) {
    for (std::size_t i = 0; i < files.directories.size() && removal.goes_on(); ++i)
      if (const auto place = place_in_root(files.directories[i]))
        removal.remove_directory(*place, i);
    if (removal.goes_on()) removal.remove_checkpoints(places.checkpoints);
  }
  if (parts.logs)
    for (const std::string& log : files.logs)
      if (removal.goes_on()) removal.remove_log(places.logs, log);
  return std::move(removal).done();
}

namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

std::vector<std::string> directories_in(Fd directory) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, CloseDirectory> listing(::fdopendir(directory.release()));
  if (!listing) return names;
  while (const dirent* entry = ::readdir(listing.get()))
    if (entry->d_name[0] != '.' && (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN))
      names.emplace_back(entry->d_name);
  return names;
}

}  // namespace

std::vector<std::string> find_unknown_runs(const std::string& root,
                                           const std::set<std::string>& known,
                                           std::size_t entries_max) {
  std::vector<std::string> out;
  Fd opened = open_root(root);
  if (!opened) return out;
  const Fd base(::fcntl(opened.get(), F_DUPFD_CLOEXEC, 0));
  for (const std::string& date : directories_in(std::move(opened))) {
    if (!is_run_date(date)) continue;
    Fd directory = open_directory_below(base.get(), date);
    if (!directory) continue;
    for (const std::string& leaf : directories_in(std::move(directory))) {
      if (out.size() == entries_max) return out;
      std::string path = fmt::format("{}/{}/{}", root, date, leaf);
      if (!known.contains(path)) out.push_back(std::move(path));
    }
  }
  std::ranges::sort(out);
  return out;
}

}  // namespace reeve
