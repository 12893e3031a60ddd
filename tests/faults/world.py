"""A daemon, its clients and its jobs, in a directory of their own, with a history of the truth."""
import collections
import json
import os
import random
import select
import signal
import subprocess
import threading
import time

import processes
from checkers import SAID, Check, Deeds, exit_word
from harness import TERMINAL
from processes import PATIENCE, until
from wire import Client, Lost, Refused

LONG = os.environ.get("REEVE_FAULTS_LONG") == "1"

# What a job does between its line for the start and its line for the end.
BODIES = {
    "quick": "true",
    "fails": "(exit 3)",
    "slow": "sleep 0.4",
    "crash": 'say "end SEGV"; kill -SEGV $$',
    "results": 'bad=0; for n in 1 2 3; do yes $n | head -n 1000 >"$REEVE_RESULTS_DIR/$n" || bad=1;'
               ' done; (exit $bad)',
    "big": "true",      # its order is too large for one message
    "endless": "sleep 600",
    "gated": 'until test -e "$REEVE_GATE"; do sleep 0.02; done',
    "retried": '(exit $((REEVE_ATTEMPT < 2 ? 4 : 0)))',
}


def seed():
    """The seed of this run, which is printed so that it can be given again with --seed."""
    value = os.environ.get("REEVE_FAULTS_SEED")
    value = int(value) if value else random.SystemRandom().randrange(2**32)
    print(f"seed {value}", flush=True)
    return value


