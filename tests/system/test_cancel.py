"""Cancel ends the whole process tree and gives one truthful terminal state."""
import random
import signal
import time
import unittest

import processes
from harness import ACTIVE, PATIENCE, TERMINAL, SystemTest
from processes import until

# A tree whose every process ignores SIGTERM, one of them in a session of its own.
STUBBORN = "trap '' TERM; setsid sleep 500 & sleep 501 & echo ready; while :; do sleep 1; done"


class Cancel(SystemTest):
    """Jobs in all stages of their life are cancelled."""

    config = "[capacity]\ncpus = 8\n"

    def running(self, script, *options):
        """Submit a script that prints "ready" and return its id when it did."""
        job = self.reeve.shell(script, *options)
        self.reeve.logged(job, "ready")
        return job

    def assert_cancelled(self, job):
        """Check that a job is told as cancelled, once, and left nothing behind."""
        fields = self.reeve.show(job)
        self.assertEqual((fields["state"], fields["reason"]),
                         ("cancelled", "cancelled_by_user"), fields)
        self.assertFalse(fields["cancel_too_late"])
        self.assertEqual(self.reeve.wait(job), 130)
        self.assertEqual(self.reeve.ends_of(job), ["cancelled"])
        self.assertEqual(self.reeve.strangers(), set())

    def test_a_running_job_is_cancelled(self):
        job = self.running("echo ready; sleep 600")
        self.reeve.ok("cancel", job)
        self.assert_cancelled(job)

    def test_kill_is_an_alias_of_cancel(self):
        job = self.running("echo ready; sleep 600")
        self.reeve.ok("kill", job)
        self.assert_cancelled(job)

    def test_a_cancelled_job_leaves_no_process(self):
        job = self.running("sleep 500 & (setsid sleep 501 &) ; sh -c 'sleep 502; :' & "
                           "echo ready; wait")
        self.assertGreaterEqual(len(self.reeve.strangers()), 4)
        self.reeve.ok("cancel", job)
        self.assert_cancelled(job)

    def test_a_job_that_ignores_sigterm_is_killed_after_the_grace(self):
        job = self.running(STUBBORN)
        begin = time.monotonic()
        self.reeve.ok("cancel", job, "--grace", "1s")
        self.assertGreaterEqual(time.monotonic() - begin, 0.9)
        self.assert_cancelled(job)

    def test_the_default_grace_is_2_seconds(self):
        job = self.running(STUBBORN)
        begin = time.monotonic()
        self.reeve.ok("cancel", job)
        self.assertGreaterEqual(time.monotonic() - begin, 1.9)
        self.assertLess(time.monotonic() - begin, 20 * PATIENCE)
        self.assert_cancelled(job)

    def test_the_grace_of_the_job_counts_unless_cancel_names_one(self):
        job = self.running(STUBBORN, "--grace", "4s")
        with self.reeve.popen("cancel", job) as cancel:
            self.reeve.in_state(job, "cancelling")
            processes.watch(lambda: cancel.poll() is not None, "killed before the grace", 2.5)
            self.assertEqual(cancel.wait(30 * PATIENCE), 0)
        self.assert_cancelled(job)
        job = self.running(STUBBORN, "--grace", "600")
        self.reeve.ok("cancel", job, "--grace", "1s")
        self.assert_cancelled(job)

    def test_a_job_may_clean_up_within_the_grace(self):
        job = self.running("exec 2>/dev/null; trap 'sleep 0.7; echo cleaned up; exit 0' TERM;"
                           " echo ready; while :; do sleep 0.05; done")
        self.reeve.ok("cancel", job)
        self.assertEqual(self.reeve.log(job), b"ready\ncleaned up\n")
        self.assert_cancelled(job)

    def test_a_job_that_exits_with_0_on_sigterm_is_not_completed(self):
        job = self.running("trap 'exit 0' TERM; echo ready; while :; do sleep 0.05; done")
        self.reeve.ok("cancel", job)
        self.assert_cancelled(job)

    def test_a_stopped_job_is_cancelled(self):
        job = self.running("echo ready; kill -STOP $$; sleep 600")
        self.reeve.ok("cancel", job, "--grace", "1s")
        self.assert_cancelled(job)

    def test_a_queued_job_is_cancelled_without_being_started(self):
        blockers = [self.reeve.submit("-c", "8", "--", "sleep", "600")]
        job = self.reeve.shell("touch started")
        self.reeve.in_state(job, "queued")
        self.reeve.ok("cancel", job)
        fields = self.reeve.show(job)
        self.assertEqual((fields["state"], fields["started_at"]), ("cancelled", None))
        self.reeve.ok("cancel", *blockers)
        self.assertEqual(self.reeve.ended("--", "true")["state"], "completed")
        self.assertFalse((self.reeve.work / "started").exists())

    def test_a_held_job_is_cancelled_and_can_not_be_released(self):
        job = self.reeve.shell("touch started", "--hold")
        self.reeve.ok("cancel", job)
        self.assert_cancelled(job)
        self.assert_refused(self.reeve.run("release", job))
        self.assertFalse((self.reeve.work / "started").exists())

    def test_cancelling_an_ended_job_is_refused_and_changes_nothing(self):
        job = self.reeve.ended("--", "sh", "-c", "exit 3")
        answer = self.reeve.run("cancel", job["id"])
        self.assert_refused(answer, 1)
        self.assert_told(answer.err, job["id"])
        self.assertEqual(self.reeve.show(job["id"]), job)

    def test_cancelling_an_unknown_job_is_refused(self):
        answer = self.reeve.run("cancel", "4711")
        self.assert_refused(answer)
        self.assert_told(answer.err, "4711")

    def test_cancelling_twice_at_once_gives_one_end(self):
        job = self.running(STUBBORN)
        cancels = [self.reeve.popen("cancel", job, "--grace", "1s") for _ in range(3)]
        for cancel in cancels:
            cancel.communicate(timeout=30 * PATIENCE)
            self.assertIn(cancel.returncode, (0, 1))
        self.assertIn(0, [cancel.returncode for cancel in cancels])
        self.assert_cancelled(job)

    def test_a_job_cancelled_at_its_start_ends_once_and_truthfully(self):
        for _ in range(15):
            job = self.reeve.shell("echo started; sleep 600")
            self.reeve.ok("cancel", job, "--grace", "1s")
            fields = self.reeve.show(job)
            self.assertEqual(fields["state"], "cancelled")
            if fields["started_at"] is None:
                self.assertEqual(self.reeve.log(job), b"")
            self.assertEqual(self.reeve.ends_of(job), ["cancelled"])
        self.assertEqual(self.reeve.strangers(), set())

    def test_cancel_against_finish_gives_one_truthful_end(self):
        seed = random.SystemRandom().randrange(2**32)
        chance = random.Random(seed)
        for turn in range(25):
            job = self.reeve.shell(f"sleep 0.1; touch done-{turn}")
            # The wait is the experiment: a cancel somewhere around the end of the job.
            time.sleep(chance.uniform(0, 0.2))
            answer = self.reeve.run("cancel", job, "--grace", "1s")
            self.assertIn(answer.code, (0, 1), answer)
            fields = self.reeve.in_state(job, TERMINAL)
            told = f"seed {seed}, turn {turn}: {answer}, {fields}"
            self.assertEqual(self.reeve.ends_of(job), [fields["state"]], told)
            if fields["state"] == "completed":
                self.assertTrue((self.reeve.work / f"done-{turn}").exists(), told)
                self.assertTrue(answer.code == 1 or fields["cancel_too_late"], told)
            else:
                self.assertEqual((fields["state"], answer.code), ("cancelled", 0), told)

    def test_a_cancel_is_remembered_over_the_death_of_the_daemon(self):
        job = self.running(STUBBORN)
        with self.reeve.popen("cancel", job, "--grace", "3s"):
            self.reeve.in_state(job, ACTIVE - {"starting", "running"})
            self.reeve.kill_daemon()
        self.reeve.in_state(job, TERMINAL)
        self.assert_cancelled(job)

    def test_cancel_does_not_touch_other_jobs(self):
        other = self.running("echo ready; until test -e go; do sleep 0.05; done; exit 9")
        job = self.running("echo ready; sleep 600")
        self.reeve.ok("cancel", job)
        self.assertEqual(self.reeve.show(other)["state"], "running")
        (self.reeve.work / "go").touch()
        self.assertEqual(self.reeve.wait(other), 9)


