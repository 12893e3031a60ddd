"""The bench on which the system tests run the program.

Importing this file starts nothing. A test takes `Reeve` objects from `SystemTest.reeve_with`: each
has a state directory of its own, runs the program on it and leaves nothing behind, or fails.

    REEVE_BIN            the program, by default build/release/bin/reeve of this repository
    REEVE_HOSTILE        the hostile process trees, by default beside the program
    REEVE_TEST_PATIENCE  a factor for all deadlines, for slow builds and busy machines
"""
import json
import os
import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import unittest

import processes
from processes import PATIENCE, until
from programs import Answer, Code, Command, hostile_program, program, strings_in

# Who starts us in the background of a shell lets us ignore them, and that is inherited.
for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGQUIT, signal.SIG_DFL),
                      (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, usual)

NOBODY = 65534
IS_ROOT = os.geteuid() == 0

ACTIVE = {"starting", "running", "paused", "cancelling", "timing_out", "finishing"}
TERMINAL = {"completed", "failed", "cancelled", "timeout", "lost", "skipped"}
JOB_FIELDS = {
    "id", "name", "command", "state", "reason", "exit_code", "signal", "core_dumped", "attempt",
    "priority", "submitted_at", "started_at", "ended_at", "cpu_seconds", "max_rss_bytes",
    "containment", "leftovers", "results_dir", "error", "log_path", "log_bytes",
    "cancel_too_late"}


