"""Programs as people run them leave nothing behind when their job ends.

Each is made to start its processes, and its job ends in each of some ways. An oracle of its own
sees the processes of each job: a v1 `pids` cgroup that the test made, or without root rights the
marks that are told in processes.py. All sockets are on the loopback interface.
"""
import contextlib
import dataclasses
import errno
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import processes
import tiers
from harness import IS_ROOT, NOBODY, TERMINAL
from processes import until
from tiers import TierTest

HERE = pathlib.Path(__file__).resolve().parent
ENDS = {  # What becomes of the job: state, exit code and signal.
    "stay": ("cancelled", None, None),
    "leave": ("completed", 0, None),
    "exit": ("completed", 0, None),
    "crash": ("failed", None, "SIGKILL"),
}
EVERY = tuple(ENDS)
# Tier, whether as root, and the ends: all of them where the least is guaranteed.
ROWS = ((tiers.SUBREAPER, False, EVERY), (tiers.CGROUP, True, ("stay", "crash")),
        (tiers.NAMESPACE, False, ("stay", "exit")), (tiers.BOTH, True, ("leave",)))


@dataclasses.dataclass(frozen=True)
class Program:
    """A program, and how to see that all of its processes are there."""

    script: str  # For sh, in the job's own directory; what it starts must go on behind it.
    names: tuple = ("sleep",)  # The processes beside the shell, as the kernel names them.
    needs: str = ""  # The program without which it can't be tried.
    ends: tuple = ("stay", "leave", "crash")


DAEMONS = {
    "nohup": Program("nohup sleep 60 >/dev/null 2>&1 &"),
    "setsid": Program("setsid sleep 60 & setsid --fork sleep 60", needs="setsid"),
    "double fork": Program("(setsid sh -c 'cd /; exec <&- >&- 2>&-; sleep 60 & exit' &) &"),
    "disown": Program("bash -c 'set -m; sleep 60 & coproc sleep 60; disown -a'", needs="bash"),
    "pipeline": Program("tail -f /dev/null | tee copy | cat >/dev/null &", ("tail", "tee", "cat")),
    "timeout": Program("timeout 60 sh -c 'trap \"\" TERM; sleep 60' & timeout -s INT 60 sleep 60 &",
                       ("timeout", "sleep")),
    "xargs": Program("seq 4 | xargs -P4 -I% sleep 6% &", ("xargs", "sleep"), "xargs"),
    "script": Program("script -qc 'sleep 60' /dev/null >/dev/null </dev/null &",
                      ("script", "sleep"), "script"),
    "strace": Program("strace -f -o /dev/null sh -c 'sleep 60; true' &", ("strace", "sleep"),
                      "strace"),
    "unshare": Program("unshare --user --pid --fork sleep 60 &", ("unshare", "sleep"), "unshare"),
    "start-stop-daemon": Program("PATH=$PATH:/sbin:/usr/sbin; start-stop-daemon --start"
                                 " --background --pidfile $PWD/pid --make-pidfile"
                                 " --startas $(command -v sleep) -- 60",
                                 needs="start-stop-daemon"),
    "daemonize": Program("PATH=$PATH:/sbin:/usr/sbin; daemonize $(command -v sleep) 60",
                         needs="daemonize"),
    "tmux": Program("tmux -f /dev/null new-session -d 'sleep 60'", ("tmux: server", "sleep"),
                    "tmux"),
    "screen": Program("mkdir -m 700 s; SCREENDIR=$PWD/s screen -c /dev/null -dmS x sleep 60",
                      ("screen", "sleep"), "screen"),
    "ssh-agent": Program("ssh-agent -a agent >/dev/null", ("ssh-agent",), "ssh-agent"),
    "gpg-agent": Program("mkdir -m 700 g; gpg-agent --quiet --homedir $PWD/g --daemon >/dev/null",
                         ("gpg-agent",), "gpg-agent"),
    "dbus-daemon": Program("dbus-daemon --session --fork --nopidfile"
                           " --address=unix:path=$PWD/bus", ("dbus-daemon",), "dbus-daemon"),
    "git credential-cache": Program(
        "mkdir -m 700 c; printf 'protocol=https\\nhost=localhost\\nusername=a\\npassword=b\\n' |"
        " git credential-cache --socket $PWD/c/socket store", ("git",), "git"),
    "http.server": Program('"$PYTHON" -m http.server --bind 127.0.0.1 0 >/dev/null 2>&1 &',
                           ("python3",)),
}
POOLS = {kind: Program(f'"$PYTHON" pools.py {kind} %', (), ends=ends) for kind, ends in {
    "fork": EVERY, "spawn": EVERY, "forkserver": EVERY, "futures": EVERY,
    # Its own end would wait for its workers for ever.
    "stubborn": ("stay", "exit", "crash")}.items()}
