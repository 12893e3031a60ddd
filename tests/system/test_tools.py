"""Tools beside the queue: what ran, where something is told, what was used."""
import json
import os
import resource
import shutil
import sqlite3
import subprocess
import time
import unittest

from harness import SystemTest

HAS_GIT = shutil.which("git") is not None


class Provenance(SystemTest):
    """What ran is recorded at submission."""

    def git(self, *words):
        """Run git in the working directory, as nobody in particular."""
        environment = {**self.reeve.environment, "GIT_CONFIG_NOSYSTEM": "1"}
        subprocess.run(["git", "-c", "user.name=Ann", "-c", "user.email=ann@localhost", *words],
                       cwd=self.reeve.work, env=environment, check=True, capture_output=True)

    def repository(self):
        """Make the working directory a repository with a commit, and return the commit."""
        self.git("init", "-q", "-b", "main")
        (self.reeve.work / "train.py").write_text("print(1)\n")
        self.git("add", "train.py")
        self.git("commit", "-q", "-m", "first")
        return (self.reeve.work / ".git/refs/heads/main").read_text().strip()

    def provenance(self, job):
        """What is recorded of a job."""
        return json.loads(self.reeve.ok("show", job, "--provenance", "--json").out)

    def test_machine_and_environment_are_recorded(self):
        job = self.reeve.submit("--hold", "--", "true",
                                variables={"ANY_TOKEN": "hush", "VIRTUAL_ENV": "/nowhere"})
        told = self.provenance(job)
        self.assertEqual(told["host"], os.uname().nodename)
        self.assertIn(os.uname().release, told["kernel"])
        self.assertEqual(told["command"], ["true"])
        self.assertEqual(told["directory"], str(self.reeve.work))
        self.assertEqual(told["virtual_env"], "/nowhere")
        self.assertEqual(told["environment"]["ANY_TOKEN"], "***")
        self.assertIsNone(told["git"])
        self.assertNotIn("hush", self.reeve.ok("show", job, "--provenance").out)

    def test_nothing_is_recorded_when_it_is_not_wanted(self):
        job = self.reeve.submit("--hold", "--no-provenance", "--", "true")
        self.assertFalse(self.provenance(job)["recorded"])
        self.assert_told(self.reeve.ok("show", job, "--provenance").out, "not recorded")

    @unittest.skipUnless(HAS_GIT, "needs git")
    def test_commit_branch_and_changes_are_recorded_and_can_be_applied(self):
        commit = self.repository()
        (self.reeve.work / "train.py").write_text("print(2)\n")
        (self.reeve.work / "new.txt").write_text("new")
        (self.reeve.work / "below").mkdir()
        job = self.reeve.submit("--hold", "-D", self.reeve.work / "below", "--", "true")
        git = self.provenance(job)["git"]
        self.assertEqual((git["commit"], git["branch"]), (commit, "main"))
        self.assertEqual(git["root"], str(self.reeve.work))
        self.assertEqual(git["untracked"], ["new.txt"])
        self.assertFalse(git["diff_cut"])
        self.assertIn("+print(2)", git["diff"])
        self.assert_told(self.reeve.ok("show", job, "--provenance").out, commit, "main",
                         "1 file, lines: 1 more and 1 less", "new.txt")
        patch = self.reeve.ok("show", job, "--diff").raw
        (self.reeve.work / "train.py").write_text("print(1)\n")
        (self.reeve.base / "patch").write_bytes(patch)
        self.git("apply", str(self.reeve.base / "patch"))
        self.assertEqual((self.reeve.work / "train.py").read_text(), "print(2)\n")

    @unittest.skipUnless(HAS_GIT, "needs git")
    def test_large_changes_are_cut(self):
        self.repository()
        (self.reeve.work / "train.py").write_text("x = 1\n" * 400_000)
        job = self.reeve.submit("--hold", "--", "true")
        git = self.provenance(job)["git"]
        self.assertTrue(git["diff_cut"])
        self.assertLessEqual(len(git["diff"]), 1 << 20)

    @unittest.skipUnless(HAS_GIT, "needs git")
    def test_git_that_hangs_costs_two_seconds_and_the_changes(self):
        commit = self.repository()
        slow = self.reeve.base / "slow"
        slow.mkdir()
        (slow / "git").write_text("#!/bin/sh\nsleep 60\n")
        (slow / "git").chmod(0o755)
        began = time.monotonic()
        job = self.reeve.submit("--hold", "--", "true",
                                variables={"PATH": f"{slow}:{os.environ['PATH']}"})
        self.assertLess(time.monotonic() - began, 10)
        git = self.provenance(job)["git"]
        self.assertEqual((git["commit"], git["changes_known"]), (commit, False))

    @unittest.skipUnless(HAS_GIT, "needs git")
    def test_retry_with_the_same_environment_tells_that_the_code_changed(self):
        first = self.repository()
        job = self.reeve.ended("--", "true")["id"]
        quiet = self.reeve.ok("retry", "--same", job)
        self.assertEqual(quiet.err, "")
        self.reeve.wait(job)
        (self.reeve.work / "train.py").write_text("print(2)\n")
        answer = self.reeve.ok("retry", "--same", job)
        self.assert_told(answer.err, f"code of job {job} has changed", "uncommitted changes differ")
        self.reeve.wait(job)
        self.git("commit", "-q", "-a", "-m", "second")
        second = (self.reeve.work / ".git/refs/heads/main").read_text().strip()
        answer = self.reeve.ok("retry", "--same", job)
        self.assertEqual(len(answer.err.splitlines()), 1)
        self.assert_told(answer.err, first[:12], second[:12])
        self.reeve.wait(job)
        self.assertEqual(self.provenance(job)["git"]["commit"], first)
        self.reeve.ok("retry", job)  # With this shell's environment: what runs now is recorded.
        self.reeve.wait(job)
        self.assertEqual(self.provenance(job)["git"]["commit"], second)

    def test_rm_forgets_what_no_other_job_needs(self):
        one, two, three = (self.reeve.submit("--", "true", variables={"ONLY": only})
                           for only in ("one", "two", "two"))
        self.reeve.wait(f"{one}-{three}")
        self.reeve.ok("rm", one, two)
        self.assertIn("ONLY=two", self.reeve.ok("show", three, "--env").out)
        self.reeve.check_database()
        with sqlite3.connect(self.reeve.home / "reeve.db") as database:
            contexts = database.execute("SELECT CAST(data AS TEXT) FROM context").fetchall()
            origins = database.execute("SELECT COUNT(*) FROM provenance").fetchone()[0]
        database.close()
        self.assertEqual((len(contexts), origins), (1, 1))
        self.assertIn("ONLY=two", contexts[0][0])


