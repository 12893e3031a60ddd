#!/usr/bin/env python3
"""CPU time of reeve-data, for nothing and for checks of one large table.

    ./dev bench validation [--rows 3000000] [--rounds 3]

The table has four columns; it is written to a temporary directory first.
"""

import argparse
import json
import os
import random
import resource
import subprocess
import tempfile

from harness import BIN, report

VALUES = {"columns": ["id", "lat"], "types": {"id": "integer", "lat": "number"},
          "ranges": {"lat": {"min": -90, "max": 90}}, "no_missing": ["*"]}


def write_table(path, rows):
    """About 36 bytes a row."""
    numbers = random.Random(1)
    with open(path, "w", encoding="ascii") as table:
        table.write("id,lat,lon,name\n")
        for row in range(rows):
            table.write(f"{row},{numbers.uniform(-90, 90):.5f},{numbers.uniform(-180, 180):.5f},"
                        f"name-{row % 1000}\n")


def cpu_seconds(directory, *checks):
    """Of one reeve-data that passes these checks."""
    def used():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime
    request = {"directory": directory, "checks": checks}
    before = used()
    answer = subprocess.run([BIN / "reeve-data", "check"],
                            input=json.dumps(request), capture_output=True, text=True, check=True)
    verdicts = [json.loads(line)["outcome"]["verdict"] for line in answer.stdout.splitlines()]
    assert verdicts == ["passed"] * len(checks), answer.stdout
    return used() - before


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=3_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="reeve-bench-") as directory:
        path = os.path.join(directory, "a.csv")
        write_table(path, options.rows)
        print(f"{os.path.getsize(path) / 1e6:.0f} MB of CSV, {options.rows} rows; CPU time")
        table = {"kind": "table", "path": "a.csv"}
        for name, checks in [
                ("no check", []),
                ("rows", [table]),
                ("types, a range, missing values", [table | VALUES]),
                ("and a unique key", [table | VALUES | {"unique": ["id"]}])]:
            report(name, [cpu_seconds(directory, *checks) for _ in range(options.rounds)], " s")


if __name__ == "__main__":
    main()
