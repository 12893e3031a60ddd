#include "contain/isolation.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "contain/birth.h"

namespace reeve {
namespace {

bool write_file(const char* path, const char* text) {
  const Fd file(open(path, O_WRONLY | O_CLOEXEC));
  const auto length = static_cast<ssize_t>(strlen(text));
  return file && write(file.get(), text, static_cast<std::size_t>(length)) == length;
}

// user_namespaces(7): one id may be mapped without a privilege, after setgroups was given up.
bool map_ids(uid_t user, gid_t group) {
  char map[64];
  snprintf(map, sizeof map, "%u %u 1", user, user);
  if (!write_file("/proc/self/uid_map", map)) return false;
  if (!write_file("/proc/self/setgroups", "deny")) return false;
  snprintf(map, sizeof map, "%u %u 1", group, group);
  return write_file("/proc/self/gid_map", map);
}

}  // namespace

clone_args isolation_arguments(int cgroup) {
  clone_args arguments = vfork_arguments(cgroup);
  arguments.flags &= ~std::uint64_t{CLONE_VM | CLONE_VFORK};
  arguments.flags |= CLONE_NEWPID | CLONE_NEWNS;
  if (geteuid() != 0) arguments.flags |= CLONE_NEWUSER;
  return arguments;
}

OsResult<void> enter_isolation(uid_t user, gid_t group) {
  // The files of a process that may not be traced belong to root, those with its maps as well.
  const int dumpable = prctl(PR_GET_DUMPABLE);
  prctl(PR_SET_DUMPABLE, 1);
  const bool is_mapped = user == 0 || map_ids(user, group);
  const int code = errno;
  prctl(PR_SET_DUMPABLE, dumpable);
  if (!is_mapped) return os_failed("map the user into its namespace", code);
  // After the ids: a change of them would clear it.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return os_failed("keep mounts apart");
  if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0)
    return os_failed("mount a /proc of its own");
  return {};
}

OsResult<void> probe_isolation() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return os_failed("make a pipe");
  const Fd read_end(ends[0]);
  Fd write_end(ends[1]);
  const uid_t user = geteuid();
  const gid_t group = getegid();
  clone_args arguments = isolation_arguments(-1);
  const long pid = reeve_clone3(&arguments, sizeof arguments);
  if (pid == 0) {
    prctl(PR_SET_DUMPABLE, 0);  // as a keeper
    const auto entered = enter_isolation(user, group);
    const OsError outcome = entered ? OsError{} : entered.error();
    (void)!write(write_end.get(), &outcome, sizeof outcome);
    _exit(0);
  }
  if (pid < 0) return os_failed("make a namespace", static_cast<int>(-pid));
  write_end.reset();
  OsError outcome{ECHILD, "make a namespace"};
  // Its memory is a copy of ours: the literal that `action` points to is the same.
  const bool told = read(read_end.get(), &outcome, sizeof outcome) == sizeof outcome;
  waitpid(static_cast<pid_t>(pid), nullptr, __WALL);
  if (!told || outcome.code != 0) return std::unexpected(outcome);
  return {};
}

}  // namespace reeve
