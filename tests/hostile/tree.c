// hostile MODE [stay|leave]: a process tree that is hard to end.
//
// The program builds the tree that MODE names, prints "ready N" on stdout, N being the number of
// processes of the tree beside the main one, and then either stays (the default) or leaves: its
// main process exits with 0 while the rest lives on. Where the machine does not allow what the
// mode is about, it prints "cannot" and the reason, and exits with 77.
//
// The modes that attack their supervisor wait behind "ready" until there is a file `go` in their
// directory, and rename it to `gone` when they have done so. They refuse to hurt anybody else.
//
// Each process carries a fuse: 90 s after the program was started it dies by itself, whatever it
// ignores, also when it is stopped. The fuse is an absolute time that children and later
// generations inherit, so that a chain of processes that follow each other ends as well.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
  fuse_seconds = 90,
  bomb_size = 200,
  chain_length = 100,
  few = 5,
  chasers = 20,
  fan_width = 100,
  fan_forks_a_second = 8000,
  dumps = 20,
  dump_bytes = 16 << 20,
  path_bytes = 8192,
  unable = 77,
};

// What all processes of the tree share: how many have come to their place.
static atomic_int* arrived;
static time_t deadline;
static char** own_argv;
extern char** environ;

_Noreturn static void fail(const char* what) {
  fprintf(stderr, "hostile: %s: %s\n", what, strerror(errno));
  _exit(99);
}

_Noreturn static void give_up(const char* what) {
  printf("cannot: %s: %s\n", what, strerror(errno));
  fflush(stdout);
  _exit(unable);
}

// For a mode that was tried in a child first, which has told why it cannot be.
static void must_succeed(pid_t trial) {
  int status = 0;
  waitpid(trial, &status, 0);
  if (status != 0) _exit(unable);
}

static void* share(size_t size) {
  void* memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) fail("mmap");
  return memory;
}

static time_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec;
}

static void burn_out(int number) {
  (void)number;
  _exit(98);
}

// Neither an alarm nor a timer is inherited by a child, so each process lights its own fuse. The
// timer sends SIGKILL, which ends also a process that is stopped or ignores all signals. The first
// process of a PID namespace takes no SIGKILL from within; it is ended by its handler.
static void light_fuse(void) {
  const time_t left = deadline - now();
  if (left <= 0) _exit(98);
  signal(SIGALRM, burn_out);
  alarm((unsigned)left);
  timer_t timer;
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL};
  const struct itimerspec when = {.it_value = {.tv_sec = left + 1}};
  if (timer_create(CLOCK_MONOTONIC, &event, &timer) == 0) timer_settime(timer, 0, &when, NULL);
}

// A fork whose child has lit its fuse.
static pid_t grow(void) {
  const pid_t pid = fork();
  if (pid < 0) fail("fork");
  if (pid == 0) light_fuse();
  return pid;
}

static void nap(long milliseconds) {
  const struct timespec time = {.tv_sec = 0, .tv_nsec = milliseconds * 1000000};
  nanosleep(&time, NULL);
}

static void arrive(void) {
  atomic_fetch_add(arrived, 1);
}

_Noreturn static void settle(void) {
  arrive();
  for (;;) pause();
}

static void ignore_everything(void) {
  for (int number = 1; number < NSIG; ++number) {
    if (number != SIGALRM) signal(number, SIG_IGN);
  }
}

// As above, for a process that must still learn of its children: while it has not waited for one,
// the pid of that one is not given to anybody else.
static void ignore_all_but_children(void) {
  ignore_everything();
  signal(SIGCHLD, SIG_DFL);
}

// Each builder below returns the number of processes that will arrive.

static int plain(void) {
  for (int i = 0; i < few; ++i) {
    if (grow() == 0) settle();
  }
  return few;
}

static int double_fork(void) {
  for (int i = 0; i < few; ++i) {
    const pid_t middle = grow();
    if (middle == 0) {
      if (grow() == 0) settle();
      _exit(0);
    }
    waitpid(middle, NULL, 0);
  }
  return few;
}

static int new_session(void) {
  for (int i = 0; i < few; ++i) {
    if (grow() == 0) {
      setsid();
      ignore_everything();
      settle();
    }
  }
  return few;
}

