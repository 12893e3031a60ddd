"""What bench/findings.py runs: small programs that really fail, and ones that only talk of errors."""
import dataclasses


@dataclasses.dataclass
class Program:
    """Run by bash in a directory of its own that holds `files`, its output in one log."""
    name: str
    command: str
    # A regular expression for the message that tells why it failed; empty: it succeeds.
    cause: str = ""
    files: dict = dataclasses.field(default_factory=dict)
    # Programs and modules of Python without which it is skipped.
    needs: str = "bash"
    modules: str = ""
    # It fails, although its exit code is 0.
    exits_zero: bool = False
    # The only sign is one that successful runs show as well: a warning suffices.
    is_weak: bool = False


def python(name, code, cause="", **more):
    return Program(name, "/usr/bin/python3 main.py", cause, {"main.py": code}, **more)


def c(name, code, cause="", command="./main", flags="", **more):
    return Program(name, f"gcc -w {flags} -o main main.c && {command}", cause, {"main.c": code},
                   needs="gcc", **more)


def cpp(name, code, cause="", flags="", **more):
    return Program(name, f"g++ -w {flags} -o main main.cpp && ./main", cause, {"main.cpp": code},
                   needs="g++", **more)


def java(name, code, cause="", flags="", **more):
    return Program(name, f"javac Main.java && java {flags} Main", cause, {"Main.java": code},
                   needs="javac java", **more)


def bash(name, code, cause="", **more):
    return Program(name, "bash run.sh", cause, {"run.sh": code}, **more)
