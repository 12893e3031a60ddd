"""What old jobs left is removed as asked, and nothing else ever is."""
import json
import os
import pathlib
import signal
import unittest

import processes
from harness import SystemTest
from processes import until

WRITE = 'head -c 20000 /dev/zero >"$REEVE_RESULTS_DIR/file"; echo said'


class RetentionTest(SystemTest):
    """What the tests of retention have in common."""

    config = "[capacity]\ncpus = 8\n"

    def success(self, name="train"):
        """A job that has published results."""
        job = self.reeve.ended("-J", name, "--", "sh", "-c", WRITE)
        self.assertEqual(job["state"], "completed", job["error"])
        return job

    def failure(self, name="train"):
        """A job that failed, and what it staged."""
        return self.reeve.ended("-J", name, "--", "sh", "-c", WRITE + "; exit 3")

    def plan(self, *arguments):
        """What would go, by id."""
        answer = self.reeve.ok("clean", "--dry-run", "--json", *arguments)
        return {item["id"]: item for item in json.loads(answer.out)["items"]}

    def clean(self, *arguments):
        """Remove it, without being asked."""
        return self.reeve.ok("clean", "--yes", *arguments)


class Cleaning(RetentionTest):
    """`reeve clean`."""

    def test_a_dry_run_shows_and_touches_nothing(self):
        old, _ = self.success(), self.success()
        before = sorted(map(str, self.reeve.home.rglob("*")))
        answer = self.reeve.ok("clean", "--older-than", "0s", "--dry-run")
        self.assert_told(answer.out, old["id"], "train", "results, logs", "come free")
        self.assertEqual(sorted(map(str, self.reeve.home.rglob("*"))), before)
        item = self.plan("--older-than", "0s")[old["id"]]
        self.assertGreaterEqual(item["bytes"], 20000)
        self.assertEqual(self.plan("--older-than", "1d"), {})

    def test_what_goes_is_gone_and_told(self):
        old, new = self.success(), self.success()
        failed = self.failure()
        answer = self.clean("--older-than", "0s")
        self.assert_told(answer.out, "2 jobs cleaned")
        self.assertFalse(pathlib.Path(old["results_dir"]).exists())
        self.assertFalse(pathlib.Path(old["log_path"]).exists())
        self.assertFalse(pathlib.Path(failed["staging_dir"]).exists())
        self.assertTrue(pathlib.Path(new["results_dir"], "file").exists())
        self.assertTrue((self.reeve.home / "results/latest/train/file").exists())
        shown = self.reeve.show(old["id"])
        self.assertEqual((shown["state"], shown["removed"], shown["results_dir"],
                          shown["log_path"]), ("completed", ["results", "logs"], None, None))
        told = [event["event"] for event in self.reeve.events(old["id"])][-2:]
        self.assertEqual(told, ["removing", "removed"])
        self.assertEqual(self.plan("--older-than", "0s"), {})

    def test_some_jobs_are_never_touched(self):
        latest = self.success("alone")
        kept, _ = self.success(), self.success()
        self.reeve.ok("keep", kept["id"])
        running = self.reeve.shell("echo on; exec sleep 60")
        self.reeve.logged(running, "on")
        held = self.reeve.submit("--hold", "--", "true")
        self.clean("--older-than", "0s", "--records", "--results", "--logs")
        for job in (latest, kept):
            self.assertTrue(pathlib.Path(job["results_dir"], "file").exists())
        self.assertEqual(self.reeve.show(kept["id"])["kept"], True)
        self.assertEqual(self.reeve.show(running)["state"], "running")
        self.assertEqual(self.reeve.show(held)["state"], "held")
        self.reeve.ok("keep", "--no-keep", kept["id"])
        self.assertIn(kept["id"], self.plan("--older-than", "0s"))

    def test_size_takes_the_oldest(self):
        jobs = [self.success(f"n{number}") for number in range(4)]
        newer = [self.success(f"n{number}") for number in range(4)]
        total = json.loads(self.reeve.ok("clean", "--max-size", "1TB", "--dry-run",
                                         "--json").out)["bytes_total"]
        one = self.plan("--max-size", str(total - 1))
        self.assertEqual(list(one), [jobs[0]["id"]])
        self.assertEqual(one[jobs[0]["id"]]["cause"], "size")
        self.assertEqual(list(self.plan("--max-size", "0")), [job["id"] for job in jobs])
        self.clean("--max-size", str(total - one[jobs[0]["id"]]["bytes"] - 1))
        self.assertFalse(pathlib.Path(jobs[1]["results_dir"]).exists())
        for job in jobs[2:] + newer:
            self.assertTrue(pathlib.Path(job["results_dir"]).exists())

    def test_records_go_when_asked_for_and_ids_stay_used(self):
        old, _ = self.success(), self.success()
        self.clean("--older-than", "0s", "--results", "--logs", "--records")
        self.assertEqual(self.reeve.run("show", old["id"]).code, 1)
        self.assertFalse(pathlib.Path(old["results_dir"]).exists())
        self.assertGreater(self.success()["id"], old["id"] + 1)

    def test_a_part_that_is_not_named_stays(self):
        old, _ = self.success(), self.success()
        self.clean("--older-than", "0s", "--logs")
        self.assertTrue(pathlib.Path(old["results_dir"], "file").exists())
        self.assertFalse(pathlib.Path(old["log_path"]).exists())
        self.clean("--older-than", "0s", "--results")
        self.assertFalse(pathlib.Path(old["results_dir"]).exists())

    def test_nobody_to_ask_means_nothing_goes(self):
        old, _ = self.success(), self.success()
        answer = self.reeve.run("clean", "--older-than", "0s")
        self.assertEqual(answer.code, 2)
        self.assert_told(answer.err, "--yes")
        self.assertTrue(pathlib.Path(old["results_dir"]).exists())
        self.assert_refused(self.reeve.run("clean"))
        self.assert_refused(self.reeve.run("clean", "--logs"))
        self.assert_refused(self.reeve.run("clean", "--older-than", "soon"))

    def test_what_no_job_made_is_named_and_stays(self):
        old, _ = self.success(), self.success()
        stranger = pathlib.Path(old["results_dir"]).parent / "stranger"
        stranger.mkdir()
        answer = self.reeve.ok("clean", "--older-than", "0s", "--dry-run")
        self.assert_told(answer.out, stranger, "it stays")
        self.reeve.ok("rm", old["id"])
        self.clean("--older-than", "0s")
        self.assertTrue(stranger.is_dir())
        self.assertTrue(pathlib.Path(old["results_dir"]).is_dir(), "it is nobody's any more")

    def test_links_lead_nowhere(self):
        outside = self.reeve.base / "outside"
        outside.mkdir()
        (outside / "precious").write_text("precious")
        if self.reeve.user is not None:
            os.chown(outside, self.reeve.user, self.reeve.user)
        script = (f'cd "$REEVE_RESULTS_DIR"; ln -s {outside} link; ln -s / root; ln -s . loop; '
                  f'mkdir -p "a b/-rf" "$(printf "x\\ny")"; touch "a b/-rf/*" "$(printf "\\377")"; '
                  f'ln -s {outside}/precious "a b/file"; chmod 0 "a b"')
        hostile = self.reeve.ended("-J", "hostile", "--", "sh", "-c", script)
        replaced = self.success("replaced")
        for name in ("hostile", "replaced"):
            self.success(name)
        swapped = pathlib.Path(replaced["results_dir"])
        swapped.rename(swapped.with_name("moved"))
        swapped.symlink_to(outside)
        answer = self.reeve.run("clean", "--older-than", "0s", "--yes")
        self.assertEqual(answer.code, 1, "a link in the place of results is told")
        self.assert_told(answer.err, replaced["id"], "no directory")
        self.assertFalse(pathlib.Path(hostile["results_dir"]).exists())
        self.assertEqual((outside / "precious").read_text(), "precious")
        self.assertTrue(swapped.is_symlink())

    def test_a_job_that_was_cleaned_runs_again(self):
        old, _ = self.success(), self.success()
        self.clean("--older-than", "0s")
        self.reeve.ok("retry", old["id"])
        self.reeve.wait(old["id"])
        again = self.reeve.in_state(old["id"], "completed")
        self.assertEqual(again["removed"], [])
        self.assertTrue(pathlib.Path(again["results_dir"], "file").exists())
        self.assertIn(b"said", self.reeve.log(old["id"]))


