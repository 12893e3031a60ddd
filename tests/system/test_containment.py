"""When a job ends, for whatever reason, none of its processes is alive.

Each hostile tree is run in each tier, as root and as an ordinary user, and ends in two ways: the
main process leaves the others behind, or the job is cancelled. What is alive is asked of an oracle
that has nothing to do with the way in which the program holds its jobs.
"""
import pathlib
import subprocess
import tempfile
import time
import unittest

import processes
from harness import IS_ROOT, NOBODY, TERMINAL, SystemTest
from processes import PATIENCE, until
from programs import hostile_program

# The modes of the hostile program, with the fewest processes beside the main one.
MODES = {
    "plain": 5, "double-fork": 5, "new-session": 5, "daemon": 1, "bomb": 200, "chaser": 1,
    "chaser-20": 1, "stopped": 5, "zombie-leader": 5, "subreaper": 6, "clone-parent": 5,
    "no-exit-signal": 5, "respawn-pair": 2, "chain": 100, "stdout-holder": 1, "vfork": 2}
# Trees whose size does not change: exactly as many must be told as leftovers.
STEADY = {"double-fork", "new-session", "daemon", "stopped", "subreaper", "no-exit-signal"}


# The trees end by themselves 25 s after their start. What comes later than this proves nothing.
FUSE = 22


class Hostile(SystemTest):
    """Hostile trees, by user and tier."""

    def setUp(self):
        """Nothing is started here; each test asks for the program as it needs it."""
        self.begun = []

    def contained(self, tier, user=None):
        """The program in a tier of containment, or the test is skipped."""
        if user is not None and not IS_ROOT:
            self.skipTest("needs root to become another user")
        reeve = self.reeve_with(tier=tier, user=user, config="[capacity]\ncpus = 4\n")
        if reeve.ended("--", "true")["containment"] != tier:
            self.skipTest(f"there is no tier {tier} to be had here")
        return reeve

    def start(self, reeve, *words, options=()):
        """Start a hostile tree and return its job when the whole tree is there."""
        self.begun.append(time.monotonic())
        job = reeve.submit(*options, "--", reeve.hostile(), *words)
        until(lambda: b"ready" in reeve.log(job), f"the tree {words} is ready")
        return job

    def assert_empty(self, reeve, told):
        """Check that no process of any job is alive at this very moment."""
        left = reeve.strangers()
        age = time.monotonic() - min(self.begun, default=time.monotonic())
        self.begun.clear()
        self.assertLess(age, FUSE, f"not the program but its fuse may have ended {told}")
        shown = [processes.describe(pid) for pid in left]
        self.assertEqual(left, set(), f"survivors of {told}: {shown}")

    def leave(self, reeve, mode):
        """The main process exits with 0 and leaves the tree behind."""
        job = self.start(reeve, mode, "leave")
        self.assertEqual(reeve.wait(job), 0, reeve.show(job))
        self.assert_empty(reeve, f"{mode}, left")
        fields = reeve.show(job)
        self.assertEqual(fields["state"], "completed", mode)
        if mode in STEADY:
            self.assertEqual(fields["leftovers"], MODES[mode], mode)
        else:
            self.assertGreaterEqual(fields["leftovers"], 1, mode)

    def cancel(self, reeve, mode, fewest):
        """The whole tree is there and is cancelled."""
        job = self.start(reeve, mode, "stay", options=["--grace", "1s"])
        found = len(reeve.strangers())
        answer = reeve.run("cancel", job)
        self.assert_empty(reeve, f"{mode}, cancelled")
        # A witness that saw no tree before would see none after it either way.
        self.assertGreaterEqual(found, min(fewest, 6), mode)
        self.assertEqual((answer.code, reeve.show(job)["state"]), (0, "cancelled"), mode)

    def all_trees(self, tier, user=None):
        """Run all trees in a tier, and look again a second after the last one."""
        reeve = self.contained(tier, user)
        for mode, fewest in MODES.items():
            with self.subTest(mode=mode, end="left behind"):
                self.leave(reeve, mode)
            with self.subTest(mode=mode, end="cancelled"):
                self.cancel(reeve, mode, fewest)
        with self.subTest(mode="zombie-main", end="cancelled"):
            self.cancel(reeve, "zombie-main", 1)
        processes.watch(reeve.strangers, "survivors later on", seconds=1)

    def test_no_tree_survives_in_cgroups_as_root(self):
        if not IS_ROOT:
            self.skipTest("needs root")
        self.all_trees("cgroup")

    def test_no_tree_survives_below_a_subreaper_as_root(self):
        if not IS_ROOT:
            self.skipTest("needs root")
        self.all_trees("subreaper")

    def test_no_tree_survives_in_delegated_cgroups_as_an_ordinary_user(self):
        self.all_trees("cgroup", NOBODY if IS_ROOT else None)

    def test_no_tree_survives_below_a_subreaper_as_an_ordinary_user(self):
        self.all_trees("subreaper", NOBODY if IS_ROOT else None)

    def test_trees_that_end_side_by_side_do_not_survive(self):
        for tier in ("cgroup", "subreaper"):
            with self.subTest(tier=tier):
                reeve = self.contained(tier)
                modes = ["double-fork", "new-session", "zombie-leader", "chaser", "daemon",
                         "clone-parent", "respawn-pair", "no-exit-signal"]
                self.begun.append(time.monotonic())
                ids = reeve.batch([{"command": [str(reeve.hostile()), mode, "leave"]}
                                   for mode in modes])
                for job in ids:
                    self.assertEqual(reeve.wait(job), 0)
                self.assert_empty(reeve, "trees side by side")

    def test_a_tree_that_ends_does_not_touch_its_neighbour(self):
        for tier in ("cgroup", "subreaper"):
            with self.subTest(tier=tier):
                reeve = self.contained(tier)
                neighbour = self.start(reeve, "double-fork", "stay")
                alive = reeve.strangers()
                self.assertEqual(reeve.wait(self.start(reeve, "new-session", "leave")), 0)
                self.assertEqual(reeve.strangers(), alive)
                reeve.ok("cancel", neighbour)
                self.assert_empty(reeve, "the neighbour")

    def test_a_time_limit_ends_a_tree(self):
        for tier in ("cgroup", "subreaper"):
            with self.subTest(tier=tier):
                reeve = self.contained(tier)
                job = self.start(reeve, "subreaper", "stay", options=["-t", "1", "--grace", "1s"])
                self.assertEqual(reeve.wait(job), 124)
                self.assert_empty(reeve, "a tree over its time limit")

    def test_a_tree_is_ended_after_the_death_of_the_daemon(self):
        for tier in ("cgroup", "subreaper"):
            with self.subTest(tier=tier):
                reeve = self.contained(tier)
                left = self.start(reeve, "new-session", "leave")
                reeve.kill_daemon()
                until(lambda: not reeve.strangers(), "the keeper ends what was left", seconds=10)
                self.assertEqual(reeve.wait(left), 0)
                stays = self.start(reeve, "zombie-leader", "stay")
                reeve.kill_daemon()
                reeve.ok("cancel", stays, "--grace", "1s")
                self.assert_empty(reeve, "a tree that was adopted")

    def test_a_job_that_kills_its_keeper_is_never_completed_and_hurts_no_other(self):
        for tier in ("cgroup", "subreaper"):
            with self.subTest(tier=tier):
                reeve = self.contained(tier)
                other = reeve.submit("--", "sleep", "600")
                reeve.in_state(other, "running")
                job = reeve.submit("--", reeve.hostile(), "kill-parent", "stay")
                fields = reeve.in_state(job, TERMINAL)
                self.assertIn(fields["state"], ("lost", "failed"), fields)
                self.assertIsNone(fields["exit_code"], reeve.log(job))
                self.assertEqual(reeve.show(other)["state"], "running")
                reeve.ok("cancel", other)
                if tier == "cgroup":
                    self.assert_empty(reeve, "a job that killed its keeper")

    def test_a_job_that_leaves_its_cgroup_is_ended_all_the_same(self):
        mounts = processes.mounts("cgroup2")
        if not IS_ROOT or not mounts:
            self.skipTest("needs root and a cgroup2 mount to leave a cgroup")
        reeve = self.contained("cgroup")
        script = (f"setsid sleep 500 & echo $$ >{mounts[0]}/cgroup.procs || exit 1;"
                  " setsid sleep 501 & cat /proc/self/cgroup")
        job = reeve.shell(script)
        self.assertEqual(reeve.wait(job), 0)
        self.assertIn(b"0::/\n", reeve.log(job))
        self.assert_empty(reeve, "a job that left its cgroup")

    def test_strict_containment_is_refused_where_it_is_weak(self):
        reeve = self.contained("subreaper")
        answer = reeve.run("submit", "--containment", "strict", "--", "touch", "ran")
        self.assert_refused(answer)
        self.assert_told(answer.err, "strict")
        self.assertFalse((reeve.work / "ran").exists())
        self.assertEqual(reeve.ended("--containment", "any", "--", "true")["state"], "completed")
        self.assert_told(reeve.ok("daemon", "status").out, "weak")

    def test_strict_containment_runs_where_there_are_cgroups(self):
        reeve = self.contained("cgroup")
        self.assertEqual(reeve.ended("--containment", "strict", "--", "true")["state"],
                         "completed")


