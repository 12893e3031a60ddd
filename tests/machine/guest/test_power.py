"""The power goes off: what was acknowledged is there when the machine is up again.

`prepare` is called in the last moment of one round and the tests run in the next one. Nothing is
written back in between but what the program itself asked for.
"""
import json
import os
import pathlib
import sqlite3
import unittest

from people import ROOT

HOME = pathlib.Path("/var/lib/machine/power")
FACTS = HOME.with_suffix(".json")


def prepare():
    """Fill a queue and switch off right after the last acknowledgement."""
    HOME.mkdir(mode=0o700)
    (HOME / "config.toml").write_text("[capacity]\ncpus = 2\n")
    os.sync()
    queue = ROOT.queue(HOME)
    jobs = {"ended": queue.shell("echo data >$REEVE_RESULTS_DIR/file; echo line")}
    jobs["failed"] = queue.shell("exit 7")
    for name in jobs.values():
        queue.ended(name)
    jobs["running"] = queue.shell("echo $$; exec sleep 600")
    jobs["again"] = queue.shell("echo $$; test $REEVE_ATTEMPT -gt 1 || exec sleep 600",
                                "--retry", "1", "--retry-on-lost")
    queue.pid_of(jobs["running"])
    queue.pid_of(jobs["again"])
    jobs["waiting"] = queue.shell("echo ran")
    jobs["held"] = queue.submit("--hold", "--", "true")
    # The facts are made durable before the last job is known, which therefore is the next one.
    jobs["last"] = jobs["held"] + 1
    FACTS.write_text(json.dumps(jobs))
    file = os.open(FACTS, os.O_RDONLY)
    os.fsync(file)
    folder = os.open(FACTS.parent, os.O_RDONLY)
    os.fsync(folder)
    last = queue.submit("--", "true")
    if last != jobs["last"]:
        raise AssertionError(f"the last job is {last}, not {jobs['last']}")
    pathlib.Path("/proc/sysrq-trigger").write_text("b")


class AfterPowerFailure(unittest.TestCase):
    """The queue as it was left."""

    def setUp(self):
        self.jobs = json.loads(FACTS.read_text())
        self.queue = ROOT.queue(HOME)

    def test_1_every_acknowledged_job_is_there_and_told_truthfully(self):
        known = {job["id"] for job in json.loads(self.queue.reeve("ls", "--all", "--json"))}
        self.assertEqual(known, set(self.jobs.values()))
        lost = self.queue.ended(self.jobs["running"])
        self.assertEqual((lost["state"], lost["reason"]), ("lost", "reboot"))
        self.assertEqual(self.queue.show(self.jobs["held"])["state"], "held")
        failed = self.queue.show(self.jobs["failed"])
        self.assertEqual((failed["state"], failed["exit_code"]), ("failed", 7))

    def test_2_published_results_are_whole(self):
        fields = self.queue.show(self.jobs["ended"])
        self.assertEqual(fields["state"], "completed")
        self.assertEqual((pathlib.Path(fields["results_dir"]) / "file").read_text(), "data\n")

    def test_3_what_waited_runs_and_what_may_be_repeated_is_run_again(self):
        for name in ("waiting", "last", "again"):
            self.assertEqual(self.queue.ended(self.jobs[name])["state"], "completed", name)
        self.assertEqual(self.queue.show(self.jobs["again"])["attempt"], 2)
        self.assertEqual(self.queue.show(self.jobs["waiting"])["attempt"], 1)

    def test_4_the_database_is_sound(self):
        self.queue.close()
        with sqlite3.connect(HOME / "reeve.db") as database:
            self.assertEqual(database.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
        database.close()
