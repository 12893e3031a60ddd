#!/usr/bin/env python3
"""Cancelling a tree of processes, as a ratio to a bare cgroup.kill of the same tree and reaping it.

    ./dev bench cancel [--processes 1000] [--rounds 5]        (as root, with a cgroup2 hierarchy)

Both are timed until nothing of the tree lives; the cancel has no grace.
"""

import argparse
import os
import pathlib
import subprocess
import sys

from harness import Reeve, report, seconds

TREE = "i=0; while [ $i -lt {} ]; do sleep 1000 & i=$((i+1)); done; echo ready; wait"


def cgroup2():
    for line in pathlib.Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        if " - cgroup2 " in line:
            return pathlib.Path(line.split()[4])
    sys.exit("there is no cgroup2 hierarchy here")


def bare(count):
    """Seconds from cgroup.kill until the tree is reaped."""
    place = cgroup2() / f"reeve-bench-{os.getpid()}"
    place.mkdir()
    try:
        def enter():
            (place / "cgroup.procs").write_text("0", encoding="ascii")
        tree = subprocess.Popen(["sh", "-c", TREE.format(count)], stdout=subprocess.PIPE,
                                preexec_fn=enter)
        tree.stdout.readline()

        def end():
            (place / "cgroup.kill").write_text("1", encoding="ascii")
            tree.wait()
            while "populated 1" in (place / "cgroup.events").read_text(encoding="ascii"):
                pass
        return seconds(end)
    finally:
        place.rmdir()


def ours(daemon, count):
    """Seconds of `reeve cancel --grace 0s`, which returns when nothing lives."""
    job = daemon.run("submit", "--", "sh", "-c", TREE.format(count)).strip()
    while "ready" not in daemon.run("log", job):
        pass
    taken = seconds(lambda: daemon.run("cancel", "--grace", "0s", job))
    state = daemon.json("show", job)["state"]
    assert state == "cancelled", state
    return taken


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with Reeve() as daemon:
        nothing = [seconds(lambda: daemon.run("version")) for _ in range(options.rounds)]
        pairs = [(bare(options.processes), ours(daemon, options.processes))
                 for _ in range(options.rounds)]
    report("bare cgroup.kill and reaping, seconds", [first for first, _ in pairs])
    report("reeve cancel, seconds", [second for _, second in pairs])
    report("ratio", [second / first for first, second in pairs])
    report("a command that does nothing, seconds", nothing)


if __name__ == "__main__":
    main()
