"""A run is called what it was: errors in its log, signs of life, what it says of itself."""
import json
import textwrap
import unittest

from harness import SystemTest
from processes import until

TRACEBACK = ("import sys\n"
             "def load(row):\n"
             "    return row['coredata_position_lat']\n"
             "try:\n"
             "    load({})\n"
             "except KeyError:\n"
             "    import traceback; traceback.print_exc()\n")
TOLD = "KeyError: 'coredata_position_lat'"


class LogFindings(SystemTest):
    """What a log says decides, with the exit code, what a run is called."""

    def test_success_with_a_traceback_is_a_failure(self):
        """Exit code 0 with a traceback: failed, with the exception as the one-line reason."""
        fields = self.reeve.ended("--", "python3", "-c", TRACEBACK)
        self.assertEqual((fields["state"], fields["reason"], fields["exit_code"]),
                         ("failed", "log_error", 0))
        self.assertIn(TOLD, fields["error"])
        self.assertEqual(fields["first_error"]["message"], TOLD)
        self.assertEqual(self.reeve.wait(fields["id"]), 65)
        log = self.reeve.log(fields["id"])
        self.assertTrue(log[fields["first_error"]["offset"]:].startswith(b"Traceback"))
        why = self.reeve.ok("why", fields["id"]).out
        self.assertIn(TOLD, why)
        self.assertIn("in load", why)

    def test_failure_is_told_with_the_first_error(self):
        """A job that fails shows the first error of its log, and its exit code."""
        script = "echo 'ERROR: no rows in june.csv'; echo 'ERROR: giving up'; exit 3"
        job = self.reeve.shell(script)
        self.assertEqual(self.reeve.wait(job), 3)
        fields = self.reeve.show(job)
        self.assertEqual((fields["state"], fields["reason"]), ("failed", "exit_code"))
        self.assertIn("no rows in june.csv", fields["error"])
        self.assertIn("exit code 3", fields["error"])
        self.assertEqual(fields["log_errors"], 2)

    def test_policy_may_warn_or_ignore(self):
        """--on-log-error warn and ignore leave it a success."""
        for policy in ("warn", "ignore"):
            with self.subTest(policy=policy):
                fields = self.reeve.ended("--on-log-error", policy, "--", "sh", "-c",
                                          "echo 'ERROR: no data'")
                self.assertEqual(fields["state"], "completed")

    def test_own_patterns(self):
        """--fail-on finds what no rule knows; --ignore takes back; --warn-on only warns."""
        line = "echo 'n_rows dropped to 0'"
        fields = self.reeve.ended("--fail-on", "dropped to 0", "--", "sh", "-c", line)
        self.assertEqual((fields["state"], fields["reason"]), ("failed", "log_error"))
        self.assertEqual(fields["first_error"]["rule"], "fail_on")
        fields = self.reeve.ended("--warn-on", "dropped to [0-9]+", "--", "sh", "-c", line)
        self.assertEqual((fields["state"], fields["log_warnings"]), ("completed", 1))
        fields = self.reeve.ended("--ignore", "known to be harmless", "--", "sh", "-c",
                                  "echo 'ERROR: known to be harmless'")
        self.assertEqual((fields["state"], fields["log_errors"]), ("completed", 0))

    def test_bad_pattern_is_refused_at_once(self):
        """A pattern that is no regular expression queues nothing."""
        answer = self.reeve.run("submit", "--fail-on", "(", "--", "true")
        self.assertIn(answer.code, (1, 2))
        self.assertIn("fail", answer.err)
        self.assertEqual(self.reeve.ls("--all"), [])

    def test_talk_about_errors_is_no_error(self):
        """Words that only look like errors leave a success a success."""
        lines = ["0 errors, 0 warnings", "error_rate=0.01", "loading exception_handler.py",
                 "mean_squared_error: 0.12", "no errors found", "ERRORS: 0"]
        script = "\n".join(f"echo '{line}'" for line in lines)
        fields = self.reeve.ended("--", "sh", "-c", script)
        self.assertEqual((fields["state"], fields["log_errors"]), ("completed", 0), fields["error"])

    def test_finding_is_told_while_the_job_runs(self):
        """An error is an event of the running job."""
        job = self.reeve.shell("echo 'ERROR: late data'; read x <fifo || sleep 60")
        until(lambda: any(event["event"] == "log_error" for event in self.reeve.events(job)),
              "the finding is an event")
        self.assertEqual(self.reeve.show(job)["state"], "running")
        self.assertEqual(self.reeve.show(job)["log_errors"], 1)

    def test_nothing_is_lost_or_told_twice_when_the_daemon_dies(self):
        """Errors before, during and after the daemon's absence are each told once."""
        job = self.reeve.shell("echo 'ERROR: one'; until [ -e go ]; do sleep 0.05; done;"
                               " echo 'ERROR: two'; until [ -e on ]; do sleep 0.05; done;"
                               " echo 'ERROR: three'", "-D", self.reeve.work)
        until(lambda: self.reeve.show(job)["log_errors"] == 1, "the first is found")
        self.reeve.kill_daemon()
        (self.reeve.work / "go").touch()
        log = self.reeve.home / "logs" / "0"
        until(lambda: any(b"two" in path.read_bytes() for path in log.glob("*.log")),
              "the second is written")
        until(lambda: self.reeve.show(job)["log_errors"] == 2, "the second is found")
        (self.reeve.work / "on").touch()
        self.assertEqual(self.reeve.wait(job), 65)
        told = [event["detail"] for event in self.reeve.events(job)
                if event["event"] == "log_error"]
        self.assertEqual([text.rsplit(" ", 1)[-1] for text in told], ["one", "two", "three"])

    def test_long_log_is_read_to_its_end_before_the_verdict(self):
        """An error in the last line of a large log counts; the next job starts meanwhile."""
        script = ("head -c 200000000 /dev/zero | tr '\\0' 'x' | fold -w 200;"
                  " echo; echo 'ERROR: at the very end'")
        fields = self.reeve.ended("--", "sh", "-c", script, timeout=120)
        self.assertEqual((fields["state"], fields["reason"]), ("failed", "log_error"))
        self.assertIn("at the very end", fields["error"])