PACKAGES = ("joblib", "distributed", "mpich")
FROM_PACKAGES = {kind: Program(f'"$PYTHON" pools.py {kind} %', (), ends=EVERY)
                 for kind in ("joblib", "loky", "dask")}
FROM_PACKAGES["mpiexec"] = Program(
    "unshare $ROOTED --net sh -c"
    " 'ip link set lo up; exec \"${PYTHON%/*}\"/mpiexec -n 2 sleep 60' &",
    ("mpiexec", "hydra_pmi_proxy", "sleep"), "ip")


def script_of(program, end):
    """The script of a job: what the program is, and how the shell that started it ends."""
    if not program.names:
        return "exec " + program.script.replace("%", end)
    last = {"leave": "exit 0", "crash": "kill -KILL $$"}.get(end, "exit 9")
    return f"mkfifo go; {program.script}\nread go <go; {last}"


def names_of(pids):
    """The names of processes, as the kernel shows them."""
    return {processes.read(f"/proc/{pid}/comm").decode(errors="replace").strip() for pid in pids}


def may_execute(path, enter):
    """Whether somebody, whom `enter` becomes, may execute a file."""
    try:
        return subprocess.run([path, "-c", "import ensurepip, venv"], preexec_fn=enter, check=False,
                              stderr=subprocess.DEVNULL, cwd="/").returncode == 0
    except OSError:
        return False


def become_nobody():
    """Give up being root, if that is who we are."""
    if IS_ROOT:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)


def find_python():
    """An interpreter that everybody may execute, else the one that runs this."""
    found = [sys.executable, *filter(None, (shutil.which("python3", path=place) for place in
                                            os.get_exec_path()))]
    return next((path for path in found if may_execute(path, become_nobody)), sys.executable)


class Job:
    """A job with a directory and an oracle of its own."""

    def __init__(self, reeve, name, end, directory, options, script, variables):
        self.reeve, self.name, self.end, self.directory = reeve, name, end, directory
        directory.mkdir(mode=0o700)
        shutil.copy(HERE / "pools.py", directory)
        (directory / "pools.py").chmod(0o644)
        self.cgroup = None
        enter = ""
        if reeve.oracle is not None:
            self.cgroup = processes.Cgroup(reeve.oracle.path, "")
            enter = f"echo 0 >{self.cgroup.path}/cgroup.procs || exit 99; "
        if reeve.user is not None:
            os.chown(directory, reeve.user, reeve.user)
            self.cgroup.delegate(reeve.user)
        self.id = reeve.submit(*options, "--grace", "200ms", "-D", directory, "--", "sh", "-c",
                               enter + script, variables={**variables, "TMPDIR": str(directory),
                                                          "MARK_OF_JOB": str(directory)})

    def let_go(self):
        """Let its main process end: the shell reads from a fifo, a pool looks for a file."""
        def went():
            try:
                os.close(os.open(self.directory / "go", os.O_WRONLY | os.O_NONBLOCK | os.O_CREAT))
            except OSError as error:
                if error.errno != errno.ENXIO:
                    raise
                return False  # The shell does not read yet.
            return True
        until(went, f"{self.name} can be let go")

    def living(self):
        """Its processes that live."""
        if self.cgroup is not None:
            return self.cgroup.living()
        return {pid for pid in processes.marked(self.directory) if not processes.is_reeve(pid)}

    def remove(self):
        """End what is left of it, should anything be."""
        if self.cgroup is not None:
            self.cgroup.remove()


