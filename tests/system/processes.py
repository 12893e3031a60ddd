"""What the kernel says about processes, independently of the program under test.

Two witnesses are used. An oracle is a v1 `pids` cgroup that the test made: whatever the daemon
starts is in it, wherever it hides. Where there is none (no root rights), a process is found by its
marks: the private directory of the test in its environment, arguments, program or open files.
"""
import os
import pathlib
import signal
import time

PATIENCE = float(os.environ.get("REEVE_TEST_PATIENCE", "1"))


def until(question, what, seconds=20, pause=0.02):
    """Ask until the answer is true and return it, or fail with `what` after the deadline."""
    deadline = time.monotonic() + seconds * PATIENCE
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds * PATIENCE:g} s: {what}")
        time.sleep(pause)


def watch(question, what, seconds):
    """Fail with `what` as soon as the answer is true: for things that must not happen."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = question()
        if answer:
            raise AssertionError(f"{what}: {answer}")
        time.sleep(0.02)


def read(path):
    """The bytes of a file below /proc, or nothing when the process is gone or not ours."""
    try:
        return pathlib.Path(path).read_bytes()
    except OSError:
        return b""


def link(path):
    """Where a link below /proc points to, or an empty string."""
    try:
        return os.readlink(path)
    except OSError:
        return ""


def names(path):
    """The entries of a directory below /proc, or none when it is gone or not ours."""
    try:
        return os.listdir(path)
    except OSError:
        return []


def fields(stat):
    """The fields of a stat line behind the name, which may hold spaces and brackets."""
    return stat.rpartition(b")")[2].split()


def living_thread(pid):
    """The directory below /proc of a thread that runs, or an empty string if there is none.

    A process whose first thread is a zombie may live on, and only the directories of its other
    threads tell about it.
    """
    for thread in sorted(names(f"/proc/{pid}/task"), key=int):
        state = fields(read(f"/proc/{pid}/task/{thread}/stat"))[:1]
        if state and state[0] not in (b"Z", b"X"):
            return f"/proc/{pid}/task/{thread}"
    return ""


def is_alive(pid):
    """Whether any thread of the process runs."""
    return living_thread(pid) != ""


def parent_of(pid):
    """The pid of the parent, or 0 when the process is gone."""
    stat = fields(read(f"/proc/{pid}/stat"))
    return int(stat[1]) if len(stat) > 1 else 0


def children_of(pid):
    """The pids of the living children of a process."""
    return [other for other in all_pids() if parent_of(other) == pid and is_alive(other)]


def all_pids():
    """All pids that /proc lists."""
    return [int(name) for name in names("/proc") if name.isdigit()]


def program_of(pid):
    """The path of the program that a process executes, or an empty string."""
    return link(f"{living_thread(pid)}/exe")


def is_reeve(pid):
    """Whether the process executes one of the programs under test, not a job's command."""
    return os.path.basename(program_of(pid)).startswith("reeve")


def is_marked(pid, directory):
    """Whether a living process has to do with a directory, by whatever the kernel shows of it."""
    mark = os.fsencode(directory)
    thread = living_thread(pid)
    if mark in read(f"{thread}/environ") or mark in read(f"{thread}/cmdline"):
        return True
    links = [f"{thread}/exe", f"{thread}/cwd"]
    links += [f"{thread}/fd/{number}" for number in names(f"{thread}/fd")]
    return any(link(path).startswith(str(directory)) for path in links)


def marked(directory):
    """The living processes that have to do with a directory, this one left out."""
    return [pid for pid in all_pids() if pid != os.getpid() and is_marked(pid, directory)]


def describe(pid):
    """One line about a process for a failure message."""
    command = read(f"/proc/{pid}/cmdline").replace(b"\0", b" ").decode(errors="replace").strip()
    stat = fields(read(f"/proc/{pid}/stat"))
    state = stat[0].decode() if stat else "gone"
    return f"{pid} {state} parent {parent_of(pid)} {program_of(pid)!r} {command[:120]!r}"


