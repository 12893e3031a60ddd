#include "output/publish.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/fd.h"
#include "base/result.h"

namespace reeve {
namespace {

namespace fs = std::filesystem;

bool sync_path(const std::string& path, int flags) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | flags));
  return file && (::fsync(file.get()) == 0 || errno == EINVAL || errno == EROFS);
}

// The whole file system: for what can't be opened one by one (no permission).
bool sync_all(const std::string& root) {
  const Fd directory(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  return directory && ::syncfs(directory.get()) == 0;
}

OsResult<void> sync_each(const std::string& root) {
  std::error_code error;
  for (fs::recursive_directory_iterator item(root, fs::directory_options::none, error), end;
       item != end; item.increment(error)) {
    const auto status = item->symlink_status(error);
    if (fs::is_regular_file(status) && !sync_path(item->path(), 0))
      return os_failed("bring the results to the disk");
    if (fs::is_directory(status) && !sync_path(item->path(), O_DIRECTORY))
      return os_failed("bring the results to the disk");
  }
  if (error) return os_failed("bring the results to the disk", error.value());
  if (!sync_path(root, O_DIRECTORY)) return os_failed("bring the results to the disk");
  return {};
}

// An error of the disk is one; what kept us from asking the disk is got around or told.
OsResult<void> sync_tree(const std::string& root) {
  auto synced = sync_each(root);
  if (synced || synced.error().code == EIO || synced.error().code == ENOSPC) return synced;
  if (sync_all(root)) return {};
  return synced;
}

bool exists(const std::string& path) {
  struct stat info{};
  return ::lstat(path.c_str(), &info) == 0;
}

// Renames without replacing; where the file system can't promise that (NFS), after looking.
int rename_new(const std::string& from, const std::string& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
  if (exists(to)) return EEXIST;
  return ::rename(from.c_str(), to.c_str()) == 0 ? 0 : errno;
}

// A link that cannot be set (a directory of that name is in the way) leaves the results published.
void set_latest(const PublishOrder& order) {
  if (order.latest.empty()) return;
  const fs::path target(order.target);
  const fs::path latest(order.latest);
  std::error_code error;
  fs::create_directories(latest.parent_path(), error);
  const std::string pointed =
      (fs::path("..") / target.parent_path().filename() / target.filename()).string();
  const std::string fresh =
      (latest.parent_path() / fmt::format(".new-{}", order.key.job.value)).string();
  ::unlink(fresh.c_str());
  if (::symlink(pointed.c_str(), fresh.c_str()) != 0) return;
  if (::rename(fresh.c_str(), order.latest.c_str()) != 0) ::unlink(fresh.c_str());
}

PublishOutcome fail(const PublishOrder& order, const OsError& error) {
  return {order.key, PublishOutcome::Kind::failed,
          to_error(error).message + " (" + order.target + ")", ""};
}

}  // namespace

PublishOutcome publish(const PublishOrder& order) {
  if (!exists(order.staging)) {
    if (exists(order.target)) {
      set_latest(order);
      return {order.key, PublishOutcome::Kind::published, order.target, ""};
    }
    return fail(order, {ENOENT, "find the staged results"});
  }
  struct stat info{};
  if (::lstat(order.staging.c_str(), &info) != 0 || !S_ISDIR(info.st_mode))
    return fail(order, {ENOTDIR,
                        "take the staged results: the job put something else in the place "
                        "of its directory"});
  if (const auto synced = sync_tree(order.staging); !synced) return fail(order, synced.error());
  const fs::path parent = fs::path(order.target).parent_path();
  std::error_code error;
  fs::create_directories(parent, error);
  if (error) return fail(order, {error.value(), "make the run directory"});
  if (const int code = rename_new(order.staging, order.target); code != 0) {
    if (code == EEXIST || code == ENOTEMPTY)
      return {order.key, PublishOutcome::Kind::taken, "", ""};
    return fail(order, {code, "move the results into place"});
  }
  const bool is_safe =
      (sync_path(parent, O_DIRECTORY) && sync_path(parent.parent_path(), O_DIRECTORY)) ||
      (errno != EIO && sync_all(parent));
  if (!is_safe) {
    PublishOutcome outcome = fail(order, {errno, "bring the results to the disk"});
    // Back, so that what is told is true; where that fails, they stand where they stand.
    if (rename_new(order.target, order.staging) != 0) outcome.directory = order.target;
    return outcome;
  }
  set_latest(order);
  return {order.key, PublishOutcome::Kind::published, order.target, ""};
}

}  // namespace reeve
