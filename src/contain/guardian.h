#pragma once
// The two processes that stand around a contained command.
//
//   front ── backup guardian ── guardian ── command ── …
//
// The guardian is the command's parent and the subreaper of all below it. It ends everything when
// the command has ended, when the front wishes it, and at once when the front or the backup has
// gone. The backup is a subreaper too: should the guardian be killed, what it held becomes the
// backup's, and is ended. Each leads a process group of its own, so that a signal to the group of
// the command does not reach it, and keeps no descriptor of the caller's.

#include "contain/enclosure_wire.h"

namespace reeve {

// Becomes the backup guardian, in a process that was just forked with all signals blocked; makes
// the guardian. Ends the process when nothing of the enclosure lives.
[[noreturn]] void run_backup_guardian(const EnclosureOrder& order);

}  // namespace reeve