// Wipes what could tell where the process came from: the environment and the arguments, as
// /proc shows them, its name, its directory and its descriptors.
static void forget_origin(void) {
  for (char** entry = environ; *entry != NULL; ++entry) memset(*entry, 0, strlen(*entry));
  clearenv();
  for (char** entry = own_argv; *entry != NULL; ++entry) memset(*entry, 0, strlen(*entry));
  prctl(PR_SET_NAME, "kworker/u8:3", 0, 0, 0);
  if (chdir("/") != 0) fail("chdir");
  for (int fd = 0; fd < 1024; ++fd) close(fd);
}

static int daemonise(void) {
  const pid_t middle = grow();
  if (middle == 0) {
    setsid();
    if (grow() == 0) {
      ignore_everything();
      forget_origin();
      settle();
    }
    _exit(0);
  }
  waitpid(middle, NULL, 0);
  return 1;
}

// Every process of the bomb forks two more until the shared count is used up.
static int bomb(void) {
  static const int spark = 1;
  atomic_int* budget = share(sizeof *budget);
  atomic_store(budget, bomb_size - spark);
  if (grow() != 0) return bomb_size;
  for (int i = 0; i < 2; ++i) {
    if (atomic_fetch_sub(budget, 1) <= 0) break;
    if (grow() == 0) i = -1;  // The child begins its own pair.
  }
  settle();
}

// A chaser is gone before a walker comes by: it forks, executes itself anew in the child, and
// exits, for ever. The fuse travels in the arguments.
static const char chase_on[] = "chase-on";
static const char chase_on_in_sessions[] = "chase-on-in-sessions";

_Noreturn static void chase(const char* how) {
  char fuse[32];
  snprintf(fuse, sizeof fuse, "%lld", (long long)deadline);
  if (how == chase_on_in_sessions) setsid();
  for (;;) {
    const pid_t pid = fork();
    if (pid > 0) _exit(0);
    if (pid == 0) {
      light_fuse();
      char* const arguments[] = {own_argv[0], (char*)how, fuse, NULL};
      execv("/proc/self/exe", arguments);
      _exit(97);
    }
    nap(1);  // No process was to be had: try again, the fuse burns.
    if (now() >= deadline) _exit(98);
  }
}

static int start_chasers(int count, const char* how) {
  for (int i = 0; i < count; ++i) {
    if (grow() == 0) {
      setsid();
      arrive();
      chase(how);
    }
  }
  return count;
}

static int chaser(void) {
  return start_chasers(1, chase_on);
}

static int many_chasers(void) {
  return start_chasers(chasers, chase_on);
}

static int chasers_in_sessions(void) {
  return start_chasers(chasers, chase_on_in_sessions);
}

// Each process of the fan forks and exits, for ever: two children while there is room, else one. So
// many a second that a machine does not run out of processes when whoever reaps them has to wait.
static int chaser_fan(void) {
  atomic_int *living = share(2 * sizeof *living), *forks = living + 1;
  const time_t begun = now();
  atomic_store(living, 1);
  if (grow() != 0) return 1;
  setsid();
  arrive();
  for (;;) {
    while (atomic_load(forks) > (now() - begun + 1) * fan_forks_a_second) nap(1);
    int heirs = 2;
    if (atomic_fetch_add(living, 1) >= fan_width) {
      atomic_fetch_sub(living, 1);
      heirs = 1;
    }
    pid_t pid = -1;
    int born = 0;
    for (int i = 0; i < heirs && pid != 0; ++i) {
      pid = fork();
      if (pid > 0) born += (atomic_fetch_add(forks, 1), 1);
    }
    if (pid == 0) {
      light_fuse();
      continue;
    }
    atomic_fetch_sub(living, born > 0 ? heirs - born : heirs - 1);
    if (born > 0) _exit(0);
    nap(1);
    if (now() >= deadline) _exit(98);
  }
}

static int stopped(void) {
  for (int i = 0; i < few; ++i) {
    if (grow() == 0) {
      setsid();
      arrive();
      for (;;) raise(SIGSTOP);
    }
  }
  return few;
}

