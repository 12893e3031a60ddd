"""Runs tests inside the machine, and tells about each on the second serial line.

What is said there is one JSON object a line: the names that a round is going to run, what became
of each, and the end. The machine restarts between rounds, so the number of the round is on disk.

    inner.py                          the rounds of this kind of machine (as root)
    inner.py --user | --user-unit     the tests of an ordinary user, told on stdout
"""
import contextlib
import json
import os
import pathlib
import sys
import tempfile
import time
import traceback
import tty
import unittest

HERE = pathlib.Path(__file__).resolve().parent
PROGRAMS = pathlib.Path("/opt/reeve")
os.environ.setdefault("REEVE_BIN", str(PROGRAMS / "bin" / "reeve"))
os.environ.setdefault("REEVE_TEST_PATIENCE", "5")  # An emulated processor is that slow.
sys.dont_write_bytecode = True
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "system")]

import processes  # pylint: disable=wrong-import-position
import run_all  # pylint: disable=wrong-import-position

import selection  # pylint: disable=wrong-import-position

STATE = pathlib.Path("/var/lib/machine")
ORACLE = "name=oracle"
run_all.TIME_LIMIT = 300


def tell_oracle():
    """Give the tests their witness, which is a v1 `pids` hierarchy on other machines.

    Here all controllers belong to version 2, so it is a v1 hierarchy without any controller.
    """
    make = processes.Cgroup.make
    processes.Cgroup.make = lambda kind, controller="": make(
        kind, ORACLE if controller == "pids" else controller)


def take_time():
    """Let the test of random kills go on until enough has happened, however slow the machine is."""
    import test_durability  # pylint: disable=import-outside-toplevel

    def end(history):
        now = time.monotonic()
        is_enough = history.kills > 6 and len(history.acknowledged) > 25
        return history.first_end if is_enough or now > history.first_end + 100 else now + 1
    test_durability.History.kills = 0
    test_durability.History.end = property(
        end, lambda history, value: setattr(history, "first_end", value))


@contextlib.contextmanager
def without_trees(left_out):
    """Leave some hostile trees out of the tests that go through all of them."""
    import test_containment  # pylint: disable=import-outside-toplevel
    trees = test_containment.TREES
    kept = dict(trees)
    for mode in left_out:
        del trees[mode]
    try:
        yield
    finally:
        trees.clear()
        trees.update(kept)


class Line:
    """The second serial line, or stdout."""

    def __init__(self, file):
        self.file = file

    @classmethod
    def serial(cls):
        """The line to the world outside."""
        file = open("/dev/ttyS1", "wb", buffering=0)
        tty.setraw(file)
        return cls(file)

    def tell(self, **fields):
        """Tell one thing."""
        self.raw(json.dumps(fields).encode())

    def raw(self, data):
        """Tell what is a line already."""
        data = data.strip() + b"\n"
        while data:
            data = data[self.file.write(data):]


def names_of(directory, patterns, pattern="test_*.py"):
    """The names of the tests in a directory that one of the patterns is part of."""
    suite = unittest.TestLoader().discover(str(directory), pattern)
    names = [test.id() for test in run_all.tests_in(suite)]
    return [name for name in names if any(part in name for part in patterns)]