class Life(SystemTest):
    """A hung job is not called running."""

    def test_job_without_life_is_hung(self):
        """No output, CPU or I/O for the time given: timeout, hung, with a snapshot."""
        fields = self.reeve.ended("--stall", "1s", "--", "sleep", "60")
        self.assertEqual((fields["state"], fields["reason"]), ("timeout", "hung"))
        self.assertIn("1.0s", fields["error"])
        self.assertEqual(self.reeve.wait(fields["id"]), 124)
        self.assertIn("sleep", self.reeve.ok("why", fields["id"]).out)

    def test_output_and_work_are_life(self):
        """Jobs that write, or compute, are not hung."""
        writes = self.reeve.shell("for i in $(seq 30); do echo $i; sleep 0.1; done",
                                  "--stall", "1s")
        works = self.reeve.submit("--stall", "1s", "--", "python3", "-c",
                                  "import time\nend = time.monotonic() + 3\n"
                                  "while time.monotonic() < end: pass\n")
        for job in (writes, works):
            self.assertEqual(self.reeve.wait(job), 0, self.reeve.show(job))

    def test_stall_may_warn_or_retry(self):
        """--on-stall warn leaves it running and says so; retry tries again."""
        job = self.reeve.submit("--stall", "1s", "--on-stall", "warn", "--", "sleep", "3")
        self.assertEqual(self.reeve.wait(job), 0)
        self.assertIn("stalled", [event["event"] for event in self.reeve.events(job)])
        job = self.reeve.shell("[ $REEVE_ATTEMPT -gt 1 ] || sleep 60", "--stall", "1s",
                               "--on-stall", "retry", "--retry-delay", "100ms")
        self.assertEqual(self.reeve.wait(job), 0)
        self.assertEqual(self.reeve.show(job)["attempt"], 2)

    def test_paused_job_owes_no_life(self):
        """A pause that is longer than the stall ends nothing."""
        job = self.reeve.shell("sleep 0.5; sleep 0.8", "--stall", "2s")
        until(lambda: self.reeve.show(job)["state"] == "running", "it runs")
        self.reeve.ok("pause", job)
        self.reeve.run("wait", "--timeout", "3s", job)
        self.reeve.ok("resume", job)
        self.assertEqual(self.reeve.wait(job), 0)

    def test_job_that_beats_and_then_spins_is_hung(self):
        """Once a job sends heartbeats, only they count."""
        script = f"{self.reeve.program} beat; while :; do :; done"
        fields = self.reeve.ended("--stall", "1s", "--", "sh", "-c", script)
        self.assertEqual((fields["state"], fields["reason"]), ("timeout", "hung"))
        self.assertIn("heartbeat", fields["error"])

    def test_touched_heartbeat_file_is_life(self):
        """A silent job that touches its heartbeat file lives."""
        script = 'for i in $(seq 15); do touch "$REEVE_HEARTBEAT_FILE"; sleep 0.2; done'
        fields = self.reeve.ended("--stall", "1s", "--", "sh", "-c", script)
        self.assertEqual(fields["state"], "completed", fields["error"])