@unittest.skipUnless(IS_ROOT, "the oracle needs root")
class Oracle(unittest.TestCase):
    """The oracle and the trees themselves: what kills only the main process must be found out."""

    def setUp(self):
        self.cgroup = processes.Cgroup.make("cgroup", "pids")
        if self.cgroup is None:
            self.skipTest("there is no v1 pids hierarchy")
        self.addCleanup(self.cgroup.remove)

    def test_the_oracle_sees_the_survivors_of_every_tree(self):
        place = tempfile.TemporaryDirectory(prefix="reeve-test-")
        self.addCleanup(place.cleanup)
        hostile = hostile_program(pathlib.Path(place.name))
        for mode, fewest in MODES.items():
            for end in ("stay", "leave"):
                with self.subTest(mode=mode, end=end):
                    self.survive(hostile, mode, end, fewest)

    def survive(self, hostile, mode, end, fewest):
        """Start a tree without any containment, end its main process only, and count."""
        with subprocess.Popen([hostile, mode, end], stdout=subprocess.PIPE,
                              preexec_fn=self.cgroup.enter, start_new_session=True) as main:
            self.assertIn(b"ready", main.stdout.readline())
            main.kill()
            main.wait(30 * PATIENCE)
            main.stdout.close()
        time.sleep(0.05)  # What would die with the main process, dies now.
        self.assertGreaterEqual(len(self.cgroup.living()), min(fewest, 5))

        def all_killed():
            for pid in self.cgroup.living():
                if pid > 0:
                    processes.kill(pid)
            return not self.cgroup.living()
        until(all_killed, f"the tree {mode} can be killed")


if __name__ == "__main__":
    unittest.main()