// Whoever is stopped, or stops itself, is woken at once, for ever.
static int cont_storm(void) {
  if (grow() == 0) {
    pid_t others[few];
    setsid();
    ignore_all_but_children();
    for (int i = 0; i < few; ++i) {
      others[i] = grow();
      if (others[i] == 0) {
        arrive();
        for (;;) raise(SIGSTOP);
      }
    }
    arrive();
    for (;; sched_yield()) {
      for (int i = 0; i < few; ++i) kill(others[i], SIGCONT);
    }
  }
  return few + 1;
}

// A tracee that its tracer never lets go on: stopped by a signal, or in the middle of its exit.
static void trace_one(bool in_exit) {
  const pid_t pid = grow();
  if (pid < 0) fail("fork");
  if (pid == 0) {
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) _exit(97);
    raise(SIGSTOP);
    _exit(0);
  }
  int status = 0;
  if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status)) fail("ptrace");
  if (ptrace(PTRACE_SETOPTIONS, pid, NULL, (void*)PTRACE_O_TRACEEXIT) != 0) fail("ptrace");
  if (in_exit) {
    if (ptrace(PTRACE_CONT, pid, NULL, NULL) != 0) fail("ptrace");
    if (waitpid(pid, &status, 0) != pid || status >> 8 != (SIGTRAP | PTRACE_EVENT_EXIT << 8))
      fail("PTRACE_O_TRACEEXIT");
  }
  arrive();
}

static int traced(void) {
  if (grow() == 0) {
    setsid();
    ignore_all_but_children();
    for (int i = 0; i < few - 1; ++i) trace_one(i % 2 == 0);
    settle();
  }
  return few;
}

static void* live_on(void* unused) {
  (void)unused;
  settle();
}

static void* leave_soon(void* unused) {
  (void)unused;
  nap(300);
  _exit(0);
}

// Ends the first thread of this process while a second one lives: the process is shown as a
// zombie, and a signal sent by cgroup.kill to its leader ends nothing.
_Noreturn static void lose_leader(void* (*other)(void*)) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, other, NULL) != 0) fail("pthread_create");
  pthread_detach(thread);
  syscall(SYS_exit, 0);
  __builtin_unreachable();
}

static int zombie_leader(void) {
  for (int i = 0; i < few; ++i) {
    if (grow() == 0) {
      setsid();
      lose_leader(live_on);
    }
  }
  return few;
}

static int subreaper(void) {
  if (grow() == 0) {
    setsid();
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    ignore_everything();
    double_fork();
    settle();
  }
  return few + 1;
}

static int raw_clone(unsigned long flags) {
  for (int i = 0; i < few; ++i) {
    const long pid = syscall(SYS_clone, flags, 0, 0, 0, 0);
    if (pid < 0) fail("clone");
    if (pid == 0) {
      light_fuse();
      settle();
    }
  }
  return few;
}

static int clone_parent(void) {
  return raw_clone(CLONE_PARENT | SIGCHLD);
}

static int no_exit_signal(void) {
  return raw_clone(0);
}

// Two processes that look after each other: whoever finds the other one dead starts it again.
_Noreturn static void guard_each_other(void) {
  bool is_elder = true;
  pid_t other = 0;
  for (;; nap(1)) {
    const bool has_other =
        is_elder ? other > 0 && waitpid(other, NULL, WNOHANG) != other : getppid() == other;
    if (has_other) continue;
    is_elder = true;
    other = fork();
    if (other < 0) _exit(97);
    if (other > 0) continue;
    light_fuse();
    arrive();
    is_elder = false;
    other = getppid();
  }
}

static int respawn_pair(void) {
  if (grow() == 0) {
    setsid();
    arrive();
    guard_each_other();
  }
  return 2;
}

static int chain(void) {
  for (int depth = 0; depth < chain_length; ++depth) {
    if (grow() > 0) {
      if (depth == 0) return chain_length;
      settle();
    }
  }
  settle();
}

static int stdout_holder(void) {
  if (grow() == 0) {
    setsid();
    ignore_everything();
    settle();
  }
  return 1;
}

