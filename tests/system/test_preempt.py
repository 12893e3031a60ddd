"""Jobs that push others aside, and the others: paused and going on, or queued again."""
import os
import pathlib
import unittest

from harness import IS_ROOT, NOBODY, SystemTest
from processes import until

COUNTER = "i=0; while :; do i=$((i+1)); echo $i; sleep 0.02; done"
CPUS = len(os.sched_getaffinity(0))


def waits_for(name):
    """A script that ends when there is a file of that name."""
    return f"until test -e {name}; do sleep 0.02; done"


class Preempt(SystemTest):
    """One CPU, and somebody who is in a hurry."""

    config = "[capacity]\ncpus = 1\n"

    def reeve_of(self, **options):
        """A daemon with one CPU."""
        return self.reeve_with(config=self.config, **options)

    def low(self, reeve, script, *options):
        """Submit a job of low priority, and wait until it runs."""
        job = reeve.shell(script, "-p", "low", *options)
        reeve.in_state(job, "running")
        return job

    def high(self, reeve, script, *options):
        """Submit a job that pushes others aside, and wait until it runs."""
        job = reeve.shell(script, "-p", "high", "--preempt", *options)
        reeve.in_state(job, "running")
        return job

    def told(self, reeve, job, kind):
        """The details of the events of a kind."""
        return [event["detail"] for event in reeve.events(job) if event["event"] == kind]

    def check_pause_and_return(self, reeve):
        """The whole tree stands still for the other job, and goes on after it by itself."""
        low = self.low(reeve, f"setsid sh -c '{COUNTER}' & {COUNTER}")
        until(lambda: reeve.log(low).count(b"\n") > 4, "the job writes")
        high = self.high(reeve, waits_for("go"))
        fields = reeve.show(low)
        self.assertEqual((fields["state"], fields["paused_by"], fields["preempted_for"]),
                         ("paused", "scheduler", high))
        before = reeve.log(low)
        why = reeve.ok("why", low).out
        self.assertIn(f"job {high}, which has priority high and is running", why)
        self.assertIn("it needs 1 CPUs, and 0 of 1 are free", why)
        refused = reeve.run("resume", low)
        self.assertEqual(refused.code, 1)
        self.assertIn(f"paused for job {high}", refused.err)
        self.assertEqual(reeve.log(low), before, "it wrote while it was pushed aside")
        (reeve.work / "go").touch()
        self.assertEqual(reeve.wait(high), 0)
        fields = reeve.in_state(low, "running")
        self.assertEqual((fields["preemptions"], fields["paused_by"]), (1, None))
        until(lambda: len(reeve.log(low)) > len(before), "the job writes again")
        self.assertEqual(self.told(reeve, low, "preempted"),
                         [f"paused for job {high}, which has priority high"])
        self.assertEqual(reeve.run("cancel", low).code, 0)
        (reeve.work / "go").unlink()

    def test_pause_and_return_in_each_tier(self):
        """With a cgroup, and with signals alone; as root and as an ordinary user."""
        for tier in ("cgroup", "subreaper"):
            for user in ([None, NOBODY] if IS_ROOT else [None]):
                with self.subTest(tier=tier, user=user):
                    self.check_pause_and_return(self.reeve_of(tier=tier, user=user))

    def test_requeue_starts_anew_with_the_checkpoint(self):
        """It ends with all it started, costs no retry, and finds what it had saved."""
        for tier in ("cgroup", "subreaper"):
            with self.subTest(tier=tier):
                reeve = self.reeve_of(tier=tier)
                low = self.low(reeve, "cat $REEVE_CHECKPOINT_DIR/saved && exit; sleep 1000 &"
                               " echo half >$REEVE_CHECKPOINT_DIR/saved; echo ready; wait",
                               "--when-preempted", "requeue", "--retry", "1")
                reeve.logged(low, "ready")
                high = self.high(reeve, waits_for("go"))
                fields = reeve.in_state(low, "queued")
                self.assertEqual((fields["attempt"], fields["preemptions"]), (1, 1))
                self.assertIn(f"for job {high}", reeve.ok("why", low).out)
                (reeve.work / "go").touch()
                self.assertEqual(reeve.wait(low), 0)
                self.assertEqual(reeve.show(low)["attempt"], 2)
                self.assertEqual(reeve.log(low), b"half\n")
                ends = [event for event in reeve.events(low) if event["to"] == "cancelled"]
                self.assertEqual([end["reason"] for end in ends], ["preempted"])

    def test_never_and_equal_priorities_are_left_alone(self):
        reeve = self.reeve_of()
        low = self.low(reeve, waits_for("go"), "--when-preempted", "never")
        high = reeve.shell(waits_for("go"), "-p", "high", "--preempt")
        self.assertIn("no job of a lower priority may be", reeve.ok("why", high).out)
        self.assertEqual(reeve.show(low)["state"], "running")
        reeve.ok("edit", low, "-p", "high", "--when-preempted", "pause")
        self.assertEqual(reeve.show(low)["state"], "running")
        reeve.ok("edit", low, "-p", "normal")
        reeve.in_state(low, "paused")
        (reeve.work / "go").touch()
        self.assertEqual(reeve.wait(high, low), 0)

    def test_time_limit_stands_still(self):
        reeve = self.reeve_of()
        low = self.low(reeve, "sleep 0.5", "--time", "2s")
        high = self.high(reeve, "sleep 2.5")
        self.assertEqual(reeve.wait(high), 0)
        self.assertEqual(reeve.wait(low), 0, reeve.show(low))

    def test_cancel_and_hold_of_both_sides(self):
        """Whoever is cancelled ends, and the other one goes on."""
        reeve = self.reeve_of()
        low = self.low(reeve, "sleep 1000")
        high = self.high(reeve, "sleep 1000")
        self.assertEqual(reeve.run("hold", low).code, 1)
        self.assertEqual(reeve.run("cancel", low).code, 0)
        self.assertEqual(reeve.show(low)["state"], "cancelled")
        other = reeve.shell(waits_for("go"))
        self.assertEqual(reeve.run("cancel", high).code, 0)
        reeve.in_state(other, "running")
        last = self.high(reeve, "sleep 1000")
        self.assertEqual(reeve.run("cancel", last).code, 0)
        (reeve.work / "go").touch()
        self.assertEqual(reeve.wait(other), 0)

    def test_daemon_and_keeper_may_die_meanwhile(self):
        """A new daemon knows who is pushed aside; a keeper that dies leaves nothing."""
        for tier in ("cgroup", "subreaper"):
            with self.subTest(tier=tier):
                reeve = self.reeve_of(tier=tier)
                low = self.low(reeve, "sleep 0.3; exit 7")
                high = self.high(reeve, waits_for("go"))
                reeve.kill_daemon()
                fields = reeve.show(low)
                self.assertEqual((fields["state"], fields["paused_by"]), ("paused", "scheduler"))
                (reeve.work / "go").touch()
                self.assertEqual(reeve.wait(high), 0)
                self.assertEqual(reeve.wait(low), 7)
                lost = self.low(reeve, "sleep 1000")
                (reeve.work / "go").unlink()
                high = self.high(reeve, waits_for("go"))
                keeper = pathlib.Path(f"/proc/{reeve.show(lost)['main_pid']}/stat")
                os.kill(int(keeper.read_text().rsplit(")", 1)[1].split()[1]), 9)
                # The kernel sends SIGHUP to what is stopped and has lost its parent: that status
                # may be known.
                reeve.in_state(lost, {"lost", "failed"})
                self.assertEqual(reeve.show(high)["state"], "running")
                (reeve.work / "go").touch()
                self.assertEqual(reeve.wait(high), 0)

    def test_user_and_scheduler_both_pause(self):
        """It goes on when neither wants it paused any more."""
        reeve = self.reeve_of()
        low = self.low(reeve, "sleep 0.3")
        high = self.high(reeve, waits_for("go"))
        reeve.ok("pause", low)
        self.assertEqual(reeve.show(low)["paused_by"], "scheduler_and_user")
        self.assertIn("when its CPUs are free", reeve.ok("resume", low).err)
        self.assertEqual(reeve.show(low)["paused_by"], "scheduler")
        reeve.ok("pause", low)
        (reeve.work / "go").touch()
        self.assertEqual(reeve.wait(high), 0)
        other = reeve.shell("true")
        self.assertEqual(reeve.wait(other), 0, "the CPU is free while a user holds the job")
        self.assertEqual(reeve.show(low)["state"], "paused")
        reeve.ok("resume", low)
        self.assertEqual(reeve.wait(low), 0)

    def test_memory_of_a_paused_job_stays_with_it(self):
        """Who needs it lets that job go on first, though others wait longer."""
        reeve = self.reeve_with(config='[capacity]\ncpus = 1\nmemory = "1GB"\n')
        low = self.low(reeve, waits_for("low"), "--mem", "600MB")
        high = self.high(reeve, waits_for("high"))
        waiting = reeve.shell("true", "-p", "normal")
        big = reeve.shell("true", "-p", "critical", "--mem", "500MB")
        (reeve.work / "high").touch()
        self.assertEqual(reeve.wait(high), 0)
        reeve.in_state(low, "running")
        self.assertEqual([reeve.show(job)["state"] for job in (waiting, big)], ["queued"] * 2)
        (reeve.work / "low").touch()
        self.assertEqual(reeve.wait(low, waiting, big), 0)