class Reeve:
    """The program with a state directory of its own.

    user     run as this uid (needs root), with directories that it owns
    tier     "cgroup" or "subreaper" to ask for a tier of containment, None for what there is
    place    whether the program starts in a cgroup2 directory of its own (needs root)
    config   the text of config.toml
    variables  further environment variables of all commands
    """

    def __init__(self, *, user=None, tier=None, place=True, config="", variables=None):
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="reeve-test-"))
        self.base.chmod(0o755)
        self.user = user
        self.home = self.base / "home"
        self.work = self.base / "work"
        for directory in (self.home, self.work, self.base / "user"):
            directory.mkdir(mode=0o700)
        if config:
            (self.home / "config.toml").write_text(config)
        self.environment = self._environment(tier, variables or {})
        self.oracle = self.place = None
        if IS_ROOT:
            self.oracle = processes.Cgroup.make("cgroup", "pids")
            self.place = processes.Cgroup.make("cgroup2") if place else None
        self.program = self._program_for_user()
        self._give_to_user()
        self._commands = []
        self._cgroups = set()  # Those that processes of this daemon were seen in.
        self.is_broken = False  # Set where the state directory is spoilt on purpose.
        self.last_acts = []  # What is called when all processes are gone.

    def _environment(self, tier, variables):
        foreign = ("REEVE_", "XDG_", "DBUS_", "CUDA_", "SLURM_")
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith(foreign) or name == "REEVE_NO_CGROUP"}
        environment.update(REEVE_HOME=str(self.home), HOME=str(self.base / "user"),
                           LC_ALL="C.UTF-8")
        if tier is not None:
            environment.pop("REEVE_NO_CGROUP", None)
        if tier == "subreaper":
            environment["REEVE_NO_CGROUP"] = "1"
        environment.update(variables)
        return environment

    def _program_for_user(self):
        """The program, or a copy where the user that is asked for may reach it."""
        path = program()
        if not path.exists():
            raise AssertionError(f"there is no program at {path}: build it, or set REEVE_BIN")
        if self.user is None or all(part.stat().st_mode & 0o005 == 0o005
                                    for part in [path, *path.parents]):
            return path
        copy = self.base / "bin"
        copy.mkdir(mode=0o755)
        for file in [*path.parent.glob("reeve*"), *path.parent.glob("libduckdb*")]:
            shutil.copy2(file, copy)
        return copy / path.name

    def _give_to_user(self):
        if self.user is None:
            return
        for path in [self.home, *self.home.iterdir(), self.work, self.base / "user"]:
            os.chown(path, self.user, self.user)
        if self.place is not None:
            self.place.delegate(self.user)

    def enter(self):
        """Make the calling process one that may become the program: where, and who."""
        for cgroup in (self.oracle, self.place):
            if cgroup is not None:
                cgroup.enter()
        if self.user is not None:
            os.setgroups([])
            os.setgid(self.user)
            os.setuid(self.user)

    def popen(self, *arguments, before=None, variables=None, command=None, **options):
        """Start a command of the program in a session of its own, with its outputs in pipes."""
        def prepare():
            self.enter()
            if before is not None:
                before()
        settings = dict(stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                        cwd=self.work, start_new_session=True, preexec_fn=prepare,
                        env={**self.environment, **(variables or {})})
        settings.update(options)
        words = [str(word) for word in (command or [self.program, *arguments])]
        process = until(lambda: self._started(words, settings), "a process can be made")
        self._commands.append(process)
        return process

    @staticmethod
    def _started(words, settings):
        """The command, or None while the machine has no process left: other trees grow beside us."""
        try:
            return Command(words, **settings)
        except BlockingIOError:
            return None

    def run(self, *arguments, data=None, timeout=30, **options):
        """Run a command of the program to its end and return its answer."""
        if data is not None:
            options["stdin"] = subprocess.PIPE
        with self.popen(*arguments, **options) as process:
            try:
                out, errors = process.communicate(data, timeout=timeout * PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                raise AssertionError(f"reeve {' '.join(map(str, arguments))[:300]} hung, or left"
                                     f" its outputs open, for {timeout * PATIENCE:g} s") from None
        self._commands.remove(process)
        if self.oracle is not None:
            self._cgroups |= processes.cgroups_of(self.oracle.pids())
        return Answer(process.returncode, out or b"", errors or b"")

    def ok(self, *arguments, **options):
        """Run a command that must succeed and return its answer."""
        answer = self.run(*arguments, **options)
        if answer.code != 0:
            raise AssertionError(f"reeve {' '.join(map(str, arguments))[:300]}: {answer}")
        return answer

    def submit(self, *arguments, **options):
        """Submit a job and return its id, which is all that may stand on stdout."""
        answer = self.ok("submit", *arguments, **options)
        if not re.fullmatch(r"[1-9][0-9]*\n", answer.out):
            raise AssertionError(f"submit printed more than the id: {answer}")
        return int(answer.out)

    def batch(self, jobs, **options):
        """Submit a list of job descriptions at once and return their ids."""
        lines = "".join(json.dumps(job) + "\n" for job in jobs)
        answer = self.ok("submit", "--batch", "-", data=lines.encode(), **options)
        ids = [int(line) for line in answer.out.splitlines()]
        if len(ids) != len(jobs):
            raise AssertionError(f"{len(ids)} ids for {len(jobs)} jobs")
        return ids

    def shell(self, script, *options):
        """Submit a job that runs a script with sh and return its id."""
        return self.submit(*options, "--", "sh", "-c", script)

    def show(self, job):
        """The fields of a job."""
        return json.loads(self.ok("show", job, "--json").out)

    def ls(self, *arguments):
        """The jobs that ls lists."""
        return json.loads(self.ok("ls", *arguments, "--json").out)

    def log(self, job):
        """The bytes of the log of a job."""
        return self.ok("log", job).raw

    def wait(self, *selectors, timeout=60):
        """The exit code of waiting for jobs."""
        return Code(self.run("wait", *selectors, timeout=timeout))

    def ended(self, *arguments, timeout=60):
        """Submit a job, wait for its end and return its fields."""
        job = self.submit(*arguments)
        self.wait(job, timeout=timeout)
        return self.in_state(job, TERMINAL)

    def in_state(self, job, states, seconds=20):
        """Wait until a job is in one of the states and return its fields."""
        wanted = {states} if isinstance(states, str) else states
        fields = {}

        def there():
            fields.update(self.show(job))
            return fields["state"] in wanted
        try:
            until(there, "", seconds)
        except AssertionError:
            raise AssertionError(f"job {job} did not become {sorted(wanted)}: {fields}") from None
        return fields

    def logged(self, job, text, seconds=20):
        """Wait until the log of a job holds a text and return the log so far."""
        wanted = text if isinstance(text, bytes) else text.encode()

        def there():
            log = self.log(job)
            return log if wanted in log else None
        return until(there, f"{wanted!r} in the log of job {job}", seconds)

    def events(self, *arguments):
        """The events, one object each."""
        return [json.loads(line) for line in
                self.ok("events", *arguments, "--json").out.splitlines()]

    def ends_of(self, job):
        """The terminal states that the events of a job tell, in their order."""
        return [state for event in self.events(job)
                for state in [word for word in strings_in(event) if word in TERMINAL][:1]]

    def daemon_pid(self):
        """The pid of the running daemon, or None; asking starts none."""
        answer = self.run("daemon", "status", "--json")
        try:
            pid = json.loads(answer.out).get("pid")
        except ValueError:
            return None
        return pid if pid and processes.is_alive(pid) else None

    def kill_daemon(self, number=signal.SIGKILL):
        """Kill the daemon, wait for its death and return its pid, or None if there was none."""
        pid = self.daemon_pid()
        if pid is None:
            return None
        if not processes.is_marked(pid, self.base):
            raise AssertionError(f"status names a foreign process: {processes.describe(pid)}")
        processes.kill(pid, number)
        until(lambda: not processes.is_alive(pid), f"the daemon {pid} is dead")
        return pid

    def strangers(self):
        """The living processes of jobs: all that this daemon started but the program itself."""
        if self.oracle is not None:
            return self.oracle.living(processes.is_reeve)
        return {pid for pid in processes.marked(self.base) if not processes.is_reeve(pid)}

    def all_living(self):
        """All living processes that have to do with this state directory."""
        found = set(processes.marked(self.base))
        return found | (self.oracle.living() if self.oracle is not None else set())

    def hostile(self):
        """A copy of the hostile program that only this object's jobs execute."""
        return hostile_program(self.base)

    def check_database(self):
        """Stop the daemon and have SQLite itself check the database."""
        self.ok("daemon", "stop")
        with sqlite3.connect(self.home / "reeve.db") as database:
            problems = database.execute("PRAGMA integrity_check").fetchall()
        database.close()
        if problems != [("ok",)]:
            raise AssertionError(f"the database is damaged: {problems[:5]}")

    def close(self):
        """End everything, and fail if anything was left behind that should not be."""
        complaints = []
        for process in self._commands:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    stream.close()
        try:
            self._stop(complaints)
        finally:
            for act in self.last_acts:
                act()
            for cgroup in (self.oracle, self.place):
                if cgroup is not None:
                    cgroup.remove()
            for directory, names, _ in os.walk(self.base):
                for name in names:  # Some tests take rights away, which would keep them here.
                    path = pathlib.Path(directory, name)
                    if not path.is_symlink():
                        path.chmod(0o700)
            shutil.rmtree(self.base)
        if complaints:
            raise AssertionError("\n".join(complaints))

    def _stop(self, complaints):
        self._cgroups |= processes.cgroups_of(self.all_living())
        was_used = (self.home / "reeve.db").exists() or self.all_living()
        if was_used and not self.is_broken:
            try:
                self.run("cancel", "--all", "--grace", "1s")
                self.run("wait", "--all", timeout=60)
                self.ok("daemon", "stop")
            except AssertionError as error:
                complaints.append(f"ending everything: {error}")
        try:
            until(lambda: not self.all_living(), "", seconds=0 if self.is_broken else 10)
        except AssertionError:
            left = [processes.describe(pid) for pid in self.all_living()]
            if left and not self.is_broken:
                complaints.append("processes were left behind:\n  " + "\n  ".join(left))
        until(self._kill_all, "all processes could be killed")
        if not self.is_broken:
            self._check_cgroups(complaints)

    def _kill_all(self):
        for pid in self.all_living():
            if pid > 0:
                processes.kill(pid)
        return not self.all_living()

    def _check_cgroups(self, complaints):
        def left():
            own = set(map(str, self.place.below())) if self.place is not None else set()
            return own | {str(path) for path in self._cgroups if path.exists()}
        try:
            until(lambda: not left(), "", seconds=5)
        except AssertionError:
            complaints.append(f"cgroups were left behind: {sorted(left())}")


class SystemTest(unittest.TestCase):
    """A test of the whole program; `self.reeve` is one with the class's `config`."""

    config = ""
    maxDiff = 2000

    def setUp(self):
        self.reeve = self.reeve_with(config=self.config)

    def reeve_with(self, **options):
        """A Reeve object that is closed, and checked, at the end of the test."""
        reeve = Reeve(**options)
        self.addCleanup(reeve.close)
        return reeve

    def assert_told(self, text, *words):
        """Check that a text for people names something, in upper or lower case."""
        for word in words:
            self.assertIn(str(word).lower(), (text or "").lower())

    def assert_refused(self, answer, *codes):
        """Check that a command refused, said why on stderr, and printed no data."""
        self.assertIn(answer.code, codes or range(1, 126), str(answer))
        self.assertNotEqual(answer.err.strip(), "", "a refusal must say why")
        self.assertEqual(answer.out, "")