// The parent of a vfork sleeps in the kernel for as long as the child neither executes nor exits.
static int vfork_blocked(void) {
  if (grow() == 0) {
    arrive();
    if (syscall(SYS_clone, CLONE_VFORK | SIGCHLD, 0, 0, 0, 0) == 0) {
      light_fuse();
      settle();
    }
    for (;;) pause();
  }
  return 2;
}

static int namespaces(void) {
  const pid_t trial = grow();
  if (trial == 0) {
    if (unshare(CLONE_NEWUSER | CLONE_NEWPID) != 0) give_up("unshare");
    _exit(0);
  }
  must_succeed(trial);
  if (grow() == 0) {
    setsid();
    ignore_all_but_children();
    if (unshare(CLONE_NEWUSER | CLONE_NEWPID) != 0) fail("unshare");
    if (grow() == 0) {  // The init of the new namespace: signals from within do not end it.
      double_fork();
      settle();
    }
    settle();
  }
  return few + 2;
}

// SIGTERM ends each process, the main one too, but not before it has a successor in a session of
// its own that ignores everything.
static void bequeath(int number) {
  (void)number;
  if (fork() > 0) _exit(0);
  setsid();
  ignore_everything();
  light_fuse();
  for (;;) pause();
}

static int exit_in_grace(void) {
  signal(SIGTERM, bequeath);
  return plain();
}

// Moves this process into a cgroup of the unified hierarchy.
static bool enter_cgroup(const char* directory) {
  char path[path_bytes + 16];
  snprintf(path, sizeof path, "%s/cgroup.procs", directory);
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool done = write(fd, "0", 1) == 1;
  close(fd);
  return done;
}

// The directory of this process's own cgroup in the unified hierarchy; empty if there is none.
static void find_cgroup(char* directory) {
  char line[path_bytes / 2];
  char mount[path_bytes / 2] = "";
  directory[0] = 0;
  FILE* file = fopen("/proc/self/mountinfo", "re");
  while (file != NULL && mount[0] == 0 && fgets(line, sizeof line, file) != NULL) {
    if (strstr(line, " - cgroup2 ") != NULL) sscanf(line, "%*s %*s %*s %*s %4095s", mount);
  }
  if (file != NULL) fclose(file);
  file = fopen("/proc/self/cgroup", "re");
  while (file != NULL && mount[0] != 0 && fgets(line, sizeof line, file) != NULL) {
    if (strncmp(line, "0::", 3) != 0) continue;
    line[strcspn(line, "\n")] = 0;
    snprintf(directory, path_bytes, "%s%s", mount, line + 3);
  }
  if (file != NULL) fclose(file);
}

// Goes up as far as it gets; false when that is nowhere.
static bool leave_upwards(void) {
  char directory[path_bytes];
  bool has_left = false;
  for (;;) {
    find_cgroup(directory);
    char* const slash = strrchr(directory, '/');
    if (slash == NULL || slash[1] == 0) return has_left;
    *slash = 0;
    if (!enter_cgroup(directory)) return has_left;
    has_left = true;
  }
}

static bool join_sibling(void) {
  const char* const sibling = getenv("HOSTILE_CGROUP");
  return sibling != NULL && enter_cgroup(sibling);
}

static int move_away(bool (*move)(void)) {
  const pid_t trial = grow();
  if (trial == 0) {
    errno = ENOENT;
    if (!move()) give_up("enter another cgroup");
    _exit(0);
  }
  must_succeed(trial);
  for (int i = 0; i < few; ++i) {
    if (grow() == 0) {
      setsid();
      ignore_everything();
      if (!move()) fail("enter another cgroup");
      settle();
    }
  }
  return few;
}

static int leave_cgroup(void) {
  return move_away(leave_upwards);
}

static int join_cgroup(void) {
  return move_away(join_sibling);
}

// A copy of this program beside it, named PROGRAM-root, is executed, which has the setuid bit of
// root: signals of an ordinary user are refused. It tells through a pipe that it stands.
static const char stand[] = "stand";
static const char stand_outside[] = "stand-outside";

