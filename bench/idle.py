#!/usr/bin/env python3
"""What Reeve costs while nothing happens: resident memory, and wake-ups in ten seconds.

    ./dev bench idle [--seconds 10]
"""

import argparse
import pathlib
import re
import select

from harness import Reeve


def status(pid, field):
    text = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(re.search(rf"^{field}:\s+(\d+)", text, re.MULTILINE).group(1))


def wakeups(pid):
    return sum(int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)",
                             (task / "status").read_text(encoding="ascii"), re.MULTILINE).group(1))
               for task in pathlib.Path(f"/proc/{pid}/task").iterdir())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    with Reeve() as daemon:
        pid = daemon.json("daemon", "status")["pid"]
        job = daemon.run("submit", "--", "sleep", "1000").strip()
        while (shown := daemon.json("show", job))["state"] != "running":
            pass
        keeper = int(pathlib.Path(f"/proc/{shown['main_pid']}/stat").read_text().split()[3])
        before = wakeups(pid), wakeups(keeper)
        select.select([], [], [], options.seconds)
        print(f"daemon resident {status(pid, 'VmRSS')} kB, "
              f"{wakeups(pid) - before[0]} wake-ups in {options.seconds:g} s")
        print(f"keeper resident {status(keeper, 'VmRSS')} kB, "
              f"{wakeups(keeper) - before[1]} wake-ups in {options.seconds:g} s")


if __name__ == "__main__":
    main()