class Policy(RetentionTest):
    """`[retention]`, carried out by the daemon."""

    def with_policy(self, text):
        """Another daemon, with a policy."""
        self.reeve.ok("daemon", "stop")
        (self.reeve.home / "config.toml").write_text(self.config + "[retention]\n" + text)
        self.reeve.ok("daemon", "start")

    def test_it_is_carried_out_at_the_start(self):
        old, new = self.success(), self.success()
        kept, _ = self.success("kept"), self.success("kept")
        self.reeve.ok("keep", kept["id"])
        self.with_policy("days = 0.0000001\n")
        until(lambda: self.reeve.show(old["id"])["removed"] == ["results", "logs"], "it is gone")
        self.assertFalse(pathlib.Path(old["results_dir"]).exists())
        for job in (new, kept):
            self.assertTrue(pathlib.Path(job["results_dir"], "file").exists())

    def test_without_one_nothing_goes(self):
        old, _ = self.success(), self.success()
        self.with_policy("")
        self.success("other")
        self.assertTrue(pathlib.Path(old["results_dir"]).exists())

    def test_records_follow_at_their_own_age(self):
        old, _ = self.success(), self.success()
        self.with_policy("days = 0.0000001\nrecords_days = 0.0000001\n")
        until(lambda: self.reeve.run("show", old["id"]).code == 1, "the record is gone")
        self.assertFalse(pathlib.Path(old["results_dir"]).exists())

    def many_files(self):
        """A job that failed and left so many files that removing them takes a while."""
        many = ('cd "$REEVE_RESULTS_DIR"; for i in $(seq 100); do mkdir $i; '
                'touch $(seq -f "$i/%g" 300); done; exit 3')
        return self.reeve.ended("-J", "many", "--", "sh", "-c", many, timeout=120)

    def test_a_daemon_that_dies_in_between_is_followed_by_one_that_goes_on(self):
        old = self.many_files()
        pid = self.reeve.daemon_pid()
        self.reeve.popen("clean", "--older-than", "0s", "--yes")
        results = pathlib.Path(old["staging_dir"])
        until(lambda: not results.exists(), "the removal has begun", 30)
        processes.kill(pid)
        until(lambda: not processes.is_alive(pid), "the daemon is dead")
        self.assertTrue(list(results.parent.glob("removing.*")), "it had not finished")
        self.reeve.show(old["id"])  # Starts the next daemon.
        until(lambda: self.reeve.show(old["id"])["removed"] == ["results"],
              "the next one has finished it", 60)
        staging = self.reeve.home / "results/.staging"
        self.assertEqual([path.name for path in staging.iterdir()
                          if path.name.startswith("removing")], [])
        self.assertFalse(results.exists())

    def test_jobs_do_not_wait_for_a_removal(self):
        self.many_files()
        cleaning = self.reeve.popen("clean", "--older-than", "0s", "--yes")
        self.assertEqual(self.reeve.ended("--", "true")["state"], "completed")
        self.assertEqual(cleaning.wait(60), 0)