static int start_setuid_child(const char* how) {
  int ready[2];
  if (pipe2(ready, O_CLOEXEC) != 0) fail("pipe");
  if (grow() == 0) {
    char fuse[32];
    char path[path_bytes];
    setsid();
    snprintf(fuse, sizeof fuse, "%lld", (long long)deadline);
    snprintf(path, sizeof path, "%s-root", own_argv[0]);
    dup2(ready[1], 0);
    execl(path, path, how, fuse, (char*)NULL);
    fail(path);
  }
  close(ready[1]);
  char answer = 0;
  if (read(ready[0], &answer, 1) != 1 || answer != '1') {
    errno = EPERM;
    give_up("execute a setuid program, or leave the cgroup by it");
  }
  arrive();
  return 1;
}

static int setuid_child(void) {
  return start_setuid_child(stand);
}

static int setuid_escape(void) {
  return start_setuid_child(stand_outside);
}

_Noreturn static void stand_still(const char* how) {
  if (geteuid() == 0 && setresuid(0, 0, 0) != 0) fail("setresuid");
  ignore_everything();
  light_fuse();
  const bool stands = strcmp(how, stand) == 0 || leave_upwards();
  (void)!write(0, stands ? "1" : "0", 1);
  if (!stands) _exit(unable);
  for (;;) pause();
}

// Each attack below is made by the main process when the tree is ready.

// What keeps a person's machine whole when a mode is tried by hand, or a test is wrong. The test
// names the namespace of pids that it runs in; from within another one only that is in reach.
static bool is_in_own_namespace(void) {
  char name[64] = "";
  const char* const outside = getenv("HOSTILE_OUTSIDE");
  return outside != NULL && strncmp(outside, "pid:[", 5) == 0 &&
         readlink("/proc/self/ns/pid", name, sizeof name - 1) > 0 && strcmp(name, outside) != 0;
}

static void may_attack_parent(void) {
  char path[64];
  char name[32] = "";
  if (is_in_own_namespace()) return;
  snprintf(path, sizeof path, "/proc/%d/comm", (int)getppid());
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || read(fd, name, sizeof name - 1) <= 0) fail(path);
  close(fd);
  if (strncmp(name, "reeve", 5) == 0) return;
  fprintf(stderr, "hostile: the parent is no reeve program but %s", name);
  _exit(99);
}

// Everybody of a uid that the test has found to be nobody else's.
static void may_attack_all(void) {
  const char* const alone = getenv("HOSTILE_ALONE");
  if (is_in_own_namespace()) return;
  if (alone != NULL && getuid() != 0 && geteuid() != 0 && atoll(alone) == (long long)getuid())
    return;
  fprintf(stderr, "hostile: not without a uid or a namespace of its own\n");
  _exit(99);
}

static void kill_parent(void) {
  kill(getppid(), SIGKILL);
}

// By a pidfd: whoever has the pid next is left in peace.
static void stop_parent(void) {
  const int parent = (int)syscall(SYS_pidfd_open, getppid(), 0);
  if (parent < 0) fail("pidfd_open");
  const long stopped = syscall(SYS_pidfd_send_signal, parent, SIGSTOP, NULL, 0);
  if (grow() != 0) return;
  setsid();
  while (stopped == 0 && syscall(SYS_pidfd_send_signal, parent, SIGSTOP, NULL, 0) == 0) nap(1);
  for (;;) pause();
}

static void kill_everybody(void) {
  may_attack_all();
  kill(-1, SIGKILL);
  double_fork();
}

static void dump_core(void) {
  const struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
  struct rlimit limit;
  if (setrlimit(RLIMIT_CORE, &all) != 0 && getrlimit(RLIMIT_CORE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_CORE, &limit);
  }
  memset(share(dump_bytes), 1, dump_bytes);
  raise(SIGSEGV);
}

// For whoever stays: children that dump core one after the other, one of them at any moment.
static void keep_dumping(void) {
  for (int i = 0; i < dumps; ++i) {
    const pid_t pid = grow();
    if (pid == 0) dump_core();
    waitpid(pid, NULL, 0);
  }
}

static int attacked_parent(void) {
  may_attack_parent();
  return double_fork();
}

struct mode {
  const char* name;
  int (*build)(void);
  void (*attack_and_stay)(void);
  void (*attack_and_leave)(void);
  bool waits;  // for the file `go`, with its attack
};

