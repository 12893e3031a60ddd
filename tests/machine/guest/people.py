"""People who use the machine: their commands, their user managers, their logins."""
import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import subprocess
import time

import processes
from processes import PATIENCE, until

REEVE = os.environ["REEVE_BIN"]
TERMINAL = {"completed", "failed", "cancelled", "timeout", "lost", "skipped"}


class Person:
    """An account, which may be root's."""

    def __init__(self, name, uid, home):
        self.name, self.uid, self.home = name, uid, pathlib.Path(home)

    def variables(self):
        """What this person's shells have in their environment."""
        return {"HOME": str(self.home), "USER": self.name, "LOGNAME": self.name,
                "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C.UTF-8",
                "XDG_RUNTIME_DIR": f"/run/user/{self.uid}", "SYSTEMD_PAGER": "cat",
                "DBUS_SESSION_BUS_ADDRESS": f"unix:path=/run/user/{self.uid}/bus"}

    def become(self):
        """Make the calling process one of this person."""
        if self.uid:
            os.initgroups(self.name, self.uid)
            os.setgid(self.uid)
            os.setuid(self.uid)

    def run(self, *words, timeout=60, check=True, **variables):
        """Run a command to its end, in no session, and return what it printed."""
        done = subprocess.run([str(word) for word in words], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                              cwd=self.home, env={**self.variables(), **variables},
                              preexec_fn=self.become, timeout=timeout * PATIENCE)
        out, errors = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        if check and done.returncode != 0:
            raise AssertionError(f"{self.name}: {' '.join(map(str, words))}: exit code"
                                 f" {done.returncode}, {out!r}, {errors!r}")
        return out if check else (done.returncode, out, errors)

    def linger(self):
        """Have this person's user manager from now on, logged in or not."""
        subprocess.run(["loginctl", "enable-linger", self.name], check=True)
        until(pathlib.Path(f"/run/user/{self.uid}/bus").exists, f"{self.name} has a user manager")

    def systemctl(self, *words, **options):
        """Talk to this person's manager: root's is the system's."""
        return self.run("systemctl", *(["--user"] if self.uid else []), *words, **options)

    def write_unit(self, name, home, more=""):
        """Write a unit that runs the daemon as a manual would."""
        folder = self.home / ".config/systemd/user" if self.uid else pathlib.Path(
            "/etc/systemd/system")
        folder.mkdir(parents=True, exist_ok=True)
        wanted = "default.target" if self.uid else "multi-user.target"
        (folder / name).write_text(
            f"[Service]\nExecStart={REEVE} daemon run\nEnvironment=REEVE_HOME={home}\n"
            f"Delegate=yes\nKillMode=process\n{more}\n[Install]\nWantedBy={wanted}\n")
        for path in [folder, *folder.parents]:
            if self.home in path.parents:
                os.chown(path, self.uid, self.uid)
        os.chown(folder / name, self.uid, self.uid)
        self.systemctl("daemon-reload")

    def queue(self, home=None):
        """This person's queue in a state directory, the usual one if none is named."""
        return Queue(self, home)


