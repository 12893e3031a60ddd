#!/usr/bin/env python3
"""A restart of the daemon with a long history and running jobs, and what looking after those costs.

    ./dev bench restart [--finished 100000] [--running 50] [--seconds 30]
"""

import argparse
import contextlib
import json
import os
import pathlib
import select
import signal
import sqlite3

from harness import Reeve, seconds


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def keepers(daemon_pid):
    """Of this daemon's jobs: what has its FIFO open and is a keeper."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "comm").read_text().strip() == "reeve-keeper" and \
                    int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == daemon_pid:
                found.append(int(entry.name))
        except OSError:
            pass
    return found


def multiply_history(database, count):
    """Fills the history from one ended job: running each of them would take minutes."""
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        columns = {table: [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
                   for table in ("job", "attempt", "event")}
        first = connection.execute("SELECT max(id) FROM job").fetchone()[0]
        numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
        for table, key in (("job", "id"), ("attempt", "job"), ("event", "job")):
            names = [name for name in columns[table] if name != "seq"]
            values = [f"{first} + n.i" if name == key else f"t.{name}" for name in names]
            connection.execute(f"{numbers} INSERT INTO {table} ({', '.join(names)}) "
                               f"SELECT {', '.join(values)} FROM {table} AS t, n WHERE t.{key} = ?",
                               (count, first))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--finished", type=int, default=100_000)
    parser.add_argument("--running", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=30)
    options = parser.parse_args()
    with Reeve(cpus=options.running) as daemon:
        daemon.run("submit", "--", "true")
        daemon.run("wait", "--all")
        daemon.run("daemon", "stop")
        multiply_history(os.path.join(daemon.home, "reeve.db"), options.finished)
        batch = json.dumps({"command": ["sleep", "1000"]}) + "\n"
        daemon.run("daemon", "start")
        daemon.run("submit", "--batch", "-", text=batch * options.running)
        while (status := daemon.json("daemon", "status"))["jobs"].get("running") != options.running:
            pass
        pids = keepers(status["pid"])
        before = sum(map(cpu_seconds, pids)) + cpu_seconds(status["pid"])
        select.select([], [], [], options.seconds)
        used = sum(map(cpu_seconds, pids)) + cpu_seconds(status["pid"]) - before
        print(f"daemon and {len(pids)} keepers: {100 * used / options.seconds:.3f} % of a core "
              f"in {options.seconds:g} s")
        os.kill(status["pid"], signal.SIGKILL)
        taken = seconds(lambda: daemon.run("daemon", "start"))
        after = daemon.json("daemon", "status")
        print(f"ready again with {after['jobs']['completed']} ended jobs and {after['keepers']} "
              f"adopted ones: {taken:.3f} s")


if __name__ == "__main__":
    main()
