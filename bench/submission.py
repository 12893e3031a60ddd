#!/usr/bin/env python3
"""What a submission costs: in one batch, one by one, and with many jobs waiting already.

    ./dev bench submission [--queued 1000000]

The time of one at `--queued` waiting jobs is given as a ratio to the time at 100, and `reeve ls` of
the newest 50 in milliseconds, as a whole process. Each submission is on the disk when it is answered.
"""

import argparse
import statistics

from harness import Reeve, report, seconds
from protocol import Connection

CONTEXT = '{"environment": ["PATH=/usr/bin:/bin"], "umask": 18, "limits": []}'
SPEC = {"command": ["true"], "directory": "/", "hold": True}


def submit(connection, count):
    connection.call("submitJobs", context=CONTEXT, jobs=[SPEC] * count)


def one_by_one(connection, count):
    return [seconds(lambda: submit(connection, 1)) for _ in range(count)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queued", type=int, default=1_000_000)
    options = parser.parse_args()
    with Reeve() as daemon:
        connection = Connection(daemon.home)
        submit(connection, 100)
        few = one_by_one(connection, 1000)
        report("one submission at 100 waiting, ms", [1000 * value for value in few])
        taken = seconds(lambda: submit(connection, 10_000))
        print(f"{'10,000 in one batch, s':<44} {taken:10.3f}")
        taken = seconds(lambda: one_by_one(connection, 10_000))
        print(f"{'10,000 one by one, s':<44} {taken:10.3f}")
        left = options.queued - 21_100
        while left > 0:
            submit(connection, min(left, 50_000))
            left -= 50_000
        many = one_by_one(connection, 1000)
        report(f"one submission at {options.queued:,} waiting, ms", [1000 * value for value in many])
        ratio = statistics.median(many) / statistics.median(few)
        print(f"{'ratio of the medians':<44} {ratio:10.3f}")
        report("reeve ls of the newest 50, ms",
               [1000 * seconds(lambda: daemon.run("ls")) for _ in range(20)])


if __name__ == "__main__":
    main()
