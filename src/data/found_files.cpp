#include "data/found_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <span>

#include "base/text.h"
#include "core/limits.h"

namespace reeve {
namespace {

Fd open_at(int directory, const std::string& path, int flags) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags) | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  return Fd(static_cast<int>(::syscall(SYS_openat2, directory, path.c_str(), &how, sizeof how)));
}

bool is_absence(int code) {
  return code == ENOENT || code == ENOTDIR || code == ELOOP || code == EXDEV;
}

// One search; stops at the first trouble.
class Search {
 public:
  explicit Search(int directory) : directory_(directory) {}

  void look(const std::string& folder, std::span<const GlobPart> parts, std::size_t depth) {
    if (!found_.trouble.empty()) return;
    if (depth > limits::check_depth_max)
      return stop(fmt::format("folders lie deeper than {}", limits::check_depth_max));
    const GlobPart& part = parts.front();
    const auto rest = parts.subspan(1);
    if (part.kind == GlobPart::Kind::any_folders) {
      look(folder, rest, depth);
      for (const Entry& entry : entries_of(folder))
        if (entry.is_folder && !entry.name.starts_with('.'))
          look(below(folder, entry.name), parts, depth + 1);
      return;
    }
    if (part.kind == GlobPart::Kind::literal) return look_at(below(folder, part.text), rest, depth);
    for (const Entry& entry : entries_of(folder)) {
      if (!fits(part, entry.name)) continue;
      if (rest.empty() && entry.is_folder) continue;
      look_at(below(folder, entry.name), rest, depth);
    }
  }

  FoundFiles take() {
    std::ranges::sort(found_.paths);
    const auto again = std::ranges::unique(found_.paths);
    found_.paths.erase(again.begin(), again.end());
    return std::move(found_);
  }

 private:
  struct Entry {
    std::string name;
    bool is_folder;  // and no link to one
  };

  static std::string below(const std::string& folder, const std::string& name) {
    return folder.empty() ? name : folder + "/" + name;
  }

  void look_at(const std::string& path, std::span<const GlobPart> rest, std::size_t depth) {
    if (!found_.trouble.empty()) return;
    if (!rest.empty()) return look(path, rest, depth + 1);
    struct stat status{};
    if (::fstatat(directory_, path.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      if (!is_absence(errno)) stop(path, errno);
      return;
    }
    if (S_ISDIR(status.st_mode)) return;
    if (found_.paths.size() == limits::check_files_max)
      return stop(fmt::format("more than {} files fit the path", limits::check_files_max));
    found_.paths.push_back(path);
  }

  std::vector<Entry> entries_of(const std::string& folder) {
    std::vector<Entry> entries;
    Fd opened = open_at(directory_, folder.empty() ? "." : folder, O_RDONLY | O_DIRECTORY);
    if (!opened) {
      if (!is_absence(errno)) stop(folder, errno);
      return entries;
    }
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(opened.get()), ::closedir);
    if (!stream) return entries;
    (void)opened.release();
    errno = 0;
    while (const dirent* entry = ::readdir(stream.get())) {  // NOLINT(concurrency-mt-unsafe)
      const std::string name = entry->d_name;
      if (name == "." || name == "..") continue;
      if (++seen_ > limits::check_entries_max) {
        stop(fmt::format("there are more than {} entries of folders to look at",
                         limits::check_entries_max));
        return {};
      }
      entries.push_back({name, is_folder(entry->d_type, below(folder, name))});
      errno = 0;
    }
    if (errno != 0) stop(folder, errno);
    return entries;
  }

  bool is_folder(unsigned char type, const std::string& path) const {
    if (type != DT_UNKNOWN) return type == DT_DIR;
    struct stat status{};
    return ::fstatat(directory_, path.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISDIR(status.st_mode);
  }

  void stop(const std::string& path, int code) {
    stop(fmt::format("`{}` can't be looked at: {}", path.empty() ? "." : printable(path),
                     errno_name(code)));
  }
  void stop(std::string why) {
    if (found_.trouble.empty()) found_.trouble = std::move(why);
  }

  int directory_;
  FoundFiles found_;
  std::size_t seen_ = 0;
};

}  // namespace

FoundFiles find_files(int directory, const std::vector<GlobPart>& pattern) {
  Search search(directory);
  search.look("", pattern, 0);
  return search.take();
}

Result<OpenedFile> open_below(int directory, const std::string& path) {
  OpenedFile opened;
  opened.path = path;
  // Looked at before it is opened: opening a FIFO or a device may wait, or do something.
  const Fd place = open_at(directory, path, O_PATH);
  if (!place) {
    if (errno == EXDEV) opened.kind = OpenedFile::Kind::outside;
    if (is_absence(errno)) return opened;
    return failed(OsError{errno, "open it"});
  }
  struct stat status{};
  if (::fstat(place.get(), &status) != 0) return failed(OsError{errno, "look at it"});
  if (S_ISDIR(status.st_mode))
    opened.kind = OpenedFile::Kind::folder;
  else if (!S_ISREG(status.st_mode))
    opened.kind = OpenedFile::Kind::other;
  else
    opened.kind = OpenedFile::Kind::regular;
  if (opened.kind != OpenedFile::Kind::regular) return opened;
  const std::string same = fmt::format("/proc/self/fd/{}", place.get());
  opened.file.reset(::open(same.c_str(), O_RDONLY | O_CLOEXEC));
  if (!opened.file) return failed(OsError{errno, "open it"});
  opened.bytes = status.st_size;
  opened.changed_ms = status.st_mtim.tv_sec * 1000 + status.st_mtim.tv_nsec / 1'000'000;
  return opened;
}

}  // namespace reeve
