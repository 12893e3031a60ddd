#!/usr/bin/env python3
"""How fast a job's output is written, as a ratio to `CMD | cat >file`: above 1 is faster.

    ./dev bench output [--megabytes 512] [--rounds 5]
"""

import argparse
import os
import subprocess

from harness import Reeve, report, seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with Reeve() as daemon:
        for block in ("100", "4K", "64K"):
            count = options.megabytes * 1024 * 1024 // {"100": 100, "4K": 4096, "64K": 65536}[block]
            if block == "100":
                count //= 16  # or it takes minutes
            command = ["dd", "if=/dev/zero", f"bs={block}", f"count={count}", "status=none"]
            ratios = []
            for _ in range(options.rounds):
                target = os.path.join(daemon.home, "plain")
                shell = f"{' '.join(command)} | cat >{target}"
                plain = seconds(lambda: subprocess.run(["sh", "-c", shell], check=True))
                os.unlink(target)
                job = daemon.run("submit", "--log-max", "4G", "--", *command).strip()
                daemon.run("wait", job)
                ratios.append(plain / daemon.json("show", job)["wall_seconds"])
                daemon.run("rm", job)
            report(f"blocks of {block}, ratio to | cat >file", ratios)


if __name__ == "__main__":
    main()
