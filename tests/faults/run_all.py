#!/usr/bin/env python3
"""Run the fault tests, each in a process of its own, two at a time.

    run_all.py                  all tests, each within its share of three minutes
    run_all.py PATTERN...       those whose name (file.Class.test) contains one of the patterns
    run_all.py --long           every point of every sweep, more cycles, more load
    run_all.py --seed N         the random parts as in the run that printed this seed
    run_all.py --list           only the names

The last line is `N passed, M failed, K skipped`. The machinery, and the variables that say what is
tested, are those of tests/system/run_all.py and tests/system/harness.py.
"""
import importlib.util
import os
import pathlib
import sys

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
SYSTEM = HERE.parent / "system"
sys.path[:0] = [str(HERE), str(SYSTEM)]

# Those that take longest first.
LONG_ONES = ("refused_at_each_call_of_the_main", "killed_at_each_call_of_the_main", "SweepStart",
             "SweepKeeper", "RandomKills", "PowerCut", "FullDisk")


def system_runner():
    """The runner of the system tests, turned to the tests of this folder."""
    spec = importlib.util.spec_from_file_location("system_run_all", SYSTEM / "run_all.py")
    runner = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(runner)
    runner.HERE, runner.__file__, runner.LONG = HERE, __file__, LONG_ONES
    runner.TIME_LIMIT *= 60 if os.environ.get("REEVE_FAULTS_LONG") == "1" else 1
    return runner


def main(arguments):
    """Take our own options, and leave the rest to the runner."""
    words = list(arguments)
    if "--seed" in words:
        place = words.index("--seed")
        os.environ["REEVE_FAULTS_SEED"] = words[place + 1]
        del words[place:place + 2]
    if "--long" in words:
        words.remove("--long")
        os.environ["REEVE_FAULTS_LONG"] = "1"
    return system_runner().main(words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
