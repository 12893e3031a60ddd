#!/usr/bin/env python3
"""Boots Debian kernels in an emulator and runs tests of Reeve inside.

    run.py [--plain] [--systemd] [--bin DIR] [--console] [PATTERN...]

Without a choice both machines run, one after the other, and all their tests. DIR holds `reeve`,
`reeve-keeper` and `hostile`; it is build/release/bin unless told. The last line is
`N passed, N failed, N skipped`. README.md beside this file says what is in the machines.
"""
import argparse
import contextlib
import ctypes
import json
import os
import pathlib
import selectors
import shutil
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
CACHE = pathlib.Path(os.environ.get("REEVE_MACHINE_CACHE", REPOSITORY / "build/deps/machine"))
TOOLS = CACHE / "tools"
MODULES = TOOLS / "usr/lib/x86_64-linux-gnu/qemu"
PROGRAMS = ("reeve", "reeve-keeper", "reeve-data", "reeve-notify", "libduckdb.so", "hostile")
# Seconds until a machine is ended, whatever it does. They are a fuse, not an expectation.
TIME_LIMIT = {"plain": 1200, "systemd": 1200}
# A machine that says nothing for this long hangs; the longest test is given up earlier.
SILENCE_LIMIT = 400
KERNEL_OPTIONS = ("console=ttyS0 panic=-1 quiet loglevel=3 mitigations=off nokaslr"
                  " random.trust_cpu=on audit=0 systemd.log_color=0 systemd.show_status=0")


class Stopped(Exception):
    """This program was told to end."""


def tool(path, *arguments):
    """The command that runs a program of the unpacked tools with their own libraries."""
    libraries = TOOLS / "usr/lib/x86_64-linux-gnu"
    return [str(word) for word in (
        libraries / "ld-linux-x86-64.so.2", "--library-path",
        f"{libraries}:{libraries}/pulseaudio", TOOLS / path, *arguments)]


@contextlib.contextmanager
def own_place():
    """A folder for one run; those of runs that were killed are taken away first."""
    for old in CACHE.glob("run-*"):
        if not pathlib.Path("/proc", old.name[4:]).exists():
            shutil.rmtree(old, ignore_errors=True)
    place = CACHE / f"run-{os.getpid()}"
    place.mkdir()
    try:
        yield place
    finally:
        shutil.rmtree(place)


def make_initramfs(place, kind, options):
    """Pack what the machine starts with: its first program, drivers, the programs, the tests."""
    root = place / "initramfs"
    for folder in ("bin", "proc", "dev", "root", "payload/bin", "payload/tests"):
        (root / folder).mkdir(parents=True)
    shutil.copy2(TOOLS / "bin/busybox", root / "bin")
    shutil.copytree(CACHE / "kernel/modules", root / "modules")
    shutil.copy2(HERE / "guest/init", root / "init")
    (root / "init").chmod(0o755)
    for name in PROGRAMS:
        shutil.copy2(options.bin / name, root / "payload/bin")
    for folder in ("system", "machine", "hostile"):
        shutil.copytree(HERE.parent / folder, root / "payload/tests" / folder,
                        ignore=shutil.ignore_patterns("__pycache__"))
    (root / "payload/kind").write_text(kind)
    (root / "payload/only").write_text(" ".join(options.pattern))
    for path in [root, *root.rglob("*")]:
        path.chmod(path.stat().st_mode | (0o755 if path.is_dir() else 0o644))
    names = "\n".join(str(path.relative_to(root)) for path in sorted(root.rglob("*"))).encode()
    with open(place / "initramfs.cpio", "wb") as archive:
        subprocess.run(tool("bin/cpio", "-o", "-H", "newc", "-R", "0:0", "--quiet"), cwd=root,
                       input=names, stdout=archive, check=True)
    return place / "initramfs.cpio"


def emulator(initramfs):
    """The command that is the machine: no network, no window, a disk that forgets."""
    return tool(
        "usr/bin/qemu-system-x86_64", "-L", TOOLS / "usr/share/qemu",
        "-L", TOOLS / "usr/share/seabios", "-machine", "pc",
        "-accel", "tcg,thread=multi,tb-size=512",
        "-cpu", "Nehalem", "-smp", "2", "-m", "1536",
        "-nodefaults", "-nic", "none", "-display", "none",
        "-kernel", CACHE / "kernel/vmlinuz", "-initrd", initramfs,
        "-drive", f"file={CACHE / 'image'},format=raw,if=virtio,snapshot=on,cache=unsafe",
        "-serial", "file:console", "-serial", "stdio", "-append", KERNEL_OPTIONS)


