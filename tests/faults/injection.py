"""Faults at the N-th system call of a kind, put in by strace from outside."""
import collections
import re
import shutil
import subprocess
import tempfile

import processes
from processes import PATIENCE


def why_not():
    """Why nothing can be injected here, or an empty string."""
    if not shutil.which("strace"):
        return "there is no strace"
    with tempfile.NamedTemporaryFile() as out:
        ran = subprocess.run(["strace", "-o", out.name, "-e", "inject=chdir:error=EIO", "true"],
                             check=False, capture_output=True)
    return "" if ran.returncode == 0 else ran.stderr.decode().strip()


class Tracer:
    """strace, attached to one thread; it is attached when the constructor returns."""

    def __init__(self, thread, *expressions, output):
        self.output = output
        words = ["strace", "-o", str(output), "-p", str(thread)]
        for expression in expressions:
            words += ["-e", expression]
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, start_new_session=True)
        line = self.process.stderr.readline()
        if b"attached" not in line:
            self.detach()
            raise AssertionError(f"strace: {line!r}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.detach()

    def detach(self):
        """Let the thread go on by itself; nothing happens when it has ended."""
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(20 * PATIENCE)
        self.process.stderr.close()

    def lines(self):
        """What was written, once detached."""
        return self.output.read_text(errors="replace").splitlines()


def calls(lines):
    """How often each system call stands in what strace wrote."""
    found = (re.match(r"(?:\d+ +)?(\w+)\(", line) for line in lines)
    return collections.Counter(match[1] for match in found if match)


def threads(pid):
    """The threads of a process, the main one first."""
    return sorted(map(int, processes.names(f"/proc/{pid}/task")), key=lambda tid: (tid != pid, tid))