class World:
    """One state directory, the daemon that is started on it, and what is known about its jobs."""

    def __init__(self, test, **options):
        options.setdefault("config", "[capacity]\ncpus = 8\n")
        self.test = test
        self.reeve = test.reeve_with(**options)
        self.daemon = None
        self.deeds_path = self.reeve.base / "deeds"
        self.deeds_path.touch()
        self.deeds_path.chmod(0o666)
        self.gate = self.reeve.base / "gate"
        self.acknowledged, self.attempted, self.cancelled = {}, set(), set()
        self.counts = collections.Counter()
        self.lock = threading.Lock()
        self.errors = open(self.reeve.base / "daemon.err", "w+b")
        # A process that looks like one of ours, and is not.
        self.canary = subprocess.Popen(
            ["sleep", "1000"], start_new_session=True, stdin=subprocess.DEVNULL,
            env={"REEVE_MARK": "00000000.1.1.1", "REEVE_JOB_ID": "1", "PATH": os.environ["PATH"]})
        test.addCleanup(self.close)

    def close(self):
        """Reap what was started here; the harness ends the rest."""
        if self.is_running():
            processes.kill(self.pid())
        if self.daemon is not None:
            self.daemon.wait()
        self.canary.kill()
        self.canary.wait()
        self.errors.close()

    # --- the daemon ---

    def start(self, *, wrap=(), before=None, variables=None, is_refused=False, seconds=30):
        """Start the daemon in the foreground and wait until it serves, or has said why not.

        Returns what it said: `ready`, or if it may be refused, the reason.
        """
        read_end, write_end = os.pipe()

        def prepare():
            self.reeve.enter()
            if before is not None:
                before()
        words = [*wrap, self.reeve.program, "daemon", "run", "--ready-fd", str(write_end)]
        self.daemon = subprocess.Popen(
            [str(word) for word in words], stdin=subprocess.DEVNULL, stdout=self.errors,
            stderr=self.errors, cwd="/", start_new_session=True, pass_fds=[write_end],
            preexec_fn=prepare, env={**self.reeve.environment, **(variables or {})})
        os.close(write_end)
        said, deadline = b"", time.monotonic() + seconds * PATIENCE
        with open(read_end, "rb", buffering=0) as pipe:
            while not said.endswith(b"\n"):
                if not select.select([pipe], [], [], 0.5 if self.is_running() else 0.1)[0]:
                    self._complain_about_start(deadline)
                    continue
                part = pipe.read(4096)
                if not part:
                    break
                said = (said + part).removeprefix(b"begun\n")
        if said != b"ready\n" and not is_refused:
            self.daemon.wait(20 * PATIENCE)
            raise AssertionError(f"the daemon did not start: {said!r},"
                                 f" {exit_word(self.daemon.returncode)}")
        return said

    def _complain_about_start(self, deadline):
        """Fail when nobody will ever tell that the daemon is ready, or that it is not."""
        if not self.is_running():
            left = [processes.describe(pid) for pid in self.reeve.all_living()]
            raise AssertionError("the daemon is dead, and a process that it left behind lets its"
                                 f" starter wait for ever; there are {left}")
        if time.monotonic() > deadline:
            raise AssertionError("the daemon hangs while it starts")

    def pid(self):
        """The pid of the daemon, which may have a tracer between itself and us."""
        if processes.is_reeve(self.daemon.pid):
            return self.daemon.pid
        children = processes.read(f"/proc/{self.daemon.pid}/task/{self.daemon.pid}/children")
        return int((children.split() or [self.daemon.pid])[0])

    def is_running(self):
        """Whether the daemon lives."""
        return self.daemon is not None and self.daemon.poll() is None

    def kill(self):
        """SIGKILL to the daemon, which is our child, or that of its tracer."""
        processes.kill(self.pid())
        self.daemon.wait()
        self.counts["daemons killed"] += 1

    def stop(self):
        """End the daemon in good order."""
        processes.kill(self.pid(), signal.SIGTERM)
        self.daemon.wait(20 * PATIENCE)

    def clear(self):
        """Wait until nothing lives after the daemon's end; what does after all is killed."""
        try:
            until(lambda: not self.living(), "", seconds=2)
        except AssertionError:
            left = sorted(self.living())
            words = [processes.describe(pid) for pid in left]
            for pid in left:
                processes.kill(pid)
            raise AssertionError(f"processes outlive the daemon: {words}") from None

    def living(self):
        """All that was started here and lives; with a witness, without a look at all processes."""
        return self.reeve.oracle.living() if self.reeve.oracle else self.reeve.all_living()

    def keepers(self):
        """The pids of the living keepers."""
        if self.reeve.oracle is None:
            pids = processes.marked(self.reeve.base)
        else:
            pids = self.reeve.oracle.pids()
        pids = {pid for pid in pids if "/reeve-keeper" in processes.program_of(pid)}
        # A job that does not run its own program yet looks like one, and its death is its own.
        return sorted(pid for pid in pids if processes.parent_of(pid) not in pids)

    def client(self, timeout=20):
        """A new connection."""
        return Client(self.reeve.home / "reeve.sock", timeout * PATIENCE, self.reeve.user)

    # --- jobs ---

    def job(self, kind, **options):
        """The description of a job of a kind; its name is new."""
        with self.lock:
            self.counts[kind] += 1
            name = f"{kind}-{self.counts[kind]}"
            self.attempted.add(name)
        script = (f'say() {{ echo "$REEVE_JOB_ID $REEVE_ATTEMPT $1" >>{self.deeds_path}; }}; '
                  f'say start; echo {SAID.decode().strip()}; {BODIES[kind]}; code=$?; '
                  f'say "end $code"; exit $code')
        job = {"command": ["sh", "-c", script], "directory": str(self.reeve.work), "name": name,
               "environment": {"REEVE_GATE": str(self.gate)}, "grace": 500}
        if kind == "big":
            job["environment"]["PADDING"] = "x" * 100_000
        if kind == "retried":
            job["retry"] = {"retries": 2}
        job.update(options)
        return job

    def submit(self, *jobs, client=None):
        """Submit jobs in one request; returns their ids, or None when they are not acknowledged."""
        context = {"environment": [f"PATH={os.environ['PATH']}"], "umask": 18, "limits": []}
        own = None
        try:
            if client is None:
                client = own = self.client()
            ids = client.call("submitJobs", context=json.dumps(context), jobs=list(jobs))["ids"]
        except (Lost, Refused) as error:
            with self.lock:
                self.counts["not acknowledged"] += 1
                self.counts[f"refused: {getattr(error, 'code', 'connection lost')}"] += 1
            return None
        finally:
            if own is not None:
                own.socket.close()
        with self.lock:
            for number, job in zip(ids, jobs):
                self.acknowledged[number] = job["name"]
        return ids

    def submit_kinds(self, *kinds):
        """Submit one job of each kind."""
        return self.submit(*[self.job(kind) for kind in kinds])

    def cancel(self, job):
        """Ask for the end of a job, whether or not that is answered."""
        with self.lock:
            self.cancelled.add(self.acknowledged[job])
        try:
            with self.client() as client:
                client.call("cancelJobs", ids=[job], grace_ms=100)
        except (Lost, Refused):
            pass

    def fields(self, job):
        """What the daemon says about a job."""
        with self.client() as client:
            return client.call("getJobs", ids=[job])["jobs"][0]

    def await_state(self, job, *states):
        """Wait until a job is in one of the states, told by the daemon, and return its fields."""
        seen = ""
        deadline = time.monotonic() + 20 * PATIENCE
        with self.client() as client:
            while time.monotonic() < deadline:
                fields = client.call("watchJob", id=job, seen=seen)["jobs"][0]
                seen = fields["state"]
                if seen in states:
                    return fields
        raise AssertionError(f"job {job} did not become {states}: {fields}")

    def settle(self, seconds=20, may_die=False):
        """Wait until every job has ended; the daemon must bring that about by itself.

        Returns whether it did, which it must unless it may die.
        """
        deadline = time.monotonic() + seconds * PATIENCE
        error = None
        while time.monotonic() < deadline:
            try:
                with self.client(max(1, deadline - time.monotonic()) / PATIENCE) as client:
                    ids = client.call("selectJobs", unfinished=True)["ids"]
                    if not ids:
                        return True
                    client.call("waitJobs", ids=ids)
            except (Lost, Refused) as refusal:
                error = refusal
                is_dead = not self.is_running()
                if is_dead and may_die:
                    return False
                if is_dead:
                    raise AssertionError(
                        f"the daemon ended by itself: {exit_word(self.daemon.returncode)},"
                        f" {self.last_words()}") from None
                time.sleep(0.02)  # A degraded daemon answers with an error, and goes on.
        raise AssertionError(f"not all jobs ended within {seconds * PATIENCE:g} s ({error}): "
                             + "; ".join(self.unfinished()))

    def unfinished(self):
        """The jobs that have not ended, in few words."""
        try:
            with self.client() as client:
                jobs = client.call("listJobs", limit=0)["jobs"]
        except (Lost, Refused) as error:
            return [str(error)]
        return [f"{job['id']} {job['name']} {job['state']} attempt {job['attempt']}"
                for job in jobs if job["state"] not in TERMINAL]

    def last_words(self):
        """The end of what the daemon wrote."""
        self.errors.seek(0)
        return self.errors.read()[-600:].decode(errors="replace")

    # --- the truth ---

    def checker(self, allowed=()):
        """A checker that knows what is known here."""
        return Check(deeds=Deeds(self.deeds_path), acknowledged=self.acknowledged,
                     attempted=self.attempted, cancelled=self.cancelled, allowed=allowed)

    def check(self, *, allowed=(), is_whole=True):
        """Compare all that is known with what the daemon says; returns what is wrong.

        Whole: with the events of the command line and a look at the database, for which the daemon
        is stopped.
        """
        check = self.checker(allowed)
        with self.client() as client:
            jobs = client.call("listJobs", limit=0)["jobs"]
            events = [] if is_whole else client.call("listEvents", limit=0)["events"]
        if is_whole:
            events = self.reeve.events("--limit", "0")
        check.jobs(jobs, events)
        check.results(jobs, self.reeve.home / "results")
        try:
            until(lambda: not self.reeve.strangers(), "", seconds=3)
        except AssertionError:
            for pid in self.reeve.strangers():
                check.say("survivors", processes.describe(pid))
        if self.canary.poll() is not None:
            check.say("strangers killed", exit_word(self.canary.returncode))
        if is_whole:
            self.stop()
            check.database(self.reeve.home / "reeve.db")
        return check

    def finish(self, *, allowed=(), title=""):
        """The whole check: print the counts, and fail with all that is wrong."""
        check = self.check(allowed=allowed)
        counts = self.counts + check.counts
        for name in ("lost acknowledgements", "commands started twice", "survivors",
                     "strangers killed", "false words"):
            counts.setdefault(name, 0)
        print(f"{title}: " + ", ".join(f"{counts[name]} {name}" for name in sorted(counts)),
              flush=True)
        if check.wrong:
            raise AssertionError(f"{title}: {len(check.wrong)} things are wrong:\n  "
                                 + "\n  ".join(check.wrong[:20]))