class Grep(SystemTest):
    """The logs of jobs can be searched."""

    def logged_job(self, text, *options):
        """A job that has ended and whose log is this text."""
        source = self.reeve.work / "text"
        source.write_bytes(text if isinstance(text, bytes) else text.encode())
        return self.reeve.ended(*options, "--", "cat", source)["id"]

    def test_lines_are_told_with_job_and_number(self):
        one = self.logged_job("start\nloss: nan\n")
        two = self.logged_job("Loss: 3\nloss: nan again\n")
        self.assertEqual(self.reeve.ok("grep", "loss: n?an").out,
                         f"{one}:2: loss: nan\n{two}:2: loss: nan again\n")
        self.assertEqual(self.reeve.ok("grep", "loss", two).out, f"{two}:2: loss: nan again\n")
        self.assertEqual(self.reeve.ok("grep", "-ic", "LOSS").out, f"{one}: 1\n{two}: 2\n")
        self.assertEqual(self.reeve.ok("grep", "-l", "3", "--all").out, f"{two}\n")
        self.assertEqual(self.reeve.ok("grep", "-F", "-m", "1", "s: ", two).out,
                         f"{two}:1: Loss: 3\n")
        found = [json.loads(line) for line in
                 self.reeve.ok("grep", "--json", "again", "-B1").out.splitlines()]
        self.assertEqual(found, [{"job": two, "line": 1, "match": False, "text": "Loss: 3"},
                                 {"job": two, "line": 2, "match": True, "text": "loss: nan again"}])

    def test_lines_around_a_match_are_told(self):
        job = self.logged_job("".join(f"{n}\n" for n in range(1, 31)))
        self.assertEqual(self.reeve.ok("grep", "-A1", "-B", "1", "^[12]5$", job).out,
                         f"{job}-14- 14\n{job}:15: 15\n{job}-16- 16\n--\n"
                         f"{job}-24- 24\n{job}:25: 25\n{job}-26- 26\n")

    def test_exit_codes_are_those_of_grep(self):
        job = self.logged_job("text\n")
        self.assertEqual(self.reeve.run("grep", "text").code, 0)
        self.assertEqual(self.reeve.run("grep", "other").code, 1)
        self.assertEqual(self.reeve.run("grep", "other", job).out, "")
        for words in (["("], ["(a)\\1"], ["((a{99}){99}){99}"], [], ["x", "4711"],
                      ["x", "-m", "0"]):
            with self.subTest(words=words):
                self.assert_refused(self.reeve.run("grep", *words), 2)

    def test_control_characters_are_made_visible(self):
        job = self.logged_job(b"bad \x1b]0;title\x07 \xff\n")
        self.assertEqual(self.reeve.ok("grep", "bad", job).out,
                         f"{job}:1: bad \\x1b]0;title\\x07 \ufffd\n")

    def test_the_gap_of_a_capped_log_is_told_and_numbers_are_those_of_log(self):
        job = self.logged_job("".join(f"line {n}\n" for n in range(100_000)),
                              "--log-max", "64K")
        answer = self.reeve.ok("grep", "line 99999$", job)
        self.assert_told(answer.err, f"job {job}", "dropped")
        printed = self.reeve.log(job).decode().split("\n")
        number = printed.index("line 99999") + 1
        self.assertEqual(answer.out, f"{job}:{number}: line 99999\n")
        self.assertEqual(self.reeve.run("grep", "dropped here", job).code, 1)

    def test_a_line_of_100_megabytes_is_searched_in_little_memory(self):
        script = "head -c 99000000 /dev/zero | tr '\\0' x; printf needle; " \
                 "head -c 1000000 /dev/zero | tr '\\0' y; echo; echo needle"
        job = self.reeve.ended("--", "sh", "-c", script, timeout=120)["id"]

        def limit():
            resource.setrlimit(resource.RLIMIT_DATA, (60 << 20, 60 << 20))
        answer = self.reeve.ok("grep", "nee*dle", job, before=limit)
        lines = answer.out.splitlines()
        self.assertEqual(len(lines), 2)
        self.assertIn("xneedley", lines[0])
        self.assertLess(len(lines[0]), 2000)
        self.assertEqual(lines[1], f"{job}:2: needle")

    def test_patterns_that_explode_elsewhere_come_to_an_end(self):
        job = self.logged_job("a" * 60_000 + "b\n")
        began = time.monotonic()
        self.reeve.run("grep", "(a*)*c|(a|a)*d|(a+)+$", job, timeout=60)
        self.assertLess(time.monotonic() - began, 30)