class OwnWords(SystemTest):
    """What a job says of itself."""

    def progress_of(self, job):
        """The progress that `show` tells."""
        return self.reeve.show(job).get("live", {}).get("progress") or {}

    def test_progress_that_is_told(self):
        """`reeve progress` reaches show, with rows."""
        script = f"{self.reeve.program} progress 45 --rows 1234567; sleep 60"
        job = self.reeve.shell(script)
        until(lambda: self.progress_of(job).get("fraction") == 0.45, "progress is shown")
        self.assertEqual(self.progress_of(job)["rows"], 1234567)

    def test_progress_that_is_read_from_the_output(self):
        """A bar of tqdm, drawn with carriage returns, is progress."""
        bar = "\\rtrain:  30%%|###       | 3/10 [00:01<00:03,  2.1it/s]"
        job = self.reeve.shell(f"printf '{bar}'; sleep 60")
        until(lambda: self.progress_of(job).get("fraction") == 0.3, "progress is shown")

    def test_status_file_may_say_failure_but_makes_no_failure_a_success(self):
        """Outcome of the status file against the exit code."""
        says = "printf '%s' '{}' >\"$REEVE_STATUS_FILE\""
        failed = says.format(json.dumps({"outcome": "failed", "reason": "no data for June"}))
        fields = self.reeve.ended("--", "sh", "-c", failed)
        self.assertEqual((fields["state"], fields["reason"]), ("failed", "declared"))
        self.assertIn("no data for June", fields["error"])
        success = says.format(json.dumps({"outcome": "success"}))
        fields = self.reeve.ended("--", "sh", "-c", success + "; echo 'ERROR: of no import'")
        self.assertEqual(fields["state"], "completed")
        fields = self.reeve.ended("--", "sh", "-c", success + "; exit 3")
        self.assertEqual((fields["state"], fields["reason"]), ("failed", "exit_code"))

    def test_reeve_fail_says_why(self):
        """`reeve fail` makes a run that exits 0 a failure."""
        fields = self.reeve.ended("--", "sh", "-c", f"{self.reeve.program} fail 'too few samples'")
        self.assertEqual((fields["state"], fields["reason"]), ("failed", "declared"))
        self.assertIn("too few samples", fields["error"])

    def test_what_was_said_outlives_the_daemon(self):
        """A failure, results and the duty to send heartbeats are known to the next daemon."""
        reeve, gate = self.reeve, self.reeve.work / "gate"
        wait = f"until test -e {gate}; do sleep 0.02; done"
        job = reeve.shell(f"{reeve.program} result loss=0.5; {reeve.program} fail 'no data'; "
                          f"echo said; {wait}")
        beating = reeve.shell(f"{reeve.program} beat; echo said; while :; do :; done",
                              "--stall", "3s")
        for each in (job, beating):
            reeve.logged(each, "said")
        until(lambda: reeve.show(job)["metrics"], "it is heard")
        until(lambda: reeve.show(beating).get("live", {}).get("needs_beats"), "the other, too")
        reeve.submit("--hold", "--", "true")  # what was heard before it is on the disk with it
        reeve.kill_daemon()
        reeve.ok("daemon", "start")
        gate.touch()
        reeve.wait(job)
        fields = reeve.show(job)
        self.assertEqual((fields["reason"], fields["metrics"]), ("declared", {"loss": "0.5"}))
        reeve.wait(beating)
        self.assertEqual(reeve.show(beating)["reason"], "hung")

    def test_words_of_jobs_that_end_at_once_are_heard(self):
        reeve = self.reeve
        ids = reeve.batch([{"command": ["sh", "-c", f"{reeve.program} fail why"]}] * 40)
        for job in ids:
            reeve.wait(job)
        self.assertEqual({reeve.show(job)["reason"] for job in ids}, {"declared"})

    def test_one_bad_value_spoils_nothing_else(self):
        script = ("import os, socket, time\n"
                  "address = os.environ['NOTIFY_SOCKET'].replace('@', '\\0', 1)\n"
                  "link = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
                  "for _ in range(10):\n"
                  "    link.sendto(b'X_REEVE_PROGRESS=100.5\\nWATCHDOG=1', address)\n"
                  "    time.sleep(0.2)\n")
        fields = self.reeve.ended("--stall", "1s", "--", "python3", "-c", script)
        self.assertEqual(fields["state"], "completed", fields["error"])
        told = [event for event in self.reeve.events(fields["id"])
                if event["event"] == "not_understood"]
        self.assertEqual(len(told), 1)
        self.assertIn("100.5", told[0]["detail"])