class Selectors(SystemTest):
    """One cancel may mean several jobs."""

    config = "[capacity]\ncpus = 8\n"

    def states(self, ids):
        """The states of jobs, in the order of their ids."""
        return [self.reeve.show(job)["state"] for job in ids]

    def held(self, count, *options):
        """Submit jobs that wait for their release."""
        return [self.reeve.submit("--hold", *options, "--", "true") for _ in range(count)]

    def test_all_means_every_job_that_has_not_ended(self):
        done = self.reeve.ended("--", "true")["id"]
        running = self.reeve.submit("--", "sleep", "600")
        self.reeve.in_state(running, "running")
        held = self.held(2)
        self.reeve.ok("cancel", "--all")
        self.assertEqual(self.states([done, running, *held]), ["completed"] + ["cancelled"] * 3)

    def test_a_range_means_the_jobs_in_it(self):
        ids = self.held(4)
        self.reeve.ok("cancel", f"{ids[1]}-{ids[2]}")
        self.assertEqual(self.states(ids), ["held", "cancelled", "cancelled", "held"])

    def test_several_ids_mean_several_jobs(self):
        ids = self.held(3)
        self.reeve.ok("cancel", ids[0], ids[2])
        self.assertEqual(self.states(ids), ["cancelled", "held", "cancelled"])

    def test_last_means_the_newest_job(self):
        ids = self.held(2)
        self.reeve.ok("cancel", "last")
        self.assertEqual(self.states(ids), ["held", "cancelled"])

    def test_a_name_means_the_jobs_of_that_name(self):
        ids = self.held(2, "-J", "alpha") + self.held(1, "-J", "beta")
        self.reeve.ok("cancel", "-n", "alpha")
        self.assertEqual(self.states(ids), ["cancelled", "cancelled", "held"])

    def test_a_state_means_the_jobs_in_that_state(self):
        held = self.held(2)
        running = self.reeve.submit("--", "sleep", "600")
        self.reeve.in_state(running, "running")
        self.reeve.ok("cancel", "-l", "state=held")
        self.assertEqual(self.states([*held, running]), ["cancelled", "cancelled", "running"])