class Queue:
    """A state directory and its daemon, as seen through commands of one person."""

    def __init__(self, person, home=None):
        self.person = person
        self.variables = {"REEVE_HOME": str(home)} if home else {}

    def reeve(self, *words, **options):
        """Run a command of the program and return its output."""
        return self.person.run(REEVE, *words, **self.variables, **options)

    def submit(self, *words):
        """Submit a job and return its id."""
        return int(self.reeve("submit", *words))

    def shell(self, script, *options):
        """Submit a script and return its job's id."""
        return self.submit(*options, "--", "sh", "-c", script)

    def show(self, job):
        """The fields of a job."""
        return json.loads(self.reeve("show", job, "--json"))

    def status(self):
        """What the daemon says of itself, or nothing when there is none; starts none."""
        code, out, _ = self.reeve("daemon", "status", "--json", check=False)
        return json.loads(out) if code == 0 else {}

    def ready(self):
        """Wait until there is a daemon that nobody started with a command of the program."""
        return until(self.status, "the daemon is there", seconds=30, pause=0.2)

    def in_state(self, job, states, seconds=20):
        """Wait for a state and return the job's fields."""
        fields = {}

        def there():
            fields.update(self.show(job))
            return fields["state"] in states
        try:
            until(there, "", seconds, pause=0.1)
        except AssertionError:
            raise AssertionError(f"job {job} is not {sorted(states)}: {fields}") from None
        return fields

    def ended(self, job, seconds=30):
        """Wait for the end of a job and return its fields."""
        return self.in_state(job, TERMINAL, seconds)

    def pid_of(self, job):
        """Wait for the pid that a job prints as its first line."""
        def first():
            match = re.match(r"(\d+)\n", self.reeve("log", job))
            return match and int(match[1])
        return until(first, f"job {job} printed its pid", pause=0.1)

    def close(self, *, remove=None):
        """End what this queue has, for the next test."""
        self.reeve("cancel", "--all", "--grace", "0s", check=False)
        self.reeve("daemon", "stop", "--jobs=cancel", check=False)
        if remove:
            shutil.rmtree(remove, ignore_errors=True)


def cgroup_of(pid):
    """The path of a process in the cgroup-v2 tree."""
    for line in processes.read(f"/proc/{pid}/cgroup").decode().splitlines():
        if line.startswith("0::"):
            return line[3:]
    return ""


class Login:
    """A login on a terminal of its own, in a session that logind knows."""

    def __init__(self, person):
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.execvp("login", ["login", "-f", person.name])
        self.said = b""
        self.turn = 0
        self.number = re.search(r"session-(\w+)\.scope",
                                self.type("cat /proc/self/cgroup", seconds=30))[1]

    def type(self, line, seconds=20):
        """Type a command and return what it showed until the shell is done with it."""
        self.turn += 1
        mark = f"done-{self.turn}"
        before = len(self.said)
        os.write(self.terminal, f"{line}; echo done-$(({self.turn}))\n".encode())
        deadline = time.monotonic() + seconds * PATIENCE
        while f"\n{mark}".encode() not in self.said[before:].replace(b"\r", b""):
            self.hear(deadline - time.monotonic(), line)
        return self.said[before:].decode(errors="replace").replace("\r", "")

    def hear(self, seconds, line):
        """Take in what the terminal shows."""
        if seconds <= 0 or not select.select([self.terminal], [], [], seconds)[0]:
            raise AssertionError(f"the login does not answer to {line!r}: {self.said[-1000:]!r}")
        self.said += os.read(self.terminal, 65536)

    def is_known(self):
        """Whether logind still has the session."""
        return pathlib.Path(f"/run/systemd/sessions/{self.number}").exists()

    def state(self):
        """What logind says of the session."""
        return subprocess.run(["loginctl", "show-session", self.number, "-p", "State", "--value"],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              check=False).stdout.decode().strip()

    def leave(self):
        """Log out, and wait until logind has noticed."""
        os.write(self.terminal, b"exit\n")
        self.gone()
        until(lambda: not self.is_known() or self.state() == "closing", "the session ends",
              seconds=15, pause=0.2)

    def gone(self):
        """Wait until the login itself has ended."""
        def ended():
            if select.select([self.terminal], [], [], 0)[0]:
                try:
                    os.read(self.terminal, 65536)
                except OSError:
                    pass
            return os.waitpid(self.pid, os.WNOHANG)[0] != 0
        until(ended, "the login ends")
        self.pid = 0
        os.close(self.terminal)

    def close(self):
        """End it however it stands."""
        if self.pid:
            processes.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            os.close(self.terminal)
        subprocess.run(["loginctl", "terminate-session", self.number], check=False,
                       stderr=subprocess.DEVNULL)


ROOT = Person("root", 0, "/root")
ALICE = Person("alice", 1000, "/home/alice")
BOB = Person("bob", 1001, "/home/bob")