class Judging(RetentionTest):
    """`reeve judge`."""

    def test_a_judgement_stands_beside_the_state(self):
        job = self.success()["id"]
        self.reeve.ok("judge", job, "invalid", "--why", "the units are \x1b[31mwrong")
        shown = self.reeve.show(job)
        self.assertEqual(shown["state"], "completed")
        said = shown["judgement"]
        self.assertEqual((said["verdict"], said["why"]),
                         ("invalid", "the units are \x1b[31mwrong"))
        event = self.reeve.events(job)[-1]
        self.assertEqual((event["event"], event["actor"]), ("judged", said["by"]))
        for command in ("show", "why", "ls"):
            out = self.reeve.ok(command, *([job] if command != "ls" else [])).out
            self.assert_told(out, "judged", "invalid", "the units are")
            self.assertNotIn("\x1b", out)
        self.reeve.ok("judge", job, "valid", "--why", "they were right")
        self.assertEqual(self.reeve.show(job)["judgement"]["verdict"], "valid")
        self.reeve.kill_daemon(signal.SIGKILL)
        self.assertEqual(self.reeve.show(job)["judgement"]["why"], "they were right")

    def test_what_can_not_be_judged_is_refused(self):
        job = self.success()["id"]
        running = self.reeve.shell("exec sleep 60")
        self.assert_refused(self.reeve.run("judge", running, "valid", "--why", "x"))
        self.assert_refused(self.reeve.run("judge", job, "good", "--why", "x"))
        self.assert_refused(self.reeve.run("judge", job, "valid"))
        self.assert_refused(self.reeve.run("judge", job, "valid", "--why", ""))
        self.assertIsNone(self.reeve.show(job)["judgement"])


if __name__ == "__main__":
    unittest.main()
