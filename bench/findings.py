"""How well errors are found in logs: precision and recall on what real programs really write.

Each program of findings_first_half.py and findings_second_half.py is run in a temporary directory:
some fail, some succeed while they talk of errors. Its log is given to the rules (bench/scan_logs).
A miss is a failed program without an error that tells its cause; a false alarm is an error in the
log of a program that succeeded. What is not installed is skipped, and said.

    python3 bench/findings.py [--half first|second] [--only NAME] [--keep DIRECTORY]

Needs ./dev build release. `--keep` leaves the logs, without the names of this machine.
"""
import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

import findings_first_half
import findings_second_half

HERE = os.path.dirname(os.path.abspath(__file__))
SCANNER = os.path.join(HERE, "..", "build", "release", "bin", "scan_logs")
SECONDS_MAX = 600


def missing_needs(program):
    missing = [need for need in program.needs.split() if shutil.which(need) is None]
    for module in program.modules.split():
        probe = subprocess.run(["/usr/bin/python3", "-c", f"import {module}"],
                               stderr=subprocess.DEVNULL, check=False)
        if probe.returncode != 0:
            missing.append(f"python3-{module}")
    return missing


def run(program, log):
    """The exit code; what the program writes goes into the file `log`."""
    with tempfile.TemporaryDirectory() as place:
        for name, content in program.files.items():
            with open(os.path.join(place, name), "w", encoding="utf8") as file:
                file.write(content)
        temporary = os.path.join(place, ".temporary")
        os.mkdir(temporary)
        environment = {"PATH": os.environ["PATH"], "HOME": place, "LC_ALL": "C.UTF-8",
                       "TMPDIR": temporary, "GOFLAGS": "-mod=mod", "GOPROXY": "off"}
        for name in ("RUSTUP_HOME", "CARGO_HOME", "GOROOT"):
            if name in os.environ:
                environment[name] = os.environ[name]
        environment.setdefault("RUSTUP_HOME", os.path.expanduser("~/.rustup"))
        # A session of its own, so that what it leaves can be ended with it.
        with open(log, "wb") as out, subprocess.Popen(
                ["bash", "-c", program.command], cwd=place, env=environment, stdout=out,
                stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True) as child:
            try:
                code = child.wait(SECONDS_MAX)
            except subprocess.TimeoutExpired:
                code = None
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        hide_places(log, place)
    return code


def hide_places(log, place):
    """Names of this machine stand in no log, so that logs can be kept as test data."""
    with open(log, "rb") as file:
        content = file.read()
    # A name as long, so that columns stay where they are.
    hidden = ("/data/" + "x" * len(place))[:len(place)]
    content = content.replace(os.path.realpath(place).encode(), hidden.encode())
    content = content.replace(place.encode(), hidden.encode())
    content = content.replace(os.uname().nodename.encode(), b"host")
    content = content.replace(os.path.expanduser("~").encode() + b"/", b"/data/")
    with open(log, "wb") as file:
        file.write(content)


def findings_of(log):
    out = subprocess.run([SCANNER, log], check=True, capture_output=True, text=True).stdout
    return [json.loads(line) for line in out.splitlines()]


class Tally:
    def __init__(self):
        self.hits, self.misses, self.alarms, self.quiet = [], [], [], []
        self.skipped, self.invalid = [], []
        self.warnings = 0

    def judge_failure(self, program, found):
        wanted = [f for f in found if f["severity"] == "error" or program.is_weak]
        told = [f for f in wanted if re.search(program.cause, f["message"])]
        if told:
            self.hits.append(program.name)
        else:
            self.misses.append((program.name, [f["message"] for f in found][:3]))
        return told

    def judge_success(self, program, found):
        errors = [f for f in found if f["severity"] == "error"]
        self.warnings += len(found) - len(errors)
        for finding in errors:
            self.alarms.append((program.name, f"line {finding['line']}, {finding['rule']}: "
                                              f"{finding['message']}"))
        if not errors:
            self.quiet.append(program.name)

    def report(self, title):
        failing = len(self.hits) + len(self.misses)
        alarmed = len({name for name, _ in self.alarms})
        told = len(self.hits) + alarmed
        print(f"\n{title}: {failing} failing and {len(self.quiet) + alarmed} successful programs")
        print(f"  recall    {len(self.hits)}/{failing} = {len(self.hits) / max(failing, 1):.3f}")
        print(f"  precision {len(self.hits)}/{told} = {len(self.hits) / max(told, 1):.3f}"
              f"   ({self.warnings} warnings in logs of successful programs)")
        for name, message in self.misses:
            print(f"  missed: {name}: only {message}")
        for name, message in self.alarms:
            print(f"  false alarm: {name}: {message}")
        for name, missing in self.skipped:
            print(f"  skipped: {name}: needs {', '.join(missing)}")
        for name, why in self.invalid:
            print(f"  did not run as it should: {name}: {why}")


def measure(title, module, options):
    tally = Tally()
    place = options.keep or tempfile.mkdtemp()
    try:
        for program in module.FAILING + module.SUCCEEDING:
            if options.only and not re.search(options.only, program.name):
                continue
            missing = missing_needs(program)
            if missing:
                tally.skipped.append((program.name, missing))
                continue
            log = os.path.join(place, program.name + ".log")
            code = run(program, log)
            should_fail = bool(program.cause) and not program.exits_zero
            if code is None or (code != 0) != should_fail:
                tally.invalid.append((program.name, f"exit code {code}"))
                continue
            found = findings_of(log)
            if program.cause:
                tally.judge_failure(program, found)
            else:
                tally.judge_success(program, found)
            if options.only:
                for finding in found:
                    print(json.dumps(finding))
    finally:
        if not options.keep:
            shutil.rmtree(place)
    tally.report(title)
    return not tally.misses and not tally.alarms and not tally.invalid


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--half", choices=["first", "second"])
    parser.add_argument("--only", help="a regular expression for names of programs")
    parser.add_argument("--keep", help="a directory for the logs")
    options = parser.parse_args()
    if options.keep:
        os.makedirs(options.keep, exist_ok=True)
    halves = {"first": ("first half, which the rules were begun with", findings_first_half),
              "second": ("second half, which they were not begun with", findings_second_half)}
    good = [measure(*halves[half], options)
            for half in halves if options.half in (None, half)]
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