class RealPrograms(TierTest):
    """Real programs, in each tier."""

    python = sys.executable

    def all_tiers(self, programs, rows=ROWS):
        """Run programs in each tier, side by side, once for each way to end."""
        for tier, is_root, ends in rows:
            with self.subTest(tier=tier.name):
                user = None if is_root else tiers.user_of(False)
                if user is not None and not may_execute(self.python, become_nobody):
                    user = None
                reeve = self.contained(tier, user, config="[capacity]\ncpus = 100\n")
                self.end_all(reeve, tier, programs, ends)

    def end_all(self, reeve, tier, programs, ends):
        """Run programs to their ends, and look at each of them when its job has ended."""
        with contextlib.ExitStack() as stack:
            jobs = []
            for name, program in programs.items():
                with self.subTest(program=name):
                    path = os.environ["PATH"] + ":/sbin:/usr/sbin"
                    if program.needs and not shutil.which(program.needs, path=path):
                        self.skipTest(f"{program.needs} is not installed")
                    for end in ends:
                        if end in program.ends:
                            jobs.append(self.begin(reeve, tier, name, program, end))
                            stack.callback(jobs[-1].remove)
            ready = []
            for job in jobs:
                with self.subTest(program=job.name, end=job.end):
                    self.await_ready(job, programs[job.name])
                    ready.append(job)
            reeve.run("cancel", *(job.id for job in ready if job.end == "stay"), "--no-wait")
            for job in ready:
                if job.end != "stay":
                    job.let_go()
            for job in ready:
                with self.subTest(program=job.name, end=job.end):
                    self.look_at_end(job)
            processes.watch(lambda: [processes.describe(pid) for job in ready
                                     for pid in job.living()], "survivors later on", seconds=1)
            self.assertEqual(self.alive(reeve), set())

    def begin(self, reeve, tier, name, program, end):
        """Submit the job of a program."""
        directory = reeve.work / f"{name.replace(' ', '-')}-{end}"
        variables = {"PYTHON": self.python, "JOBLIB_TEMP_FOLDER": str(directory),
                     "DASK_TEMPORARY_DIRECTORY": str(directory), "TMUX_TMPDIR": str(directory),
                     "SHELL": "/bin/sh",  # An ordinary user's of the system's own may be nologin.
                     "POOL_TOKEN": f"{reeve.base.name}-{directory.name}",
                     "ROOTED": "" if IS_ROOT and reeve.user is None else "--user --map-root-user"}
        return Job(reeve, name, end, directory, tier.options, script_of(program, end), variables)

    def await_ready(self, job, program):
        """Wait until all processes of a program are there."""
        def there():
            living = job.living()
            if program.names:
                return set(program.names) <= names_of(living)
            return (job.directory / "ready").exists() and len(living) >= 3
        try:
            until(there, "", seconds=25)
        except AssertionError:
            raise AssertionError(f"{job.name} is not there: {names_of(job.living())}, log: "
                                 f"{job.reeve.log(job.id)[-1000:]!r}") from None

    def look_at_end(self, job):
        """Wait until the job has ended; from then on nothing of it lives."""
        job.reeve.wait(job.id)
        left = job.living()
        shown = [processes.describe(pid) for pid in left]
        self.assertEqual(left, set(), f"survivors of {job.name}, {job.end}: {shown}")
        fields = job.reeve.in_state(job.id, TERMINAL)
        state, code, signal = ENDS[job.end]
        self.assertEqual(fields["state"], state, job.reeve.log(job.id)[-1000:])
        if job.end != "stay":
            self.assertEqual((fields["exit_code"], fields["signal"]), (code, signal))

    def setUp(self):
        """The programs are tried with an interpreter that an ordinary user may execute."""
        self.python = find_python()
        self.addCleanup(self.forget_semaphores)
        self.tokens = []

    def reeve_with(self, **options):
        """As for any test; what the pools leave in shared memory carries the name of its base."""
        reeve = super().reeve_with(**options)
        self.tokens.append(reeve.base.name)
        return reeve

    def forget_semaphores(self):
        """Take away what is no process: semaphores of pools that had to be killed."""
        for token in self.tokens:
            for path in pathlib.Path("/dev/shm").glob(f"sem.{token}-*"):
                path.unlink(missing_ok=True)

    def test_programs_that_go_to_the_background_end_with_their_job(self):
        self.all_tiers(DAEMONS)

    def test_pools_of_the_standard_library_end_with_their_job(self):
        self.all_tiers(POOLS)

    def test_pools_and_launchers_of_python_packages_end_with_their_job(self):
        place = tempfile.TemporaryDirectory(prefix="reeve-test-venv-")
        self.addCleanup(place.cleanup)
        os.chmod(place.name, 0o755)
        subprocess.run([self.python, "-m", "venv", place.name], check=True, umask=0o022)
        python = f"{place.name}/bin/python"
        got = subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-cache-dir",
                              "--retries", "1", "--timeout", "15", *PACKAGES], umask=0o022,
                             check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if got.returncode != 0:
            said = got.stdout.decode(errors="replace").strip().splitlines()[-1:]
            self.skipTest(f"pip can't install {', '.join(PACKAGES)} here: {said}")
        self.python = python
        # They are slow to start: all ends in one tier only.
        self.all_tiers(FROM_PACKAGES, [(tier, is_root, ends if ends == EVERY else ends[-1:])
                                       for tier, is_root, ends in ROWS])
