"""The keeper is killed at each system call of its life, or refused something there."""
import re
import shutil
import unittest

import injection
import processes
from harness import SystemTest
from programs import program
from sweeping import Sweep
from world import World

# strace takes the keeper's place, and becomes it; who takes the file of arguments is traced.
WRAPPER = """#!/bin/sh
if mv "{base}/inject" "{base}/inject.$$" 2>/dev/null; then
  exec strace -D -o "{base}/trace" $(cat "{base}/inject.$$") "{base}/bin/reeve-keeper-real" "$@"
fi
exec "{base}/bin/reeve-keeper-real" "$@"
"""
ERRORS = {
    "write": ("EIO", "ENOSPC"), "pwrite64": ("EIO",), "pread64": ("EIO",), "fcntl": ("ENOLCK",),
    "pipe2": ("EMFILE",), "clone3": ("EAGAIN",), "openat": ("ENOSPC", "EMFILE"),
    "read": ("EIO",), "signalfd4": ("EMFILE",), "recvmsg": ("ENOMEM",), "mmap": ("ENOMEM",),
    "poll": ("ENOMEM",), "prctl": ("EINVAL",)}
KINDS = ("results", "slow", "fails", "crash", "endless")


@unittest.skipIf(injection.why_not(), injection.why_not())
class SweepKeeper(SystemTest):
    """One keeper among others; the daemon lives and must find out by itself."""

    def setUp(self):
        pass

    def world(self):
        """A world whose daemon finds the wrapper in the place of the keeper."""
        world = World(self)
        place = world.reeve.base / "bin"
        place.mkdir()
        shutil.copy2(program(), place / "reeve")
        shutil.copy2(program().parent / "reeve-keeper", place / "reeve-keeper-real")
        (place / "reeve-keeper").write_text(WRAPPER.format(base=world.reeve.base))
        (place / "reeve-keeper").chmod(0o755)
        world.reeve.program = place / "reeve"
        world.start()
        return world

    def arm(self, world, *expressions):
        """Let the next keeper be traced."""
        words = " ".join(f"-e {expression}" for expression in expressions)
        (world.reeve.base / "trace").unlink(missing_ok=True)
        (world.reeve.base / "inject").write_text(words)

    def run_one(self, world, kind):
        """One job under the traced keeper, to whatever end."""
        ids = world.submit_kinds(kind)
        if kind == "endless" and ids:
            world.await_state(ids[0], "running", "lost", "failed", "held")
            world.cancel(ids[0])
        return world.settle(6)

    def life(self, kind):
        """The calls of a keeper's life: (name, number, text), in their order."""
        world = self.world()
        self.arm(world, "trace=all")
        self.run_one(world, kind)
        trace = world.reeve.base / "trace"
        processes.until(lambda: "exited with" in trace.read_text(), "the keeper's life is over")
        world.finish(title=f"undisturbed {kind}")
        own = re.split(r"\n(?=execve\()", trace.read_text())[-1]
        points, seen = [], {}
        for line in own.splitlines()[1:]:
            match = re.match(r"(\w+)\(", line)
            if match:
                seen[match[1]] = seen.get(match[1], 0) + 1
                points.append((match[1], seen[match[1]], line))
        return points

    def at(self, sweep, kind, name, number, fault):
        """One point: a keeper with a fault, and the end of its job."""
        point = f"{kind}: {name} {number} {fault}"
        world = sweep.world or sweep.fresh()
        sweep.points += 1
        self.arm(world, f"trace={name}", f"inject={name}:{fault}:when={number}")
        try:
            self.run_one(world, kind)
            sweep.look(point, world.check(allowed=sweep.allowed, is_whole=False))
        except AssertionError as error:
            sweep.give_up_on(point, error)

    def test_killed_at_each_call_of_its_life(self):
        sweep = Sweep(self, "keeper killed", points_max=18, allowed=("lost", "log"),
                      world=self.world)
        for kind in KINDS:
            points = self.life(kind)
            for name, number, _ in points[KINDS.index(kind) % 2::sweep.stride(len(points))]:
                if not sweep.is_hopeless():
                    self.at(sweep, kind, name, number, "signal=SIGKILL")
        sweep.finish()

    def test_refused_at_each_call_of_its_life(self):
        sweep = Sweep(self, "keeper refused", points_max=4, allowed=("lost", "log", "launch_error"),
                      world=self.world)
        points = self.life("results")
        for name, words in ERRORS.items():
            numbers = [number for other, number, _ in points if other == name]
            for number in numbers[::sweep.stride(len(numbers))]:
                for word in words:
                    if not sweep.is_hopeless():
                        self.at(sweep, "results", name, number, f"error={word}")
        sweep.finish()

    def test_records_that_could_not_be_written_leave_no_job_that_never_ends(self):
        sweep = Sweep(self, "record refused", points_max=10, allowed=("lost", "log"),
                      world=self.world)
        for name, number, text in self.life("results"):
            for word in ("EIO", "ENOSPC"):
                if name == "write" and re.match(r'write\(\d+, "[SXE] \d', text):
                    self.at(sweep, "results", name, number, f"error={word}")
        sweep.finish()


if __name__ == "__main__":
    unittest.main()
