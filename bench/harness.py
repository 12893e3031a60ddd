"""What the benchmarks share: a private daemon, timing, and medians of ratios taken in one run."""

import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BIN = pathlib.Path(os.environ.get("REEVE_BIN_DIR", ROOT / "build" / "release" / "bin"))


class Reeve:
    """A daemon with a state directory of its own, gone at the end."""

    def __init__(self, cpus=2):
        self.home = tempfile.mkdtemp(prefix="reeve-bench-")
        self.environment = dict(os.environ, REEVE_HOME=self.home)
        with open(os.path.join(self.home, "config.toml"), "w", encoding="utf-8") as config:
            config.write(f"[capacity]\ncpus = {cpus}\n")

    def __enter__(self):
        self.run("daemon", "start")
        return self

    def __exit__(self, *_):
        self.run("daemon", "stop", "--jobs=cancel", check=False)
        shutil.rmtree(self.home, ignore_errors=True)

    def run(self, *words, check=True, text=None):
        done = subprocess.run([BIN / "reeve", *words], env=self.environment, input=text,
                              capture_output=True, text=True, check=False)
        if check and done.returncode != 0:
            sys.exit(f"reeve {' '.join(words)}: {done.returncode}\n{done.stderr}")
        return done.stdout

    def json(self, *words):
        return json.loads(self.run(*words, "--json"))


def seconds(action):
    """Wall time of one call."""
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def report(name, values, unit=""):
    """One line: the median, and the range behind it."""
    print(f"{name:<44} {statistics.median(values):10.3f}{unit}   "
          f"({min(values):.3f} to {max(values):.3f}, {len(values)} rounds)")
