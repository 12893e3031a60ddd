#pragma once
// Descriptors that a helper process has no business with.

#include <vector>

namespace reeve {

// Closes all but these, and puts /dev/null in place of 0, 1 and 2 unless they are among them: who
// waits for the end of a pipe that a command has closed must not wait for the helper as well.
void keep_only(std::vector<int> kept);

// Opens those of 0, 1 and 2 that are closed, up to the next execve, so that nothing of ours takes
// their place and is written to as standard error.
void fill_standard_descriptors();

}  // namespace reeve
