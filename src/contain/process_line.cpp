#include "contain/process_line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "contain/process.h"

namespace reeve {
namespace {

// The words of the command with blanks between them; a kernel thread or a zombie has its name only.
void read_command(pid_t pid, char* text, std::size_t size) {
  char path[40];
  snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
  ssize_t length = read_small_file(path, text, size);
  if (length <= 0) {
    snprintf(path, sizeof path, "/proc/%d/comm", pid);
    length = read_small_file(path, text, size);
  }
  while (length > 0 && (text[length - 1] == '\0' || text[length - 1] == '\n')) --length;
  for (ssize_t i = 0; i < length; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte == '\0')
      text[i] = ' ';
    else if (byte < 0x20 || byte == 0x7F)
      text[i] = '.';
  }
  text[length > 0 ? length : 0] = '\0';
}

}  // namespace

std::size_t format_process(pid_t pid, char* line) {
  const auto stat = read_stat(pid);
  if (!stat) return 0;
  char wait[64];
  char path[40];
  snprintf(path, sizeof path, "/proc/%d/wchan", pid);
  if (read_small_file(path, wait, sizeof wait) <= 0 || strcmp(wait, "0") == 0) strcpy(wait, "-");
  char command[240];
  read_command(pid, command, sizeof command);
  static const long page = sysconf(_SC_PAGESIZE);
  static const long ticks = sysconf(_SC_CLK_TCK);
  const int length =
      snprintf(line, process_line_bytes, "%7d %7d %c %7lld %4lld MiB %7.1f s  %-20.20s  %s\n", pid,
               stat->parent, stat->state, static_cast<long long>(stat->threads),
               static_cast<long long>(stat->resident_pages * page >> 20),
               static_cast<double>(stat->cpu_ticks) / static_cast<double>(ticks), wait, command);
  return length < 0 ? 0 : static_cast<std::size_t>(length);
}

}  // namespace reeve
