"""What a job leaves is published whole, in a directory of its own, or not at all."""
import os
import pathlib
import re
import tempfile
import time
import unittest

from harness import SystemTest
from processes import until

DATED = re.compile(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d")
WRITE = 'echo "of $REEVE_JOB_ID" >"$REEVE_RESULTS_DIR/file"'


class ResultsTest(SystemTest):
    """What the tests of results have in common."""

    config = "[capacity]\ncpus = 16\n"

    def setUp(self):
        super().setUp()
        self.results = self.reeve.home / "results"

    def dated(self):
        """The directories that jobs published, whatever date and name they carry."""
        if not self.results.is_dir():
            return []
        return sorted(run for date in self.results.iterdir() if DATED.fullmatch(date.name)
                      for run in date.iterdir())

    def published(self, job):
        """The run directory of a job, checked for its place and form."""
        path = pathlib.Path(job["results_dir"])
        self.assertRegex(path.parent.name, DATED)
        self.assertEqual(path.parent.parent.resolve(), self.results.resolve())
        self.assertTrue(path.is_dir() and not path.is_symlink(), path)
        return path

    def kept(self, name):
        """The files of a name anywhere below the state directory."""
        return [path for path in self.reeve.home.rglob("*") if path.name == name]


class Publishing(ResultsTest):
    """A job that completes publishes its directory in one step."""

    def test_a_completed_job_publishes_its_directory(self):
        job = self.reeve.ended("-J", "model", "--", "sh", "-c", WRITE)
        path = self.published(job)
        self.assertEqual(path.name, "model")
        self.assertEqual((path / "file").read_text(), f"of {job['id']}\n")
        self.assertEqual(self.dated(), [path])

    def test_the_date_is_the_utc_time_of_the_run(self):
        before = time.strftime("%Y-%m-%d_%H-%M-%S", time.gmtime(time.time() - 1))
        path = self.published(self.reeve.ended("--", "sh", "-c", WRITE))
        after = time.strftime("%Y-%m-%d_%H-%M-%S", time.gmtime())
        self.assertTrue(before <= path.parent.name <= after, (before, path, after))

    def test_nothing_is_to_be_seen_before_the_job_ends(self):
        job = self.reeve.shell(WRITE + "; echo written; until test -e go; do sleep 0.05; done")
        self.reeve.logged(job, "written")
        self.assertEqual(self.dated(), [])
        self.assertFalse((self.results / "latest").exists()
                         and list((self.results / "latest").iterdir()))
        (self.reeve.work / "go").touch()
        self.published(self.reeve.in_state(job, "completed"))

    def test_an_empty_directory_publishes_nothing(self):
        job = self.reeve.ended("-J", "empty", "--", "true")
        self.assertIsNone(job["results_dir"])
        self.assertEqual(self.dated(), [])
        self.assertFalse((self.results / "latest" / "empty").exists())

    def test_trees_links_and_modes_are_published_as_they_are(self):
        script = ("cd $REEVE_RESULTS_DIR && mkdir -p a/b && echo x >a/b/c && ln -s b/c a/link &&"
                  " ln -s /nowhere dangling && mkfifo pipe && echo y >tool && chmod 750 tool &&"
                  " touch .hidden")
        path = self.published(self.reeve.ended("--", "sh", "-c", script))
        self.assertEqual((path / "a" / "link").read_text(), "x\n")
        self.assertEqual(os.readlink(path / "dangling"), "/nowhere")
        self.assertTrue((path / "pipe").is_fifo())
        self.assertEqual((path / "tool").stat().st_mode & 0o777, 0o750)
        self.assertTrue((path / ".hidden").exists())

    def test_latest_points_to_the_newest_published_directory(self):
        latest = self.results / "latest" / "model"
        for script in (WRITE, WRITE, WRITE + "; false", "true"):
            job = self.reeve.ended("-J", "model", "--", "sh", "-c", script)
            if job["results_dir"]:
                newest = self.published(job)
            self.assertEqual(latest.resolve(), newest.resolve())
        self.assertEqual(len(self.dated()), 2)

    def test_jobs_of_one_name_in_one_second_get_different_directories(self):
        ids = self.reeve.batch([{"command": ["sh", "-c", WRITE], "name": "same"}] * 12)
        self.reeve.wait(*ids)
        paths = set()
        for job in ids:
            path = self.published(self.reeve.in_state(job, "completed"))
            self.assertEqual((path / "file").read_text(), f"of {job}\n")
            self.assertRegex(path.name, r"same(_\d+)?")
            paths.add(path)
        self.assertEqual(len(paths), 12)

    def test_a_directory_that_is_there_already_is_never_replaced(self):
        now = int(time.time())
        taken = []
        for second in range(now, now + 40):
            date = time.strftime("%Y-%m-%d_%H-%M-%S", time.gmtime(second))
            taken.append(self.results / date / "model")
            taken[-1].mkdir(parents=True)
            (taken[-1] / "file").write_text("older")
        job = self.reeve.ended("-J", "model", "--", "sh", "-c", WRITE)
        path = self.published(job)
        self.assertEqual((path / "file").read_text(), f"of {job['id']}\n")
        self.assertNotIn(path, taken)
        self.assertEqual({(old / "file").read_text() for old in taken}, {"older"})

    def test_results_can_be_published_on_another_file_system(self):
        memory = pathlib.Path("/dev/shm")
        if not os.access(memory, os.W_OK) or \
                memory.stat().st_dev == self.reeve.home.stat().st_dev:
            self.skipTest("there is no other file system that may be written")
        with tempfile.TemporaryDirectory(prefix="reeve-test-", dir=memory) as place:
            self.results = pathlib.Path(place) / "results"
            script = WRITE + "; stat -c %d $REEVE_RESULTS_DIR"
            job = self.reeve.ended("--results-root", self.results, "--", "sh", "-c", script)
            path = self.published(job)
            self.assertEqual((path / "file").read_text(), f"of {job['id']}\n")
            # Staged where it is published: only then one rename can do it.
            self.assertEqual(int(self.reeve.log(job["id"])), memory.stat().st_dev)

    def test_results_root_is_seen_from_the_submitters_directory(self):
        self.results = self.reeve.work / "mine"
        job = self.reeve.ended("--results-root", "mine", "--", "sh", "-c", WRITE)
        self.published(job)

    def test_a_results_root_that_can_not_be_made_is_told(self):
        blocked = self.reeve.work / "file"
        blocked.touch()
        answer = self.reeve.run("submit", "--results-root", blocked / "x", "--", "sh", "-c", WRITE)
        if answer.code == 0:
            job = int(answer.out)
            self.assertNotEqual(self.reeve.wait(job), 0)
            self.assertNotEqual(self.reeve.show(job)["state"], "completed")
            self.assert_told(self.reeve.show(job)["error"], blocked)
        else:
            self.assert_refused(answer)


class NotPublishing(ResultsTest):
    """A job that did not complete publishes nothing, and what it wrote is kept aside."""

    def check(self, job, exists=True):
        """Check that a job published nothing, and whether its file is kept."""
        self.assertIsNone(job["results_dir"])
        self.assertEqual(self.dated(), [])
        self.assertEqual(bool(self.kept(f"file-{job['name']}")), exists)

    def write(self, then, *options):
        """Submit a job that writes a file named after the job and goes on."""
        script = 'echo x >"$REEVE_RESULTS_DIR/file-$REEVE_NAME"; echo written; ' + then
        return self.reeve.shell(script, "-J", "partial", *options)

    def test_a_failed_job_publishes_nothing_and_keeps_its_staging(self):
        job = self.write("exit 3")
        self.check(self.reeve.in_state(job, "failed"))

    def test_a_crashed_job_publishes_nothing(self):
        job = self.write("kill -SEGV $$")
        self.check(self.reeve.in_state(job, "failed"))

    def test_a_cancelled_job_publishes_nothing_though_it_exits_with_0(self):
        job = self.write("trap 'exit 0' TERM; echo trapped; while :; do sleep 0.05; done")
        self.reeve.logged(job, "trapped")
        self.reeve.ok("cancel", job)
        self.check(self.reeve.in_state(job, "cancelled"))

    def test_a_job_over_its_time_limit_publishes_nothing(self):
        job = self.write("sleep 600", "-t", "1")
        self.check(self.reeve.in_state(job, "timeout"))

    def test_staging_is_deleted_when_asked(self):
        job = self.write("exit 3", "--keep-staging", "delete")
        fields = self.reeve.in_state(job, "failed")
        until(lambda: not self.kept("file-partial"), "the staging directory is gone")
        self.check(fields, exists=False)

    def test_a_retried_job_publishes_only_what_its_last_attempt_wrote(self):
        script = ('echo x >"$REEVE_RESULTS_DIR/of-attempt-$REEVE_ATTEMPT";'
                  ' test "$REEVE_ATTEMPT" -gt 1')
        job = self.reeve.ended("--retry", "1", "--", "sh", "-c", script, timeout=90)
        files = [file.name for file in self.published(job).iterdir()]
        self.assertEqual(files, ["of-attempt-2"])


class OddNames(ResultsTest):
    """Names and jobs that try to lead the results elsewhere."""

    def listing(self):
        """All that lies beside the state directory, where nothing may appear."""
        return sorted(str(path) for path in self.reeve.base.rglob("*")
                      if self.reeve.home not in path.parents)

    def test_no_name_leads_out_of_the_results(self):
        names = ["../escape", "..", ".", "a/b", "/absolute", "../../../../tmp/escape", "a\nb",
                 "n" * 300, "ü" * 200, " ", "latest", ".staging", "-x", "*", "$(id)", "a\\b",
                 "\x1b[31m"]
        before = self.listing()
        for name in names:
            with self.subTest(name=name[:30]):
                answer = self.reeve.run("submit", f"--name={name}", "--", "sh", "-c", WRITE)
                if answer.code != 0:
                    self.assert_refused(answer, 2)
                    continue
                job = int(answer.out)
                self.assertEqual(self.reeve.wait(job), 0, self.reeve.show(job))
                fields = self.reeve.show(job)
                path = self.published(fields)
                self.assertEqual((path / "file").read_text(), f"of {job}\n")
                self.assertEqual(path.resolve().parent.parent, self.results.resolve())
                self.assertNotIn("\n", path.name)
        self.assertEqual(self.listing(), before)

    def test_names_that_differ_stay_apart(self):
        jobs = [self.reeve.ended("-J", name, "--", "sh", "-c", WRITE)
                for name in ("one", "One", "one_2", "one 2")]
        paths = {self.published(job) for job in jobs}
        self.assertEqual(len(paths), 4)
        for job in jobs:
            self.assertEqual((pathlib.Path(job["results_dir"]) / "file").read_text(),
                             f"of {job['id']}\n")

    def test_a_job_that_removes_its_directory_publishes_nothing(self):
        job = self.reeve.ended("--", "sh", "-c", "rm -rf $REEVE_RESULTS_DIR")
        self.assertEqual(job["state"], "completed", job)
        self.assertIsNone(job["results_dir"])
        self.assertEqual(self.dated(), [])

    def test_a_job_that_puts_a_link_in_place_of_its_directory_publishes_nothing_foreign(self):
        foreign = self.reeve.work / "foreign"
        foreign.mkdir()
        (foreign / "file").write_text("foreign")
        script = f"rm -rf $REEVE_RESULTS_DIR && ln -s {foreign} $REEVE_RESULTS_DIR"
        job = self.reeve.ended("--", "sh", "-c", script)
        self.assertIn(job["state"], ("completed", "failed"))
        self.assertEqual((foreign / "file").read_text(), "foreign")
        for path in self.dated():
            self.assertFalse(path.is_symlink(), path)
            self.assertFalse((path / "file").exists(), path)

    def test_after_odd_jobs_the_next_one_publishes(self):
        self.reeve.ended("--", "sh", "-c", "chmod 0 $REEVE_RESULTS_DIR")
        self.reeve.ended("--", "sh", "-c", "cd $REEVE_RESULTS_DIR && mkdir d && chmod 0 d .")
        self.published(self.reeve.ended("--", "sh", "-c", WRITE))


if __name__ == "__main__":
    unittest.main()