class Statistics(SystemTest):
    """What jobs used and how they ended, counted."""

    config = "[capacity]\ncpus = 8\n"

    def stats(self, *arguments):
        """The statistics as data."""
        return json.loads(self.reeve.ok("stats", "--json", *arguments).out)

    def test_ends_are_counted_and_advice_needs_three_runs(self):
        for _ in range(3):
            self.reeve.ended("-J", "often", "-c", "2", "-g", "crew", "--", "sleep", "0.1")
        self.reeve.ended("-J", "once", "--", "true")
        self.reeve.ended("-J", "once", "--", "sh", "-c", "exit 3")
        self.reeve.ended("-J", "once", "--", "sh", "-c", "kill -SEGV $$")
        self.reeve.submit("--hold", "-J", "later", "--", "true")
        told = self.stats()
        self.assertEqual(told["jobs"], 7)
        self.assertEqual(told["states"], {"completed": 4, "failed": 2, "held": 1})
        self.assertEqual(told["causes"], {"exit_code": 1, "signal": 1})
        groups = {group["key"]: group for group in told["groups"]}
        often = groups["often"]
        self.assertEqual((often["jobs"], often["completed_runs"]), (3, 3))
        self.assertEqual(often["cpus_granted"], 2)
        self.assertGreaterEqual(often["wall_seconds"]["median"], 0.09)
        self.assertEqual(often["recommended"]["cpus"], 1)
        self.assertEqual(often["recommended"]["time_ms"], 10_000)
        self.assertIsNone(groups["once"]["recommended"])
        text = self.reeve.ok("stats").out
        self.assert_told(text, "--cpus 1", "no advice: 1 completed run", "exit_code")
        exits = {group["key"]: group["jobs"] for group in self.stats("--by", "exit")["groups"]}
        self.assertEqual(exits, {"exit code 3": 1, "SIGSEGV": 1})
        self.assertEqual({group["key"] for group in self.stats("--by", "group")["groups"]},
                         {"crew", "-"})
        self.assertEqual({group["key"] for group in self.stats("--by", "reason")["groups"]},
                         {"exit_code", "signal"})
        self.assert_told(self.reeve.ok("stats", "--by", "reason").out, "signal")

    def test_only_those_of_the_time_that_is_asked_for_are_counted(self):
        self.reeve.ended("--", "true")
        time.sleep(0.3)
        self.assertEqual(self.stats("--since", "100ms")["jobs"], 0)
        self.assertEqual(self.stats("--since", "1h")["jobs"], 1)
        self.assert_refused(self.reeve.run("stats", "--since", "soon"), 2)
        self.assert_refused(self.reeve.run("stats", "--by", "colour"), 2)


class ConfiguredProvenance(SystemTest):
    """The configuration may turn it off."""

    config = "[provenance]\nrecord = false\n"

    def test_nothing_is_recorded(self):
        job = self.reeve.submit("--hold", "--", "true")
        told = json.loads(self.reeve.ok("show", job, "--provenance", "--json").out)
        self.assertFalse(told["recorded"])


if __name__ == "__main__":
    unittest.main()
