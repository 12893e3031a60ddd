#!/usr/bin/env python3
"""What watching jobs costs, and how soon it tells.

From the write of a traceback to the time of its finding, in milliseconds; the CPU time of the
daemon and its keepers while jobs run that do nothing, and while jobs run that write a line every
100 ms; the daemon's memory after it has read logs.

    ./dev bench watch [--jobs 50] [--seconds 20] [--rounds 20]
"""

import argparse
import datetime
import json
import pathlib
import re
import select
import sys

from harness import Reeve, report

WRITER = """
import sys, time
time.sleep(0.3)
at = time.time()
sys.stderr.write('Traceback (most recent call last):\\n  File "a.py", line 3, in f\\n    x\\n'
                 "KeyError: 'lat'\\n")
sys.stderr.flush()
open(sys.argv[1], "w").write(repr(at))
time.sleep(0.5)
"""


def delay(daemon, place):
    """Milliseconds from the write to the finding, as the event's time tells it."""
    job = daemon.run("submit", "--", sys.executable, "-c", WRITER, place).strip()
    daemon.run("wait", job, check=False)
    for line in daemon.run("events", job, "--json").splitlines():
        event = json.loads(line)
        if event["event"] == "log_error":
            found = datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00"))
            return (found.timestamp() - float(pathlib.Path(place).read_text())) * 1000
    raise SystemExit("nothing was found")


def cpu_ns(pids):
    """The time that they have run, to the nanosecond."""
    return sum(int((task / "schedstat").read_text().split()[0])
               for pid in pids for task in pathlib.Path(f"/proc/{pid}/task").iterdir())


def cost(daemon, options, *command):
    """The share of a core that the daemon and the keepers of running jobs take."""
    pid = daemon.json("daemon", "status")["pid"]
    lines = "".join(json.dumps({"command": list(command)}) + "\n" for _ in range(options.jobs))
    ids = daemon.run("submit", "--batch", "-", text=lines).split()
    keepers = set()
    for job in ids:
        while (shown := daemon.json("show", job))["state"] != "running":
            pass
        stat = pathlib.Path(f"/proc/{shown['main_pid']}/stat").read_text()
        keepers.add(int(stat.rsplit(")", 1)[1].split()[1]))
    shares = []
    for of in ({pid}, keepers):
        before = cpu_ns(of)
        select.select([], [], [], options.seconds)
        shares.append((cpu_ns(of) - before) / options.seconds / 1e7)
    daemon.run("cancel", "--all", "--grace", "0")
    return shares


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    with Reeve(cpus=options.jobs + 1) as daemon:
        place = str(pathlib.Path(daemon.home) / "written")
        report("traceback to finding", [delay(daemon, place) for _ in range(options.rounds)], " ms")
        for title, command in (("sleep", ["sleep", "1000"]),
                               ("a line every 100 ms",
                                ["sh", "-c", "while sleep 0.1; do echo line; done"])):
            of_daemon, of_keepers = cost(daemon, options, *command)
            print(f"{options.jobs} jobs, {title}: daemon {of_daemon:.3f} % of a core, "
                  f"keepers {of_keepers:.3f} %")
        status = pathlib.Path(f"/proc/{daemon.json('daemon', 'status')['pid']}/status").read_text()
        print("daemon resident after it", re.search(r"VmRSS:\s+(\d+) kB", status).group(1), "kB")


if __name__ == "__main__":
    main()
