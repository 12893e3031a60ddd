// The yardstick of bench/throughput.py: a bare posix_spawn and waitpid loop.
//
//   spawn_loop COUNT IN_FLIGHT PROGRAM

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const long count = std::strtol(argv[1], nullptr, 10);
  const long in_flight = std::strtol(argv[2], nullptr, 10);
  char* arguments[] = {argv[3], nullptr};
  long started = 0;
  long running = 0;
  while (started < count || running > 0) {
    while (started < count && running < in_flight) {
      pid_t pid = 0;
      if (posix_spawn(&pid, argv[3], nullptr, nullptr, arguments, environ) != 0) return 1;
      ++started;
      ++running;
    }
    if (waitpid(-1, nullptr, 0) > 0) --running;
  }
  return 0;
}