@unittest.skipIf(CPUS < 2, "one CPU can't be told from others")
class PinnedCpus(SystemTest):
    """CPUs that were lent may be in use when their job goes on: then it gets others."""

    config = "[capacity]\ncpus = 2\n"

    def affinity(self, pid):
        """The CPUs on which every thread of a process may run."""
        found = {frozenset(os.sched_getaffinity(int(task.name)))
                 for task in pathlib.Path(f"/proc/{pid}/task").iterdir()}
        self.assertEqual(len(found), 1, found)
        return set(found.pop())

    def test_a_job_goes_on_on_free_cpus(self):
        """In each tier, with its child in another session."""
        for tier in ("cgroup", "subreaper"):
            with self.subTest(tier=tier):
                reeve = self.reeve_with(config=self.config, tier=tier)
                low = reeve.shell(f"setsid sh -c 'echo $$ >child; {waits_for('low')}' &"
                                  f" {waits_for('low')}", "-p", "low", "-c", "1")
                until((reeve.work / "child").exists, "its child runs")
                other = reeve.shell(waits_for("other"), "-p", "critical", "-c", "1")
                reeve.in_state(other, "running")
                own = reeve.show(low)["cpu_numbers"]
                high = reeve.shell(waits_for("high"), "-p", "high", "--preempt", "-c", "1")
                reeve.in_state(high, "running")
                self.assertEqual(reeve.show(high)["cpu_numbers"], own)
                (reeve.work / "other").touch()
                self.assertEqual(reeve.wait(other), 0)
                fields = reeve.in_state(low, "running")
                self.assertNotEqual(fields["cpu_numbers"], own)
                for pid in (fields["main_pid"], int((reeve.work / "child").read_text())):
                    self.assertEqual(self.affinity(pid), set(fields["cpu_numbers"]))
                self.assertEqual(self.affinity(reeve.show(high)["main_pid"]), set(own))
                for name in ("low", "high"):
                    (reeve.work / name).touch()
                self.assertEqual(reeve.wait(low, high), 0)


if __name__ == "__main__":
    unittest.main()