class Signals(SystemTest):
    """A signal can be sent to a job without the intent to end it."""

    CATCHING = ("trap 'echo caught' USR1; echo ready; until test -e go; do sleep 0.05; done;"
                " exit 6")

    def test_a_signal_reaches_the_job_in_each_spelling(self):
        for spelling in ("USR1", "SIGUSR1", str(int(signal.SIGUSR1))):
            job = self.reeve.shell(self.CATCHING.replace("go", f"go-{spelling}"))
            self.reeve.logged(job, "ready")
            self.reeve.ok("signal", spelling, job)
            self.reeve.logged(job, "caught")
            (self.reeve.work / f"go-{spelling}").touch()
            self.assertEqual(self.reeve.wait(job), 6)

    def test_a_job_that_dies_of_a_sent_signal_failed_and_was_not_cancelled(self):
        job = self.reeve.shell("echo ready; exec sleep 600")
        self.reeve.logged(job, "ready")
        self.reeve.ok("signal", "TERM", job)
        self.assertEqual(self.reeve.wait(job), 143)
        fields = self.reeve.show(job)
        self.assertEqual((fields["state"], fields["reason"], fields["signal"]),
                         ("failed", "signal", "SIGTERM"))

    def test_a_signal_to_a_job_that_does_not_run_is_refused(self):
        ended = self.reeve.ended("--", "true")["id"]
        held = self.reeve.submit("--hold", "--", "true")
        for job in (ended, held, 4711):
            self.assert_refused(self.reeve.run("signal", "USR1", job))

    def test_an_unknown_signal_is_a_usage_error(self):
        job = self.reeve.submit("--", "sleep", "600")
        self.reeve.in_state(job, "running")
        for spelling in ("NOSUCH", "99"):
            self.assert_refused(self.reeve.run("signal", spelling, job))
        self.assertEqual(self.reeve.show(job)["state"], "running")

    def test_a_process_that_only_uses_the_mark_of_a_job_is_never_signalled(self):
        job = self.reeve.shell("echo ready; sleep 600")
        self.reeve.logged(job, "ready")
        # A stranger with the same words and the same environment, but not born by the job.
        main = next(pid for pid in processes.marked(self.reeve.base)
                    if b"sleep 600" in processes.read(f"/proc/{pid}/cmdline")
                    and not processes.is_reeve(pid))
        words = processes.read(f"/proc/{main}/environ").decode().split("\0")
        variables = dict(word.split("=", 1) for word in words if "=" in word)
        oracle, place = self.reeve.oracle, self.reeve.place
        self.reeve.oracle = self.reeve.place = None
        stranger = self.reeve.popen(command=["sleep", "600"], variables=variables)
        self.reeve.oracle, self.reeve.place = oracle, place
        self.reeve.ok("cancel", job)
        self.reeve.kill_daemon()
        self.assertEqual(self.reeve.ended("--", "true")["state"], "completed")
        until(lambda: not self.reeve.strangers() - {stranger.pid}, "the job is gone")
        self.assertIsNone(stranger.poll(), "a stranger was killed")


if __name__ == "__main__":
    unittest.main()