def begin(name):
    """Start one test in a process of its own."""
    place = tempfile.TemporaryDirectory(prefix="reeve-test-run-")
    pid = os.fork()
    if pid:
        return pid, (name, place, time.monotonic())
    try:
        output = os.open(f"{place.name}/output", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        nothing = os.open("/dev/null", os.O_RDONLY)
        for number, file in ((0, nothing), (1, output), (2, output)):
            os.dup2(file, number)
        run_all.run_one(name, f"{place.name}/report")
        sys.stdout.flush()
        os._exit(0)
    except BaseException:  # pylint: disable=broad-except
        traceback.print_exc()
    finally:
        os._exit(1)


def outcome_of(name, place, begun):
    """What became of a test, from what it left in its place."""
    report = pathlib.Path(place.name, "report")
    said = pathlib.Path(place.name, "output").read_text(errors="replace").strip()
    verdict = {"failures": [f"{name}\nits process died"], "skips": [], "is_skipped": False,
               "ran": 0}
    if report.exists():
        verdict = json.loads(report.read_text())
    place.cleanup()
    outcome = run_all.Outcome(name, verdict, said, time.monotonic() - begun)
    text = "\n".join([*(outcome.failures or outcome.skips), said]).strip()
    return {"test": name, "word": outcome.word, "seconds": round(outcome.seconds, 1),
            "text": text if len(text) < 8000 else f"{text[:4000]}\n[…]\n{text[-4000:]}"}


def run(line, label, names, at_once=2):
    """Run tests, some at once, and tell about each."""
    only = (PROGRAMS / "only").read_text().split()
    names = sorted((name for name in names if not only or any(part in name for part in only)),
                   key=run_all.rank)
    line.tell(plan=[f"{label}: {name}" for name in names])
    running = {}
    while names or running:
        while names and len(running) < at_once:
            pid, test = begin(names.pop(0))
            running[pid] = test
        pid, _ = os.waitpid(-1, 0)
        if pid in running:
            told = outcome_of(*running.pop(pid))
            told["test"] = f"{label}: {told['test']}"
            line.tell(**told)


def as_user(line, patterns):
    """Run the tests of an ordinary user, in whatever place the caller chose for it."""
    names = names_of(HERE.parents[1] / "system", patterns)
    take_time()
    with without_trees(selection.TREES_LEFT_OUT):
        run(line, "user", names)


def forward(line, command, **options):
    """Run a command whose stdout is told as it comes."""
    import subprocess  # pylint: disable=import-outside-toplevel
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          **options) as process:
        for told in process.stdout:
            line.raw(told)
    if process.returncode != 0:
        line.tell(test=f"{command[0]} for the ordinary user", word="FAIL", seconds=0,
                  text=f"exit code {process.returncode}")


def in_a_delegated_cgroup(line):
    """Run the user's tests in a cgroup that was given to that user, without systemd."""
    place = processes.Cgroup.make("cgroup2")
    place.delegate(selection.ALICE)

    def become():
        place.enter()
        os.setgroups([])
        os.setgid(selection.ALICE)
        os.setuid(selection.ALICE)
    forward(line, [sys.executable, "-B", __file__, "--user"], preexec_fn=become, cwd="/",
            env={**os.environ, "HOME": "/home/alice", "USER": "alice"})
    place.remove()


def in_a_user_unit(line):
    """Run the user's tests in a unit of the user's manager, which delegates cgroups to it."""
    from people import ALICE  # pylint: disable=import-outside-toplevel
    ALICE.linger()
    settings = [f"--setenv={name}={os.environ[name]}" for name in os.environ
                if name.startswith("REEVE_")]
    forward(line, ["systemd-run", "--user", "--pipe", "--wait", "--quiet", "-p", "Delegate=yes",
                   "-p", "TasksMax=infinity", *settings, sys.executable, "-B", __file__,
                   "--user-unit"],
            preexec_fn=ALICE.become, cwd="/", env=ALICE.variables())


def main():
    """Run the round that is next."""
    if sys.argv[1:] == ["--user"]:
        as_user(Line(sys.stdout.buffer.raw), selection.USER)
        return
    if sys.argv[1:] == ["--user-unit"]:
        as_user(Line(sys.stdout.buffer.raw), selection.USER_UNIT)
        return
    os.umask(0o022)
    line = Line.serial()
    kind = (PROGRAMS / "kind").read_text().strip()
    STATE.mkdir(exist_ok=True)
    turn = len(list(STATE.glob("round-*"))) + 1
    (STATE / f"round-{turn}").touch()
    pathlib.Path("/oracle").mkdir(exist_ok=True)
    os.system(f"mount -t cgroup -o none,{ORACLE} oracle /oracle")
    tell_oracle()
    try:
        with open("/proc/uptime", encoding="ascii") as uptime:
            line.tell(booted=float(uptime.read().split()[0]), kernel=os.uname().release, round=turn)
        more = selection.ROUNDS[kind](line, turn, sys.modules[__name__])
    except BaseException:  # pylint: disable=broad-except
        line.tell(test=f"{kind}, round {turn}", word="FAIL", seconds=0,
                  text=traceback.format_exc())
        more = None
    if more is None:
        line.tell(end=True)
        os.sync()
        if kind == "systemd":
            os.system("systemctl poweroff --force --force")
    else:
        try:
            more()
        except BaseException:  # pylint: disable=broad-except
            line.tell(test=f"{kind}, the end of round {turn}", word="FAIL", seconds=0,
                      text=traceback.format_exc())
            line.tell(end=True)


if __name__ == "__main__":
    main()
