#include "data/confinement.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/fd.h"
#include "core/limits.h"

namespace reeve {
namespace {

// Beside what is asked for: the program and its libraries, the stacks of threads, and what the
// allocator holds back.
constexpr std::int64_t address_space_extra = 1LL << 30;
constexpr rlim_t descriptors_max = 256;

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define REEVE_HAS_SHADOW 1
#endif
#endif
#ifdef REEVE_HAS_SHADOW
constexpr bool has_shadow = true;  // a sanitizer reserves terabytes of address space
#else
constexpr bool has_shadow = false;
#endif

bool bound(__rlimit_resource_t resource, rlim_t most) {
  rlimit limit{};
  if (::getrlimit(resource, &limit) != 0) return false;
  limit.rlim_cur = limit.rlim_max = limit.rlim_max < most ? limit.rlim_max : most;
  return ::setrlimit(resource, &limit) == 0;
}

struct Landlock {
  Fd rules;
  std::uint64_t handled = 0;
};

// Every right over files that the kernel knows of; a version that it does not know is refused.
Landlock make_landlock() {
  Landlock made;
  const long version =
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 1) return made;
  constexpr std::uint64_t first_version = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;
  made.handled = first_version;
  if (version >= 2) made.handled |= 1ULL << 13;  // REFER
  if (version >= 3) made.handled |= 1ULL << 14;  // TRUNCATE
  // Older headers end the structure after the first member.
  struct {
    std::uint64_t files;
    std::uint64_t network;
  } attributes{made.handled, version >= 4 ? 3ULL : 0ULL};  // binding and connecting of TCP
  const std::size_t size = version >= 4 ? sizeof attributes : sizeof attributes.files;
  made.rules.reset(static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, size, 0)));
  return made;
}

void allow(const Landlock& landlock, const std::string& path, std::uint64_t access) {
  if (path.empty()) return;
  const Fd place(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!place) return;
  landlock_path_beneath_attr rule{};
  rule.allowed_access = access & landlock.handled;
  rule.parent_fd = place.get();
  (void)::syscall(SYS_landlock_add_rule, landlock.rules.get(), LANDLOCK_RULE_PATH_BENEATH, &rule,
                  0);
}

// Another wall behind DuckDB's own settings, where there is one.
void lock_files(const ConfinementWish& wish) {
  const Landlock landlock = make_landlock();
  if (!landlock.rules) return;
  constexpr std::uint64_t reading = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
  allow(landlock, wish.directory, reading);
  allow(landlock, wish.scratch, ~static_cast<std::uint64_t>(LANDLOCK_ACCESS_FS_EXECUTE));
  // How much memory and how many CPUs there are; which time zone is which.
  for (const char* place : {"/proc", "/sys", "/usr/share/zoneinfo", "/etc/localtime"})
    allow(landlock, place, reading);
  (void)::syscall(SYS_landlock_restrict_self, landlock.rules.get(), 0);
}

}  // namespace

Result<void> confine_self(const ConfinementWish& wish) {
  const auto space = static_cast<rlim_t>(wish.memory + address_space_extra);
  const auto seconds = static_cast<rlim_t>(wish.cpu_seconds);
  const auto file_bytes = wish.scratch.empty() ? 0 : RLIM_INFINITY;
  // Standard output is a pipe: RLIMIT_FSIZE does not bound it.
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || !bound(RLIMIT_CORE, 0) ||
      !bound(RLIMIT_CPU, seconds) || !bound(RLIMIT_FSIZE, file_bytes) ||
      !bound(RLIMIT_NOFILE, descriptors_max) || (!has_shadow && !bound(RLIMIT_AS, space)))
    return failed(OsError{errno, "give up what a check does not need"});
  lock_files(wish);
  return {};
}

}  // namespace reeve
