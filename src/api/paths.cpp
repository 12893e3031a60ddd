#include "api/paths.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/fd.h"

namespace reeve {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): before any thread
  return value != nullptr ? value : "";
}

std::string home_directory() {
  if (const std::string home = variable("HOME"); home.starts_with('/')) return home;
  const passwd* user = getpwuid(getuid());  // NOLINT(concurrency-mt-unsafe)
  return user != nullptr && user->pw_dir != nullptr ? user->pw_dir : "";
}

std::string xdg(const char* name, const std::string& home, const char* fallback) {
  const std::string value = variable(name);
  return value.starts_with('/') ? value : home + fallback;
}

// An address for the socket. Long paths go through a descriptor of the directory, which must stay
// open for as long as the address is used.
Result<sockaddr_un> address_of(const std::string& path, Fd& directory) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::string shown = path;
  if (path.size() >= sizeof address.sun_path) {
    const auto slash = path.rfind('/');
    directory.reset(::open(path.substr(0, slash).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!directory) return failed(OsError{errno, "open the state directory"});
    shown = fmt::format("/proc/self/fd/{}/{}", directory.get(), path.substr(slash + 1));
  }
  std::memcpy(address.sun_path, shown.c_str(), shown.size() + 1);
  return address;
}

}  // namespace

Result<Paths> find_paths() {
  if (const std::string home = variable("REEVE_HOME"); !home.empty()) {
    std::error_code error;
    const std::string absolute = std::filesystem::absolute(home, error).lexically_normal().string();
    if (error) return failed(ErrorCode::invalid, "REEVE_HOME is not a usable path: " + home);
    std::string state = absolute;
    while (state.size() > 1 && state.ends_with('/')) state.pop_back();
    return Paths{state, state + "/config.toml"};
  }
  const std::string home = home_directory();
  if (home.empty())
    return failed(ErrorCode::invalid,
                  "there is no home directory to keep the queue in; set REEVE_HOME to a directory");
  return Paths{xdg("XDG_STATE_HOME", home, "/.local/state") + "/reeve",
               xdg("XDG_CONFIG_HOME", home, "/.config") + "/reeve/config.toml"};
}

int lock_holder(int fd) {
  struct flock whole{};
  whole.l_type = F_WRLCK;
  if (::fcntl(fd, F_GETLK, &whole) != 0 || whole.l_type == F_UNLCK) return 0;
  return whole.l_pid;
}

std::optional<int> find_daemon(const Paths& paths) {
  const Fd file(::open(paths.lock().c_str(), O_RDWR | O_CLOEXEC));
  const int pid = file ? lock_holder(file.get()) : 0;
  return pid > 0 ? std::optional<int>(pid) : std::nullopt;
}

Result<int> connect_to(const std::string& socket_path) {
  Fd directory;
  const auto address = address_of(socket_path, directory);
  if (!address) return std::unexpected(address.error());
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return failed(OsError{errno, "make a socket"});
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0)
    return failed(ErrorCode::unreachable,
                  fmt::format("no daemon answers at {}: {}", socket_path,
                              std::strerror(errno)));  // NOLINT(concurrency-mt-unsafe)
  return fd.release();
}

Result<int> listen_at(const std::string& socket_path) {
  Fd directory;
  const auto address = address_of(socket_path, directory);
  if (!address) return std::unexpected(address.error());
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return failed(OsError{errno, "make a socket"});
  ::unlink(socket_path.c_str());
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0 ||
      ::chmod(socket_path.c_str(), 0600) != 0 || ::listen(fd.get(), 128) != 0)
    return failed(OsError{errno, "listen on the daemon's socket"});
  return fd.release();
}

}  // namespace reeve
