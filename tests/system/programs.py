"""The programs that the tests run, and what a command of them answers."""
import os
import pathlib
import shutil
import subprocess

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


def program():
    """The path of the program under test."""
    path = os.environ.get("REEVE_BIN", REPOSITORY / "build" / "release" / "bin" / "reeve")
    return pathlib.Path(path).resolve()


def hostile_program(directory):
    """A copy of the hostile program in a directory, compiled there if it was not built."""
    copy = directory / "hostile"
    built = pathlib.Path(os.environ.get("REEVE_HOSTILE", program().parent / "hostile"))
    if built.exists() and not copy.exists():
        shutil.copy2(built, copy)
    elif not copy.exists():
        source = REPOSITORY / "tests" / "hostile" / "tree.c"
        subprocess.run(["cc", "-O1", "-pthread", "-o", copy, source], check=True)
    copy.chmod(0o755)
    return copy


def strings_in(value):
    """All strings that are a value anywhere within decoded JSON."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [word for part in value for word in strings_in(part)] if isinstance(value, list) else []


class Command(subprocess.Popen):
    """A running command, which is killed when the block that uses it fails."""

    def __exit__(self, kind, error, traceback):
        if kind is not None:
            self.kill()
        super().__exit__(kind, error, traceback)


class Answer:
    """What one command answered: its exit code and both of its outputs."""

    def __init__(self, code, raw, raw_errors):
        self.code, self.raw, self.raw_errors = code, raw, raw_errors
        self.out = raw.decode(errors="replace")
        self.err = raw_errors.decode(errors="replace")

    def __repr__(self):
        return f"exit code {self.code}, stdout {self.out[-2000:]!r}, stderr {self.err[-2000:]!r}"


class Code(int):
    """An exit code that shows, in the message of a failed comparison, what was said with it."""

    def __new__(cls, answer):
        code = super().__new__(cls, answer.code)
        code.said = answer.err.strip()
        return code

    def __repr__(self):
        return f"{int(self)} (said: {self.said[-500:]!r})"
