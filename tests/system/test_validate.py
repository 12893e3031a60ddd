"""`reeve validate` judges a directory, without a daemon, and leaves nothing behind."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import unittest

import processes
from harness import IS_ROOT, NOBODY, SystemTest
from processes import until

VALID, INVALID, USAGE, INCONCLUSIVE = 0, 1, 2, 3


class Validate(SystemTest):
    """Checks by hand."""

    def setUp(self):
        """A directory with a table in it."""
        super().setUp()
        self.results = self.reeve.work / "results"
        self.results.mkdir()
        (self.results / "a.csv").write_text("id,lat\n1,2.5\n2,-3\n")

    def validate(self, *checks, options=()):
        """Carry out checks, each a text."""
        words = [word for check in checks for word in ("--check", check)]
        return self.reeve.run("validate", self.results, *options, *words)

    def test_exit_code_is_the_verdict(self):
        for code, check in [(VALID, "table a.csv rows=2 range:lat=-90..90"),
                            (INVALID, "files missing.png"),
                            (INCONCLUSIVE, "command kill -9 $$"),
                            (USAGE, "tables a.csv"),
                            (USAGE, "files ../x")]:
            with self.subTest(check=check):
                self.assertEqual(self.validate(check).code, code)

    def test_no_daemon_is_started(self):
        self.assertEqual(self.validate("files a.csv").code, VALID)
        self.assertIsNone(self.reeve.daemon_pid())

    def test_report_is_json(self):
        answer = self.validate("table a.csv", "files *.png severity=warning", options=["--json"])
        self.assertEqual(answer.code, VALID)
        report = json.loads(answer.out)
        self.assertEqual(report["status"], "VALID")
        self.assertEqual(report["name"], "results")
        self.assertEqual(report["files_checked"], 1)
        self.assertEqual(report["metrics_summary"]["rows"], 2)
        self.assertEqual(report["warnings"], ["files *.png: no file fits `*.png`"])
        self.assertEqual([check["verdict"] for check in report["checks"]], ["passed", "failed"])

    def test_checks_come_from_a_file(self):
        checks = [{"kind": "table", "path": "{name}.csv", "rows_max": 1}]
        for text in (checks, {"checks": checks, "time_limit": 60000}):
            answer = self.reeve.run("validate", self.results, "--checks", "-", "--name", "a",
                                    data=json.dumps(text).encode())
            self.assertEqual(answer.code, INVALID)
            self.assertIn("has 2 rows, expected at most 1", answer.out)

    def test_wrong_key_is_told_with_the_right_one(self):
        answer = self.reeve.run("validate", self.results, "--checks", "-",
                                data=b'[{"kind": "table", "path": "a.csv", "colums": ["id"]}]')
        self.assertEqual(answer.code, USAGE)
        self.assert_told(answer.err, "checks[1].colums", "did you mean `columns`?")

    def test_signal_ends_what_was_started(self):
        gate = self.reeve.work / "gate"
        os.mkfifo(gate)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL):
            with self.subTest(signal=number):
                with self.reeve.popen("validate", self.results, "--check",
                                      f"command setsid sleep 100 & echo $! >{gate}; wait") as front:
                    left = int(gate.read_text())
                    front.send_signal(number)
                    front.wait(timeout=20)
                until(lambda: not processes.is_alive(left), "the command has ended")

    def test_programs_can_be_moved(self):
        place = self.reeve.base / "moved"
        shutil.copytree(self.reeve.program.parent, place,
                        ignore=lambda _, names: {name for name in names if not name.startswith(
                            ("reeve", "libduckdb"))})
        self.reeve.program = place / self.reeve.program.name
        self.assertEqual(self.validate("table a.csv rows=2").code, VALID)

    @unittest.skipUnless(IS_ROOT, "needs root to become another user")
    def test_another_user_can_validate(self):
        reeve = self.reeve_with(user=NOBODY)
        (reeve.work / "a.csv").write_text("id\n1\n")
        answer = reeve.run("validate", "--check", "table a.csv rows=1", "--check", "command pwd")
        self.assertEqual(answer.code, VALID, answer)

    def test_job_keeps_its_checks(self):
        job = self.reeve.submit("--hold", "--check", "table a.csv range:lat=0.5..", "--", "true")
        self.assertEqual(self.reeve.show(job)["state"], "held")
        refused = self.reeve.run("submit", "--check", "files {nme}.png", "--", "true")
        self.assertEqual(refused.code, USAGE)
        self.assert_told(refused.err, "`{nme}`")


class Subjects(SystemTest):
    """Jobs and pipelines whose checks are known, and the report that was made of a job."""

    pipelines = """
