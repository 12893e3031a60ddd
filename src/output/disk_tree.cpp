#include "output/disk_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cstring>
#include <memory>

#include "base/result.h"

namespace reeve {
namespace {

// Deeper than people nest directories, shallow enough for the descriptors that each level takes.
constexpr int depth_max = 64;

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using Listing = std::unique_ptr<DIR, CloseDirectory>;

Listing list(int directory) {
  const int own = ::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (own < 0) return nullptr;
  Listing listing(::fdopendir(own));
  if (!listing) ::close(own);
  return listing;
}

bool is_dots(const char* name) {
  return std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0;
}

std::int64_t bytes_of(const struct stat& info) {
  const bool is_shared = !S_ISDIR(info.st_mode) && info.st_nlink > 1;
  return is_shared ? 0 : static_cast<std::int64_t>(info.st_blocks) * 512;
}

bool look_at(int parent, const char* name, struct stat& info) {
  return ::fstatat(parent, name, &info, AT_SYMLINK_NOFOLLOW) == 0;
}

void measure(int directory, int depth, TreeSize& size, const GoOn& go_on) {
  const Listing listing = list(directory);
  if (!listing || depth > depth_max) {
    size.is_whole = false;
    return;
  }
  while (const dirent* entry = ::readdir(listing.get())) {
    if (is_dots(entry->d_name)) continue;
    if (!go_on()) {
      size.is_whole = false;
      return;
    }
    struct stat info{};
    if (!look_at(directory, entry->d_name, info)) continue;
    ++size.entries;
    size.bytes += bytes_of(info);
    if (!S_ISDIR(info.st_mode)) continue;
    if (const Fd below = open_directory_below(directory, entry->d_name))
      measure(below.get(), depth + 1, size, go_on);
    else
      size.is_whole = false;
  }
}

// A directory that its owner took the rights from gets them back; through a descriptor, so that
// nothing else can stand in its place meanwhile.
Fd open_to_empty(int parent, const char* name) {
  const Fd place(::openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat info{};
  if (place && ::fstat(place.get(), &info) == 0 && (info.st_mode & S_IRWXU) != S_IRWXU) {
    const std::string link = "/proc/self/fd/" + std::to_string(place.get());
    (void)!::chmod(link.c_str(), 0700);
  }
  return open_directory_below(parent, name);
}

class Remover {
 public:
  explicit Remover(const GoOn& go_on) : go_on_(go_on) {}

  // Removes what stands under a name, whatever it is.
  void remove(int parent, const std::string& name, int depth) {
    struct stat info{};
    if (!look_at(parent, name.c_str(), info)) {
      if (errno != ENOENT) leave(name, errno);
      return;
    }
    if (S_ISDIR(info.st_mode) && !empty(parent, name, depth)) return;
    const std::int64_t bytes = bytes_of(info);
    if (::unlinkat(parent, name.c_str(), S_ISDIR(info.st_mode) ? AT_REMOVEDIR : 0) == 0)
      removal_.bytes += bytes;
    else if (errno != ENOENT)
      leave(name, errno);
  }
  [[nodiscard]] TreeRemoval removal() && { return std::move(removal_); }

 private:
  void leave(const std::string& name, int code) {
    removal_.is_gone = false;
    if (removal_.left.empty())
      removal_.left = name + ": " + to_error(OsError{code, "remove it"}).message;
  }

  // Until a pass over the directory finds nothing: one during which names go may miss some.
  bool empty(int parent, const std::string& name, int depth) {
    const Fd directory = open_to_empty(parent, name.c_str());
    if (!directory) {
      leave(name, errno);
      return false;
    }
    if (depth == 0) top_ = directory.get();
    bool has_more = true;
    while (has_more) {
      has_more = false;
      const Listing listing = list(directory.get());
      if (!listing) {
        leave(name, errno);
        return false;
      }
      while (const dirent* entry = ::readdir(listing.get())) {
        if (is_dots(entry->d_name)) continue;
        if (!go_on_()) {
          removal_.is_gone = false;
          return false;
        }
        if (depth >= depth_max && raise(directory.get(), entry->d_name)) continue;
        const bool was_gone = removal_.is_gone;
        remove(directory.get(), entry->d_name, depth + 1);
        if (was_gone && !removal_.is_gone) return false;
        has_more = true;
      }
    }
    return true;
  }

  // A directory that is nested too deep becomes one at the top, so that any depth can be removed.
  bool raise(int directory, const char* name) {
    struct stat info{};
    if (!look_at(directory, name, info) || !S_ISDIR(info.st_mode)) return false;
    const std::string fresh = ".deep-" + std::to_string(++raised_);
    return ::renameat2(directory, name, top_, fresh.c_str(), RENAME_NOREPLACE) == 0;
  }

  const GoOn& go_on_;
  TreeRemoval removal_;
  int top_ = -1;
  int raised_ = 0;
};

}  // namespace

Fd open_directory_below(int parent, const std::string& name) {
  open_how how{};
  how.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS;
  const long opened = ::syscall(SYS_openat2, parent, name.c_str(), &how, sizeof how);
  if (opened >= 0) return Fd(static_cast<int>(opened));
  if (errno != ENOSYS) return {};
  // An older kernel: mounts of the same file system are not told from directories there.
  Fd fd(::openat(parent, name.c_str(), static_cast<int>(how.flags)));
  struct stat above{};
  struct stat here{};
  if (!fd || ::fstat(parent, &above) != 0 || ::fstat(fd.get(), &here) != 0) return {};
  if (above.st_dev == here.st_dev) return fd;
  errno = EXDEV;
  return {};
}

TreeSize measure_tree(int parent, const std::string& name, const GoOn& go_on) {
  TreeSize size;
  struct stat info{};
  if (!look_at(parent, name.c_str(), info)) return size;
  size.exists = true;
  size.bytes = bytes_of(info);
  if (!S_ISDIR(info.st_mode)) return size;
  if (const Fd directory = open_directory_below(parent, name))
    measure(directory.get(), 0, size, go_on);
  else
    size.is_whole = false;
  return size;
}

TreeRemoval remove_tree(int parent, const std::string& name, const GoOn& go_on) {
  Remover remover(go_on);
  remover.remove(parent, name, 0);
  return std::move(remover).removal();
}

}  // namespace reeve