class Machine:
    """One run of a machine, and what it told."""

    def __init__(self, kind, place, words):
        self.kind, self.place, self.words = kind, place, words
        self.planned = []
        self.is_ended = False
        self.begun = self.heard = time.monotonic()

    def run(self, options):
        """Boot, listen until the end, and end the emulator whatever happens."""
        command = emulator(make_initramfs(self.place, self.kind, options))
        alone = ctypes.CDLL(None).prctl

        def prepare():
            os.setpriority(os.PRIO_PROCESS, 0, max(10, os.getpriority(os.PRIO_PROCESS, 0)))
            alone(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: not even our own death leaves it behind.
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              cwd=self.place, env={**os.environ, "TMPDIR": str(self.place),
                                   "QEMU_MODULE_DIR": str(MODULES)},
                              preexec_fn=prepare) as process:
            try:
                self.listen(process)
            finally:
                process.kill()
                process.wait()
        self.close()

    def listen(self, process):
        """Take in what the machine tells until it is off or too slow."""
        rest = b""
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while not self.is_ended:
                now = time.monotonic()
                left = min(self.begun + TIME_LIMIT[self.kind], self.heard + SILENCE_LIMIT) - now
                if left <= 0:
                    self.fault(f"was given up {now - self.heard:.0f} s after its last word")
                    return
                if not selector.select(left):
                    continue
                data = os.read(process.stdout.fileno(), 65536)
                if not data:
                    self.fault("ended before its tests did")
                    return
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    self.take(line.strip())

    def take(self, line):
        """Take in one line of the machine."""
        self.heard = time.monotonic()
        try:
            told = json.loads(line)
        except ValueError:
            if line:
                print(f"     {self.kind}: {line.decode(errors='replace')}", flush=True)
            return
        if "plan" in told:
            self.planned += told["plan"]
        elif "booted" in told:
            print(f"     {self.kind}: Linux {told['kernel']} after {told['booted']:.1f} s of its"
                  f" time, {self.heard - self.begun:.1f} s of ours", flush=True)
        elif "end" in told:
            self.is_ended = True
        else:
            self.tell(told["test"], told["word"], told["seconds"], told["text"])

    def tell(self, test, word, seconds, text):
        """Print the line of a test and remember its word."""
        self.words[f"{self.kind}: {test}"] = word
        print(f"{word:4} {seconds:6.1f} s  {self.kind}: {test}", flush=True)
        if text:
            print("       " + text.replace("\n", "\n       "), flush=True)

    def fault(self, text):
        """Count a failure of the machine itself, and show the end of its console."""
        console = self.place / "console"
        said = console.read_text(errors="replace")[-3000:] if console.exists() else ""
        self.tell("the machine", "FAIL", self.heard - self.begun, f"{text}\n{said}")

    def close(self):
        """Tests that were planned and not told about have failed."""
        for test in self.planned:
            if f"{self.kind}: {test}" not in self.words:
                self.tell(test, "FAIL", 0, "it did not end")
        print(f"     {self.kind}: {time.monotonic() - self.begun:.0f} s", flush=True)


def stop(number, _frame):
    """End as an exception does, so that everything is cleaned up."""
    raise Stopped(signal.Signals(number).name)


def main():
    """Run the machines that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plain", action="store_true", help="only this one: a shell is init")
    parser.add_argument("--systemd", action="store_true", help="only this one: systemd is init")
    parser.add_argument("--bin", type=pathlib.Path, default=REPOSITORY / "build/release/bin",
                        metavar="DIR", help="where the programs under test are")
    parser.add_argument("--console", action="store_true", help="show what the kernels said, too")
    parser.add_argument("pattern", nargs="*", help="only tests whose name has a part like this")
    options = parser.parse_args()
    kinds = [kind for kind in TIME_LIMIT if getattr(options, kind)] or list(TIME_LIMIT)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, stop)
    words = {}
    try:
        missing = [name for name in PROGRAMS if not (options.bin / name).exists()]
        if missing:
            raise Stopped(f"{options.bin} has no {', '.join(missing)}")
        subprocess.run([HERE / "prepare.sh"], check=True, stdin=subprocess.DEVNULL)
        for kind in kinds:
            with own_place() as place:
                Machine(kind, place, words).run(options)
                if options.console:
                    print((place / "console").read_text(errors="replace"))
    except (Stopped, subprocess.CalledProcessError) as error:
        print(f"the test machine: {error}")
        words["the test machine"] = "FAIL"
    counts = [sum(word == wanted for word in words.values()) for wanted in ("ok", "FAIL", "skip")]
    print(f"{counts[0]} passed, {counts[1]} failed, {counts[2]} skipped")
    return 1 if counts[1] or not counts[0] else 0


if __name__ == "__main__":
    sys.exit(main())