def kill(pid, number=signal.SIGKILL):
    """Send a signal to a process that may be gone meanwhile."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def mounts(kind, option=""):
    """The mount points of a kind of cgroup hierarchy, v1 ones by the controller they carry."""
    found = []
    for line in read("/proc/self/mountinfo").decode(errors="replace").splitlines():
        before, _, after = line.partition(" - ")
        filesystem, _, options = after.split(" ", 2)
        if filesystem == kind and (not option or option in options.split(",")):
            found.append(pathlib.Path(before.split(" ")[4]))
    return found


def own_cgroup(controller=""):
    """The path of this process within a hierarchy: a v1 one, or the unified one if none given."""
    for line in read("/proc/self/cgroup").decode().splitlines():
        number, controllers, path = line.split(":", 2)
        if controller in controllers.split(",") and (controller or number == "0"):
            return path.lstrip("/")
    return ""


def cgroups_of(pids):
    """The directories, in all hierarchies, that processes are in and that have the program's name.

    With each comes the one above it, which the program may have made to hold the others.
    """
    found = set()
    for pid in pids:
        for line in read(f"/proc/{pid}/cgroup").decode(errors="replace").splitlines():
            number, controllers, path = line.split(":", 2)
            if "reeve" not in path or Cgroup.PREFIX in path:
                continue
            for mount in mounts("cgroup2") if number == "0" else mounts("cgroup", controllers):
                directory = mount / path.lstrip("/")
                found |= {place for place in (directory, directory.parent)
                          if "reeve" in str(place.relative_to(mount))}
    return found


class Cgroup:
    """A cgroup that a test made for itself and removes with all that is in it."""

    PREFIX = "systemtest-"
    count = 0

    def __init__(self, mount, parent):
        Cgroup.count += 1
        self.path = mount / parent / f"{self.PREFIX}{os.getpid()}-{Cgroup.count}"
        self.path.mkdir()

    @classmethod
    def make(cls, kind, controller=""):
        """A cgroup below the caller's own in the first hierarchy of the kind, else None."""
        for mount in mounts(kind, controller):
            try:
                return cls(mount, own_cgroup(controller))
            except OSError:
                continue
        return None

    def delegate(self, uid):
        """Let an ordinary user make cgroups in it and move processes about in it."""
        for name in (".", "cgroup.procs", "cgroup.threads", "cgroup.subtree_control"):
            if (self.path / name).exists():
                os.chown(self.path / name, uid, uid)

    def enter(self):
        """Move the calling process into it."""
        with open(self.path / "cgroup.procs", "w", encoding="ascii") as file:
            file.write("0")

    def pids(self):
        """The processes that are in it and not below it."""
        return {int(word) for word in read(self.path / "cgroup.procs").split()}

    def living(self, are_ours=lambda pid: False):
        """Those of its processes that live; -1 stands for ones that are too quick to be seen.

        A tree of processes that fork and exit for ever may be between two pids whenever one
        looks, but it can't hide that new pids turn up.
        """
        for _ in range(5):
            before = self.pids()
            alive = {pid for pid in before if is_alive(pid) and not are_ours(pid)}
            if alive:
                return alive
            time.sleep(0.01)
            if not {pid for pid in self.pids() - before if not are_ours(pid)}:
                return set()
        return {-1}

    def below(self):
        """The cgroups that others made below it, the deepest first."""
        return [pathlib.Path(directory) for directory, _, _ in os.walk(self.path, topdown=False)
                if pathlib.Path(directory) != self.path]

    def remove(self):
        """End what is left in it, and take it away with all cgroups below it."""
        def removed():
            for directory in self.below() + [self.path]:
                for word in read(directory / "cgroup.procs").split():
                    kill(int(word))
                try:
                    directory.rmdir()
                except OSError:
                    pass
            return not self.path.exists()
        until(removed, f"the cgroup {self.path} can be removed", seconds=10)