[pipeline.points]
command = "printf 'id,lat\\n1,{lat}\\n' >$REEVE_RESULTS_DIR/a.csv"
params.lat = { type = "int", default = 5 }
[[pipeline.points.check]]
kind = "table"
path = "a.csv"
ranges.lat = { max = 90 }
"""

    def setUp(self):
        super().setUp()
        (self.reeve.work / "reeve.toml").write_text(self.pipelines)

    def test_report_of_a_job_is_what_its_checks_found(self):
        for lat, code, status in (("5", VALID, "VALID"), ("100", INVALID, "INVALID")):
            with self.subTest(lat=lat):
                self.reeve.run("run", "points", "--param", f"lat={lat}")
                answer = self.reeve.run("report", "last", "--json")
                self.assertEqual(answer.code, code, answer)
                report = json.loads(answer.out)
                self.assertEqual((report["status"], report["pipeline"]), (status, "points"))
                self.assert_told(self.reeve.run("report", "last").out, status)

    def test_results_of_a_job_are_checked_again(self):
        self.reeve.run("run", "points")
        self.assertEqual(self.reeve.run("validate", "last").code, VALID)
        table = pathlib.Path(self.reeve.show("1")["results_dir"]) / "a.csv"
        table.write_text("id,lat\n1,91\n")
        self.assertEqual(self.reeve.run("validate", "1").code, INVALID)
        self.assertEqual(self.reeve.run("report", "1").code, VALID, "it tells of then")

    def test_further_checks_and_another_directory(self):
        self.reeve.run("run", "points")
        self.assertEqual(self.reeve.run("validate", "1", "--check", "files b.csv").code, INVALID)
        (self.reeve.work / "a.csv").write_text("id,lat\n1,91\n")
        self.assertEqual(self.reeve.run("validate", "1", ".").code, INVALID)
        self.assertEqual(self.reeve.run("validate", "points", ".").code, INVALID)
        self.assertEqual(self.reeve.run("validate", "points").code, INVALID, "this directory")

    def test_what_is_neither_is_told(self):
        answer = self.reeve.run("validate", "pionts")
        self.assertEqual(answer.code, USAGE)
        self.assert_told(answer.err, "did you mean `points`?")
        self.assertEqual(self.reeve.run("validate", "7").code, USAGE)
        job = self.reeve.submit("--", "true")
        self.reeve.wait(job)
        answer = self.reeve.run("report", job)
        self.assertEqual(answer.code, USAGE)
        self.assert_told(answer.err, f"job {job} has no checks")

    def test_statistics_by_pipeline(self):
        for lat in ("1", "2", "100"):
            self.reeve.run("run", "points", "--name", f"run-{lat}", "--param", f"lat={lat}")
        groups = json.loads(self.reeve.ok("stats", "--by", "pipeline", "--json").out)["groups"]
        self.assertEqual([(group["key"], group["jobs"], group["causes"]) for group in groups],
                         [("points", 3, {"invalid_results": 1})])


class DataProgram(SystemTest):
    """reeve-data by itself."""

    def data(self, request):
        """Run it with this text on standard input."""
        return subprocess.run([self.reeve.program.parent / "reeve-data", "check"], input=request,
                              capture_output=True, text=True, timeout=30, check=False)

    def test_nonsense_is_refused(self):
        for text in ("", "{", "[]", '{"checks": 1}', '{"unknown": 1}', '{"directory": "/no/such"}'):
            answer = self.data(text)
            self.assertEqual(answer.returncode, 125, text)
            self.assertEqual(answer.stdout, "", text)

    def test_it_has_given_up_what_it_does_not_need(self):
        results = self.reeve.work / "results"
        results.mkdir()
        # It waits for us in the middle: its answers fill the pipe that nobody reads.
        checks = [{"kind": "files", "path": "x" * 200}] * 2000
        child = subprocess.Popen([self.reeve.program.parent / "reeve-data", "check"],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            child.stdin.write(json.dumps({"directory": str(results), "checks": checks}))
            child.stdin.close()
            self.assertTrue(child.stdout.readline())
            with open(f"/proc/{child.pid}/limits") as file:
                bounds = {line[:25].strip(): line[26:].split()[:2] for line in file}
            with open(f"/proc/{child.pid}/status") as file:
                status = dict(line.split(":", 1) for line in file)
        finally:
            child.kill()
            child.stdout.close()
            child.wait()
        self.assertEqual(bounds["Max core file size"], ["0", "0"])
        self.assertEqual(bounds["Max file size"], ["0", "0"])
        self.assertNotIn("unlimited", bounds["Max cpu time"])
        self.assertNotIn("unlimited", bounds["Max address space"])
        self.assertEqual(status["NoNewPrivs"].strip(), "1")


if __name__ == "__main__":
    sys.exit(unittest.main())
