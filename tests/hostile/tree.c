// hostile MODE [stay|leave]: a process tree that is hard to end.
//
// The program builds the tree that MODE names, prints "ready N" on stdout, N being the number of
// processes of the tree beside the main one, and then either stays (the default) or leaves: its
// main process exits with 0 while the rest lives on.
//
// Each process carries a fuse: 25 s after the program was started it dies by itself, whatever it
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
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { fuse_seconds = 25, bomb_size = 200, chain_length = 100, few = 5, chasers = 20 };

// What all processes of the tree share: how many have come to their place.
static atomic_int* arrived;
static time_t deadline;
static char** own_argv;
extern char** environ;

_Noreturn static void fail(const char* what) {
  fprintf(stderr, "hostile: %s: %s\n", what, strerror(errno));
  _exit(99);
}

static time_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec;
}

// Neither an alarm nor a timer is inherited by a child, so each process lights its own fuse. The
// timer sends SIGKILL, which ends also a process that is stopped or ignores all signals.
static void light_fuse(void) {
  const time_t left = deadline - now();
  if (left <= 0) _exit(98);
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
  atomic_int* budget =
      mmap(NULL, sizeof *budget, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (budget == MAP_FAILED) fail("mmap");
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
_Noreturn static void chase(void) {
  char fuse[32];
  snprintf(fuse, sizeof fuse, "%lld", (long long)deadline);
  for (;;) {
    const pid_t pid = fork();
    if (pid > 0) _exit(0);
    if (pid == 0) {
      light_fuse();
      char* const arguments[] = {own_argv[0], "chase-on", fuse, NULL};
      execv("/proc/self/exe", arguments);
      _exit(97);
    }
    nap(1);  // No process was to be had: try again, the fuse burns.
    if (now() >= deadline) _exit(98);
  }
}

static int chaser(int count) {
  for (int i = 0; i < count; ++i) {
    if (grow() == 0) {
      setsid();
      arrive();
      chase();
    }
  }
  return count;
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

static void* live_on(void* unused) {
  (void)unused;
  settle();
}

// Ends the first thread of this process while a second one lives: the process is shown as a
// zombie, and a signal sent by cgroup.kill to its leader ends nothing.
_Noreturn static void lose_leader(void) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, live_on, NULL) != 0) fail("pthread_create");
  pthread_detach(thread);
  syscall(SYS_exit, 0);
  __builtin_unreachable();
}

static int zombie_leader(void) {
  for (int i = 0; i < few; ++i) {
    if (grow() == 0) {
      setsid();
      lose_leader();
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

static int raw_clone(unsigned long flags, int count) {
  for (int i = 0; i < count; ++i) {
    const long pid = syscall(SYS_clone, flags, 0, 0, 0, 0);
    if (pid < 0) fail("clone");
    if (pid == 0) {
      light_fuse();
      settle();
    }
  }
  return count;
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

// Ends the supervisor that started this process. The check of the name keeps a person's shell
// alive when the mode is tried by hand.
static int kill_parent(void) {
  char path[64];
  char name[32] = "";
  snprintf(path, sizeof path, "/proc/%d/comm", (int)getppid());
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || read(fd, name, sizeof name - 1) <= 0) fail(path);
  close(fd);
  if (strncmp(name, "reeve", 5) != 0) {
    fprintf(stderr, "hostile: the parent is no reeve program but %s", name);
    _exit(99);
  }
  double_fork();
  kill(getppid(), SIGKILL);
  return few;
}

static int build(const char* mode) {
  if (strcmp(mode, "plain") == 0) return plain();
  if (strcmp(mode, "double-fork") == 0) return double_fork();
  if (strcmp(mode, "new-session") == 0) return new_session();
  if (strcmp(mode, "daemon") == 0) return daemonise();
  if (strcmp(mode, "bomb") == 0) return bomb();
  if (strcmp(mode, "chaser") == 0) return chaser(1);
  if (strcmp(mode, "chaser-20") == 0) return chaser(chasers);
  if (strcmp(mode, "stopped") == 0) return stopped();
  if (strcmp(mode, "zombie-leader") == 0) return zombie_leader();
  if (strcmp(mode, "subreaper") == 0) return subreaper();
  if (strcmp(mode, "clone-parent") == 0) return raw_clone(CLONE_PARENT | SIGCHLD, few);
  if (strcmp(mode, "no-exit-signal") == 0) return raw_clone(0, few);
  if (strcmp(mode, "respawn-pair") == 0) return respawn_pair();
  if (strcmp(mode, "chain") == 0) return chain();
  if (strcmp(mode, "stdout-holder") == 0) return stdout_holder();
  if (strcmp(mode, "vfork") == 0) return vfork_blocked();
  if (strcmp(mode, "kill-parent") == 0) return kill_parent();
  fprintf(stderr, "hostile: unknown mode %s\n", mode);
  _exit(2);
}

int main(int argc, char** argv) {
  own_argv = argv;
  deadline = now() + fuse_seconds;
  if (argc == 3 && strcmp(argv[1], "chase-on") == 0) {
    deadline = (time_t)atoll(argv[2]);
    light_fuse();
    chase();
  }
  if (argc < 2 || argc > 3) {
    fprintf(stderr, "usage: hostile MODE [stay|leave]\n");
    return 2;
  }
  const bool leaves = argc == 3 && strcmp(argv[2], "leave") == 0;
  light_fuse();
  arrived = mmap(NULL, sizeof *arrived, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (arrived == MAP_FAILED) fail("mmap");

  // The main process itself loses its first thread: it never leaves by itself.
  if (strcmp(argv[1], "zombie-main") == 0) {
    printf("ready 0\n");
    fflush(stdout);
    lose_leader();
  }
  const int expected = build(argv[1]);
  while (atomic_load(arrived) < expected) nap(1);
  printf("ready %d\n", expected);
  fflush(stdout);
  if (leaves) return 0;
  for (;;) pause();
}
