"""What must be true after any fault, once everything has settled.

The suite knows three things for itself: what was acknowledged (world.py), what each job did (it
appends a line for its start and for its end to a file outside of the state directory, so that no
fault of the state can change it), and which processes live (processes.py). They are compared with
what the daemon says.
"""
import collections
import pathlib
import signal
import sqlite3

from harness import TERMINAL

SAID = b"hello\n"  # What each job writes to its output.


class Deeds:
    """What the jobs did, by their own words."""

    def __init__(self, path):
        self.starts = collections.Counter()
        self.ends = {}
        for line in pathlib.Path(path).read_text(encoding="ascii").splitlines():
            job, attempt, word, *rest = line.split()
            if word == "start":
                self.starts[int(job), int(attempt)] += 1
            else:
                self.ends[int(job), int(attempt)] = rest[0]


class Check:
    """Compares, and collects what is wrong.

    acknowledged  by id: the name that was submitted
    attempted     all names that were submitted
    allowed       faults that may show in a job: lost, reboot, launch_error, publish_error, log,
                  killed (by the test), no fork (a shell that ended without a word)
    """

    def __init__(self, *, deeds, acknowledged, attempted, cancelled, allowed=()):
        self.deeds, self.acknowledged, self.attempted = deeds, acknowledged, attempted
        self.cancelled, self.allowed = cancelled, set(allowed)
        self.wrong = []
        self.counts = collections.Counter()

    def say(self, kind, text):
        """Note something that is wrong."""
        self.counts[kind] += 1
        self.wrong.append(f"{kind}: {text}")

    def jobs(self, jobs, events):
        """Compare jobs, as `ls --json` has them, and all events with what is known."""
        by_id = {job["id"]: job for job in jobs}
        for job, name in self.acknowledged.items():
            if by_id.get(job, {}).get("name") != name:
                self.say("lost acknowledgements", f"{job} {name}: {by_id.get(job)}")
        names = collections.Counter(job["name"] for job in jobs)
        for name, count in names.items():
            if count > 1 or name not in self.attempted:
                self.say("unexpected jobs", f"{name} is there {count} times")
        for (job, attempt), count in self.deeds.starts.items():
            if count > 1:
                self.say("commands started twice", f"attempt {attempt} of {job}: {count} times")
            if job not in by_id:
                self.say("unknown starts", f"{job} ran, and is not there")
        told = collections.defaultdict(list)
        for event in events:
            told[event["job"]].append(event)
        for job in jobs:
            self._job(job, told[job["id"]])
        self.counts["jobs"] += len(jobs)
        self.counts["acknowledged"] += len(self.acknowledged)

    def _job(self, job, events):
        if job["state"] not in TERMINAL:
            self.say("unsettled jobs", f"{brief(job)}")
            return
        ends = collections.defaultdict(list)
        for event in events:
            if event["to"] in TERMINAL:
                ends[event["attempt"]].append(event)
        for attempt in range(1, job["attempt"] + 1):
            if len(ends[attempt]) != 1:
                self.say("attempts without one end", f"{brief(job)}: {ends[attempt]}")
        if len(ends[0]) > 1 or any(attempt > job["attempt"] for attempt in ends):
            self.say("attempts without one end", f"{brief(job)}: {dict(ends)}")
        last = [event["to"] for event in events if event["to"]][-1:]
        if last != [job["state"]]:
            self.say("events that differ", f"{brief(job)}: {last}")
        for attempt, found in ends.items():
            for event in found:
                if attempt:
                    self._attempt(job, attempt, event)
        self._last_attempt(job)

    def _attempt(self, job, attempt, event):
        """Compare an attempt's end with what it did; its job's fields are about the last one."""
        key = (job["id"], attempt)
        state, reason, end = event["to"], event["reason"], self.deeds.ends.get(key)
        ran = self.deeds.starts[key] > 0
        truth = {
            "completed": ran and end == "0",
            "exit_code": ran and (end not in (None, "0", "SEGV") or "no fork" in self.allowed),
            "signal": ran and (end == "SEGV" or end is None and self._may_be_killed(job)),
            "launch_error": not ran and "launch_error" in self.allowed,
            "publish_error": ran and end == "0" and "publish_error" in self.allowed,
            "cancelled_by_user": job["name"] in self.cancelled,
            "wall_limit": ran and end is None and job["time_limit_ms"] is not None,
            "keeper_died": bool({"lost"} & self.allowed),
            "reboot": bool({"reboot"} & self.allowed),
        }
        if not truth.get(reason or state, False):
            self.say("false words", f"attempt {attempt} of {brief(job)} ended as {state}"
                                    f" ({reason}), and its own words are start={ran} end={end}")
        self.counts[reason or state] += 1

    def _may_be_killed(self, job):
        """Whether a signal ended it that was not the program's, nor that of the job itself.

        One that writes after its keeper's death is ended by SIGPIPE, which the kernel tells.
        """
        return "killed" in self.allowed or "lost" in self.allowed and job["signal"] == "SIGPIPE"

    def _last_attempt(self, job):
        end = self.deeds.ends.get((job["id"], job["attempt"]))
        code = {"completed": 0, "exit_code": job["exit_code"]}.get(job["reason"] or job["state"])
        if code is not None and str(code) != end and "no fork" not in self.allowed:
            self.say("false words", f"{brief(job)}: exit code {job['exit_code']}, it was {end}")
        if job["state"] == "completed" and job["exit_code"] != 0:
            self.say("false words", f"{brief(job)}: completed with {job['exit_code']}")
        if job["reason"] == "signal" and job["signal"] != "SIGSEGV" \
                and not self._may_be_killed(job):
            self.say("false words", f"{brief(job)}: {job['signal']}")
        has_spoken = job["state"] in ("completed", "failed") and end is not None
        if has_spoken and "log" not in self.allowed:
            log = pathlib.Path(job["log_path"] or "/nowhere")
            if not log.exists() or log.read_bytes() != SAID:
                self.say("wrong logs", f"{brief(job)}: {log}")
        if job["results_dir"] is not None and job["state"] != "completed":
            self.say("published by halves", f"{brief(job)} has {job['results_dir']}")

    def results(self, jobs, root):
        """Check that what is published is whole, and is what completed jobs say."""
        wanted = {job["results_dir"]: job for job in jobs if job["results_dir"]}
        found = {str(run) for date in pathlib.Path(root).glob("[0-9]*-*") for run in date.iterdir()}
        for job in jobs:
            if job["state"] == "completed" and job["name"].startswith("results"):
                path = pathlib.Path(job["results_dir"] or "/nowhere")
                texts = {n: (path / n).read_bytes() if (path / n).exists() else None
                         for n in ("1", "2", "3")}
                if texts != {n: f"{n}\n".encode() * 1000 for n in texts}:
                    lengths = {n: text and len(text) for n, text in texts.items()}
                    self.say("published by halves", f"{brief(job)}: {path}: {lengths}")
            if job["reason"] == "publish_error":
                if not pathlib.Path(job["staging_dir"], "3").exists():
                    self.say("lost results", f"{brief(job)} names {job['staging_dir']}")
        for path in sorted(found - set(wanted)):
            self.say("published by halves", f"{path} belongs to no completed job")
        for path in sorted(set(wanted) - found):
            self.say("lost results", f"{brief(wanted[path])}: {path} is not there")
        self.counts["published"] += len(found)

    def database(self, path):
        """Have SQLite itself look at the database; no daemon may use it."""
        with sqlite3.connect(path) as database:
            answer = database.execute("PRAGMA integrity_check").fetchall()
        database.close()
        if answer != [("ok",)]:
            self.say("damaged databases", str(answer[:3]))


def brief(job):
    """A job in few words."""
    words = [f"{key}={job[key]!r}" for key in
             ("state", "reason", "exit_code", "signal", "attempt", "error") if job.get(key)]
    return f"{job['id']} {job['name']} ({', '.join(words)})"


def exit_word(code):
    """How a process ended, from what Popen has."""
    return signal.Signals(-code).name if code is not None and code < 0 else f"exit code {code}"
