#pragma once
// The `reeve` command.

namespace reeve::cli {

// Parses and runs one command line; returns the exit code of the process.
int run_command_line(int argc, char** argv);

}  // namespace reeve::cli