static const struct mode modes[] = {
    {"plain", plain, NULL, NULL, false},
    {"double-fork", double_fork, NULL, NULL, false},
    {"new-session", new_session, NULL, NULL, false},
    {"daemon", daemonise, NULL, NULL, false},
    {"bomb", bomb, NULL, NULL, false},
    {"chaser", chaser, NULL, NULL, false},
    {"chaser-20", many_chasers, NULL, NULL, false},
    {"chaser-20-sessions", chasers_in_sessions, NULL, NULL, false},
    {"chaser-fan", chaser_fan, NULL, NULL, false},
    {"stopped", stopped, NULL, NULL, false},
    {"cont-storm", cont_storm, NULL, NULL, false},
    {"traced", traced, NULL, NULL, false},
    {"zombie-leader", zombie_leader, NULL, NULL, false},
    {"subreaper", subreaper, NULL, NULL, false},
    {"clone-parent", clone_parent, NULL, NULL, false},
    {"no-exit-signal", no_exit_signal, NULL, NULL, false},
    {"respawn-pair", respawn_pair, NULL, NULL, false},
    {"namespaces", namespaces, NULL, NULL, false},
    {"chain", chain, NULL, NULL, false},
    {"stdout-holder", stdout_holder, NULL, NULL, false},
    {"vfork", vfork_blocked, NULL, NULL, false},
    {"exit-in-grace", exit_in_grace, NULL, NULL, false},
    {"leave-cgroup", leave_cgroup, NULL, NULL, false},
    {"join-cgroup", join_cgroup, NULL, NULL, false},
    {"setuid", setuid_child, NULL, NULL, false},
    {"setuid-escape", setuid_escape, NULL, NULL, false},
    {"core-dump", double_fork, keep_dumping, dump_core, false},
    {"kill-parent", attacked_parent, kill_parent, kill_parent, true},
    {"stop-parent", attacked_parent, stop_parent, stop_parent, true},
    {"kill-all", double_fork, kill_everybody, kill_everybody, true},
};

static const struct mode* find_mode(const char* name) {
  for (size_t i = 0; i < sizeof modes / sizeof modes[0]; ++i) {
    if (strcmp(modes[i].name, name) == 0) return &modes[i];
  }
  fprintf(stderr, "hostile: unknown mode %s\n", name);
  _exit(2);
}

// A later generation, which has got its fuse in the arguments.
static void go_on(char** argv) {
  deadline = (time_t)atoll(argv[2]);
  if (strcmp(argv[1], stand) == 0 || strcmp(argv[1], stand_outside) == 0) stand_still(argv[1]);
  light_fuse();
  if (strcmp(argv[1], chase_on) == 0) chase(chase_on);
  if (strcmp(argv[1], chase_on_in_sessions) == 0) chase(chase_on_in_sessions);
}

int main(int argc, char** argv) {
  own_argv = argv;
  deadline = now() + fuse_seconds;
  if (argc == 3 && atoll(argv[2]) > 0) go_on(argv);
  if (geteuid() != getuid() || argc < 2 || argc > 3) {
    fprintf(stderr, "usage: hostile MODE [stay|leave]\n");
    return 2;
  }
  const bool leaves = argc == 3 && strcmp(argv[2], "leave") == 0;
  light_fuse();
  arrived = share(sizeof *arrived);

  // The main process itself loses its first thread. It never leaves by itself, or a while later.
  if (strcmp(argv[1], "zombie-main") == 0) {
    const int expected = double_fork();
    while (atomic_load(arrived) < expected) nap(1);
    printf("ready %d\n", expected);
    fflush(stdout);
    lose_leader(leaves ? leave_soon : live_on);
  }
  const struct mode* const mode = find_mode(argv[1]);
  const int expected = mode->build();
  while (atomic_load(arrived) < expected) nap(1);
  printf("ready %d\n", expected);
  fflush(stdout);
  while (mode->waits && access("go", F_OK) != 0) nap(5);
  void (*const attack)(void) = leaves ? mode->attack_and_leave : mode->attack_and_stay;
  if (attack != NULL) attack();
  if (mode->waits) rename("go", "gone");
  if (leaves) return 0;
  for (;;) pause();
}
