// reeve: the command line, and the daemon behind it.

#include "cli/app.h"

int main(int argc, char** argv) {
  return reeve::cli::run_command_line(argc, argv);
}
