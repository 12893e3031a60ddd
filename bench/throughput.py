#!/usr/bin/env python3
"""Short durable jobs, two at a time, as a ratio to a bare posix_spawn loop of the same program.

    ./dev bench throughput [--jobs 2000] [--rounds 5]

xargs, task-spooler and GNU parallel are measured beside it where they are installed.
"""

import argparse
import json
import os
import shutil
import subprocess
import tempfile

from harness import BIN, Reeve, report, seconds

PROGRAM = "/bin/true"


def spawn_loop(count):
    subprocess.run([BIN / "spawn_loop", str(count), "2", PROGRAM], check=True)


def xargs(count):
    lines = "\n".join(str(i) for i in range(count))
    subprocess.run(["xargs", "-P2", "-n1", PROGRAM], input=lines, text=True, check=True)


def parallel(count):
    lines = "\n".join(str(i) for i in range(count))
    subprocess.run(["parallel", "-j2", PROGRAM], input=lines, text=True, check=True)


def task_spooler(count):
    with tempfile.TemporaryDirectory() as folder:
        environment = dict(os.environ, TS_SOCKET=os.path.join(folder, "socket"), TMPDIR=folder)
        subprocess.run(["tsp", "-S", "2"], env=environment, check=True, capture_output=True)
        for _ in range(count):
            subprocess.run(["tsp", "-n", PROGRAM], env=environment, check=True, capture_output=True)
        subprocess.run(["tsp", "-w"], env=environment, check=True, capture_output=True)
        subprocess.run(["tsp", "-K"], env=environment, check=True, capture_output=True)


def reeve(count):
    batch = "".join(json.dumps({"command": [PROGRAM]}) + "\n" for _ in range(count))
    with Reeve() as daemon:
        def run():
            daemon.run("submit", "--batch", "-", text=batch)
            daemon.run("wait", "--all")
        taken = seconds(run)
        states = daemon.json("daemon", "status")["jobs"]
        assert states == {"completed": count}, states
        return taken


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    ratios, rates = [], []
    for _ in range(options.rounds):
        bare = seconds(lambda: spawn_loop(options.jobs))
        ours = reeve(options.jobs)
        ratios.append(bare / ours)
        rates.append(options.jobs / ours)
    report("reeve, ratio to bare posix_spawn", ratios)
    report("reeve, jobs a second", rates)
    bare = seconds(lambda: spawn_loop(options.jobs))
    for name, program, run, count in (("xargs", "xargs", xargs, options.jobs),
                                      ("GNU parallel", "parallel", parallel, options.jobs // 4),
                                      ("task-spooler", "tsp", task_spooler, options.jobs // 10)):
        if shutil.which(program) is None:
            print(f"{name:<44} not installed")
            continue
        taken = seconds(lambda run=run, count=count: run(count))
        print(f"{name + ', ratio to bare posix_spawn':<44} "
              f"{(bare / options.jobs) / (taken / count):10.3f}")


if __name__ == "__main__":
    main()
