#include "daemon/state_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

namespace reeve {
namespace {

// statfs(2) f_type of file systems whose locks and mappings other machines may not see.
bool is_network_file_system(const std::string& path) {
  struct statfs info{};
  if (::statfs(path.c_str(), &info) != 0) return false;
  switch (static_cast<unsigned long>(info.f_type)) {
    case 0x6969:      // NFS
    case 0x517B:      // SMB
    case 0xFE534D42:  // SMB2
    case 0xFF534D42:  // CIFS
    case 0x5346414F:  // AFS
      return true;
    default:
      return false;
  }
}

std::unexpected<Error> unusable(const Paths& paths, int code, const char* what) {
  const Error error = to_error(OsError{code, what});
  return failed(error.code,
                fmt::format("the state directory {} can't be used: {} (set REEVE_HOME to another "
                            "directory)",
                            paths.state, error.message));
}

}  // namespace

Result<Fd> lock_state_directory(const Paths& paths) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(paths.state).parent_path(), error);
  if (::mkdir(paths.state.c_str(), 0700) != 0 && errno != EEXIST)
    return unusable(paths, errno, "make it");
  struct stat info{};
  if (::stat(paths.state.c_str(), &info) != 0) return unusable(paths, errno, "look at it");
  if (!S_ISDIR(info.st_mode)) return unusable(paths, ENOTDIR, "enter it");
  if (info.st_uid != ::geteuid())
    return failed(ErrorCode::forbidden,
                  fmt::format("the state directory {} belongs to another user (uid {}); set "
                              "REEVE_HOME to a directory of yours",
                              paths.state, info.st_uid));
  if (is_network_file_system(paths.state))
    return failed(ErrorCode::forbidden,
                  fmt::format("the state directory {} is on a network file system, where locks and "
                              "the database can't be relied on; set REEVE_HOME to a directory on a "
                              "local disk",
                              paths.state));
  // Whoever may write here may run commands as this user.
  if ((info.st_mode & 077) != 0 && ::chmod(paths.state.c_str(), 0700) != 0)
    return unusable(paths, errno, "make it private");
  Fd lock(::open(paths.lock().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock) return unusable(paths, errno, "open its lock file");
  // From here on nothing else in this process may open and close the file: that would drop the
  // lock.
  struct flock whole{};
  whole.l_type = F_WRLCK;
  if (::fcntl(lock.get(), F_SETLK, &whole) != 0)
    return failed(ErrorCode::busy, fmt::format("a daemon already uses {} (pid {})", paths.state,
                                               lock_holder(lock.get())));
  return lock;
}

Result<void> check_database_is_there(const Paths& paths) {
  if (::access((paths.state + "/permits").c_str(), F_OK) != 0) return {};
  // The first page is written before anything else is; it has at least 512 bytes.
  struct stat info{};
  const bool is_there = ::stat(paths.database().c_str(), &info) == 0;
  if (is_there && info.st_size >= 512) return {};
  return failed(
      ErrorCode::corrupt,
      fmt::format("the database {} is {}, although jobs were run from {}: restore it from "
                  "a backup, or move the whole directory away to start anew",
                  paths.database(), is_there ? "empty" : "gone", paths.state));
}

}  // namespace reeve
