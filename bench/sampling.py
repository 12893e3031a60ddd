#!/usr/bin/env python3
"""What it costs to look at what 50 running jobs of four processes each use.

    ./dev bench sampling [--jobs 50] [--rounds 20]

For each way of looking: microseconds of CPU time for one sample of one job, at the pace of the
daemon (a look each 2 s, so that caches cool down), and the share of one core that all the jobs cost
while they are young (each 2 s; each 5 s without cgroups) and later (each 10 s).
"""

import argparse
import os
import pathlib
import signal
import subprocess
import sys

from harness import BIN

JOB = ["sh", "-c", "sleep 1000 & sleep 1000 & sleep 1000 & echo ready; wait"]


def cgroup_parent():
    """A directory where cgroups of version 2 can be made, or nothing."""
    mount = next((line.split()[1] for line in pathlib.Path("/proc/mounts").read_text().splitlines()
                  if line.split()[2] == "cgroup2"), None)
    own = next((line[3:] for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines()
                if line.startswith("0::")), "")
    if mount is None:
        return None
    parent = pathlib.Path(mount + own.rstrip("/")) / f"reeve-bench-{os.getpid()}"
    try:
        parent.mkdir()
    except OSError:
        return None
    return parent


class Jobs:
    """Some jobs, each in a cgroup of its own where there is a parent for them."""

    def __init__(self, count, parent):
        self.parent = parent
        self.cgroups = []
        self.processes = []
        for number in range(count):
            if parent is not None:
                self.cgroups.append(parent / str(number))
                self.cgroups[-1].mkdir()
            self.processes.append(subprocess.Popen(
                JOB, stdout=subprocess.PIPE, start_new_session=True,
                preexec_fn=self.enter if parent is not None else None))
        for process in self.processes:
            process.stdout.readline()

    def enter(self):
        (self.cgroups[-1] / "cgroup.procs").write_text(str(os.getpid()))

    def words(self, with_cgroup):
        """What the measuring program is told: the cgroup, and whose descendants count."""
        return [f"{cgroup if with_cgroup else ''}:{process.pid}" for cgroup, process in
                zip(self.cgroups or [""] * len(self.processes), self.processes)]

    def end(self):
        for process in self.processes:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            process.stdout.close()
        for cgroup in self.cgroups:
            for _ in range(1000):
                try:
                    cgroup.rmdir()
                    break
                except OSError:
                    os.sched_yield()
        if self.parent is not None:
            self.parent.rmdir()


def measure(name, words, rounds, wait_ms, young_s):
    done = subprocess.run([BIN / "sampling", str(rounds), str(wait_ms), *words],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"sampling: {done.returncode} {done.stderr}")
    us, processes, files = done.stdout.split()
    share = float(us) * len(words) / 1e6 * 100
    print(f"{name:<34} {float(us):7.1f} us   {share / young_s:.3f} % of a core each {young_s} s, "
          f"{share / 10:.3f} % each 10 s   ({processes} processes, {files} files kept open)")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    parent = cgroup_parent()
    jobs = Jobs(options.jobs, parent)
    try:
        if parent is not None:
            measure("cgroup, every 2 s", jobs.words(True), options.rounds, 2000, 2)
            measure("cgroup, in a hot loop", jobs.words(True), options.rounds * 10, 0, 2)
        measure("below the keeper, every 2 s", jobs.words(False), options.rounds, 2000, 5)
        measure("below the keeper, in a hot loop", jobs.words(False), options.rounds * 10, 0, 5)
    finally:
        jobs.end()


if __name__ == "__main__":
    main()
