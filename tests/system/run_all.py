#!/usr/bin/env python3
"""Run the system tests, each in a process of its own, two at a time.

    run_all.py                all tests
    run_all.py PATTERN...     those whose name (file.Class.test) contains one of the patterns
    run_all.py --list         only the names

The last line is `N passed, M failed, K skipped`; the exit code is 0 only if none failed. What the
tests look at is told by the variables that harness.py names; REEVE_TEST_JOBS=1 runs one at a time.
"""
import concurrent.futures
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import uuid

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import processes  # pylint: disable=wrong-import-position
import programs  # pylint: disable=wrong-import-position

TIME_LIMIT = 180 * processes.PATIENCE
TOKEN = "SYSTEM_TEST_TOKEN"
RUNNING = set()
RESULT = unittest.TestResult()
# Long ones first, so that the last one to end is a short one.
LONG = ("RandomKills", "Hostile.test_no_tree", "2000_short_jobs", "Hostile", "no_name_leads",
        "a_bad_line_is_named", "cancel_against_finish", "DeathOf", "Oracle")


class Stopped(Exception):
    """The test took too long, or was interrupted; its cleanups run all the same."""


def stop(number, _frame):
    """End the running test as a failure, once; its cleanups are not to be disturbed."""
    for other in (signal.SIGALRM, signal.SIGINT, signal.SIGTERM):
        signal.signal(other, signal.SIG_IGN)
    RESULT.failfast = True  # Else a loop over subtests would go on with the next one.
    raise Stopped(f"stopped by {signal.Signals(number).name} (SIGALRM: {TIME_LIMIT:g} s are over)")


def tests_in(suite):
    """The single tests of a suite."""
    for part in suite:
        if isinstance(part, unittest.TestSuite):
            yield from tests_in(part)
        else:
            yield part


def run_one(name, report):
    """Run one test in this process and write what became of it to a file."""
    for number in (signal.SIGALRM, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    signal.alarm(int(TIME_LIMIT))
    result = RESULT
    unittest.defaultTestLoader.loadTestsFromName(name).run(result)
    failures = [f"{test.id()}\n{text}" for test, text in result.failures + result.errors]
    failures += [f"{test.id()}\nsucceeded against expectation"
                 for test in result.unexpectedSuccesses]
    skips = [reason for _, reason in result.skipped]
    # A test that skipped only a part of itself, one tier for instance, has run all the same.
    is_skipped = any(isinstance(test, unittest.TestCase) and test.id() == name
                     for test, _ in result.skipped)
    verdict = {"ran": result.testsRun, "failures": failures, "skips": skips,
               "is_skipped": is_skipped}
    pathlib.Path(report).write_text(json.dumps(verdict))


def interrupt(_number, _frame):
    """End the whole run as Ctrl-C does."""
    raise KeyboardInterrupt


class Outcome:
    """What became of one test."""

    def __init__(self, name, verdict, output, seconds):
        self.name, self.output, self.seconds = name, output, seconds
        self.failures, self.skips = verdict["failures"], verdict["skips"]
        if self.failures:
            self.word = "FAIL"
        elif verdict["is_skipped"]:
            self.word = "skip"
        else:
            self.word = "ok"
            if not verdict["ran"]:
                self.word, self.failures = "FAIL", [f"{name}\nthe test did not run"]


def run_apart(name, token):
    """Run one test in a process of its own and return what became of it."""
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="reeve-test-run-") as place:
        report = pathlib.Path(place) / "report"
        with open(pathlib.Path(place) / "output", "w+b") as output:
            with subprocess.Popen([sys.executable, "-B", __file__, "--one", name, report],
                                  stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                  env={**os.environ, TOKEN: token}) as process:
                RUNNING.add(process)
                try:
                    process.wait(TIME_LIMIT + 120 * processes.PATIENCE)
                except subprocess.TimeoutExpired:
                    process.kill()
                RUNNING.discard(process)
            output.seek(0)
            said = output.read().decode(errors="replace")
        if report.exists():
            verdict = json.loads(report.read_text())
        else:
            verdict = {"ran": 0, "skips": [], "is_skipped": False,
                       "failures": [f"{name}\nthe test's process died: {process.returncode}"]}
    return Outcome(name, verdict, said, time.monotonic() - begin)


def left_behind(token):
    """The processes that carry the mark of this run in their environment."""
    mark = f"{TOKEN}={token}".encode()
    return [pid for pid in processes.all_pids()
            if mark in processes.read(f"/proc/{pid}/environ") and processes.is_alive(pid)]


def rank(name):
    """The place of a test in the order of the run."""
    places = [place for place, part in enumerate(LONG) if part in name]
    return (places[0] if places else len(LONG), name)


def tell(outcome):
    """Print the line of a test, and what it said unless that follows with its failure."""
    print(f"{outcome.word:4} {outcome.seconds:6.1f} s  {outcome.name}", flush=True)
    if outcome.output.strip() and outcome.word != "FAIL":
        print("     " + outcome.output.strip().replace("\n", "\n     "), flush=True)


def run_all(names):
    """Run tests, tell about them, and return the exit code."""
    token = uuid.uuid4().hex
    workers = min(2, int(os.environ.get("REEVE_TEST_JOBS", "2")))
    outcomes = []
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        try:
            for done in concurrent.futures.as_completed(
                    [pool.submit(run_apart, name, token) for name in sorted(names, key=rank)]):
                outcomes.append(done.result())
                tell(outcomes[-1])
        except KeyboardInterrupt:
            # The tests that run are ended as well, and clean up before that.
            for process in list(RUNNING):
                process.terminate()
            pool.shutdown(cancel_futures=True)
            raise

    for outcome in outcomes:
        for reason in outcome.skips:
            part = "" if outcome.word == "skip" else "partly "
            print(f"{part}skipped {outcome.name}: {reason}")
    failed = [outcome for outcome in outcomes if outcome.word == "FAIL"]
    for outcome in failed:
        for failure in outcome.failures:
            print("=" * 70 + f"\nFAIL: {failure}")
        if outcome.output.strip():
            print("-" * 70 + f"\n{outcome.output.strip()}")
    failures = len(failed)
    left = left_behind(token)
    if left:
        failures += 1
        print("=" * 70 + "\nFAIL: processes of the tests are left at the end of the run")
        for pid in left:
            print("  " + processes.describe(pid))
            processes.kill(pid)
    counts = [sum(outcome.word == word for outcome in outcomes) for word in ("ok", "skip")]
    print(f"{counts[0]} passed, {failures} failed, {counts[1]} skipped")
    return 1 if failures else 0


def main(arguments):
    """Find the tests that were asked for and run them."""
    if arguments[:1] == ["--one"]:
        run_one(*arguments[1:])
        return 0
    suite = unittest.defaultTestLoader.discover(str(HERE), "test_*.py")
    names = [test.id() for test in tests_in(suite)]
    patterns = [word for word in arguments if word != "--list"]
    names = [name for name in names if not patterns or any(part in name for part in patterns)]
    if "--list" in arguments:
        print("\n".join(names))
        return 0
    if not programs.program().exists():
        print(f"there is no program at {programs.program()}: build it, or set REEVE_BIN")
        print("0 passed, 1 failed, 0 skipped")
        return 1
    if not names:
        print(f"no test matches {patterns}\n0 passed, 1 failed, 0 skipped")
        return 1
    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, interrupt)
    try:
        return run_all(names)
    except KeyboardInterrupt:
        print("interrupted; what was running was ended and cleaned up")
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