class Results(SystemTest):
    """Results that are not as they should be are no success."""

    WRITE = textwrap.dedent("""\
        import os, sys
        rows = int(sys.argv[1])
        with open(os.path.join(os.environ['REEVE_RESULTS_DIR'], 'out.csv'), 'w') as out:
            out.write('id,lat\\n')
            for i in range(rows):
                out.write(f'{i},{i % 90}\\n')
        """)
    CHECK = "table out.csv columns=id,lat rows=100.. unique=id range:lat=-90..90"

    def run_writer(self, rows, *options):
        """A job that writes so many rows, and has them checked."""
        return self.reeve.ended("--name", "rows", "--check", self.CHECK, *options, "--", "python3",
                                "-c", self.WRITE, str(rows))

    def test_valid_results_are_published_with_their_report(self):
        """The verdict stands beside the state, the report in the run directory."""
        fields = self.run_writer(100)
        self.assertEqual((fields["state"], fields["validation"]), ("completed", "valid"),
                         fields["validation_words"])
        with open(fields["results_dir"] + "/rows_validation.json", encoding="utf-8") as file:
            report = json.load(file)
        self.assertEqual(report["status"], "VALID")
        self.assertEqual(report["files_checked"], 1)

    def test_invalid_results_fail_the_job_and_are_not_published(self):
        """Too few rows: failed, nothing published, what was found is told."""
        good = self.run_writer(100)
        bad = self.run_writer(12)
        self.assertEqual((bad["state"], bad["reason"], bad["validation"]),
                         ("failed", "invalid_results", "invalid"))
        self.assertIn("12", bad["error"])
        self.assertIsNone(bad["results_dir"])
        self.assertEqual(self.reeve.wait(bad["id"]), 65)
        latest = self.reeve.home / "results" / "latest" / "rows"
        self.assertEqual(str(latest.resolve()), good["results_dir"])

    def test_invalid_results_may_be_published_beside_latest(self):
        """--on-invalid warn publishes them, and latest stays where it was."""
        good = self.run_writer(100)
        warned = self.run_writer(12, "--on-invalid", "warn")
        self.assertEqual((warned["state"], warned["validation"]), ("completed", "invalid"))
        latest = self.reeve.home / "results" / "latest" / "rows"
        self.assertEqual(str(latest.resolve()), good["results_dir"])

    def test_checker_that_hangs_is_inconclusive(self):
        """A user's checker that does not end says nothing about the results."""
        fields = self.reeve.ended("--check", "command sleep 60", "--check-time", "1s", "--", "true")
        self.assertEqual((fields["state"], fields["validation"]), ("completed", "inconclusive"))


if __name__ == "__main__":
    unittest.main()
