"""When a job ends, for whatever reason, none of its processes is alive.

Each hostile tree is run in each tier, as root and as an ordinary user, and ends in two ways: the
main process leaves the others behind, or the job is cancelled. What is alive is asked of an oracle
that has nothing to do with the way in which the program holds its jobs.

Where a tier can't promise that, a test states it, and that the program tells no lie about it.
"""
import dataclasses
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import processes
import tiers
from harness import IS_ROOT, TERMINAL, SystemTest
from processes import PATIENCE, until
from programs import hostile_program
from tiers import TierTest


@dataclasses.dataclass(frozen=True)
class Tree:
    """What a mode of the hostile program makes, and how it ends when its main process leaves."""

    fewest: int  # Processes beside the main one.
    is_steady: bool = False  # Exactly as many must be told as leftovers.
    end: tuple = ("completed", 0, None)  # State, exit code, signal.


TREES = {
    "plain": Tree(5),
    "double-fork": Tree(5, is_steady=True),
    "new-session": Tree(5, is_steady=True),
    "daemon": Tree(1, is_steady=True),
    "bomb": Tree(200),
    "chaser": Tree(1),
    "chaser-20": Tree(1),
    "chaser-20-sessions": Tree(1),
    "chaser-fan": Tree(1),
    "stopped": Tree(5, is_steady=True),
    "cont-storm": Tree(6, is_steady=True),
    "traced": Tree(5),
    "zombie-leader": Tree(5),
    "subreaper": Tree(6, is_steady=True),
    "clone-parent": Tree(5),
    "no-exit-signal": Tree(5, is_steady=True),
    "respawn-pair": Tree(2),
    "namespaces": Tree(7),
    "chain": Tree(100),
    "stdout-holder": Tree(1),
    "vfork": Tree(2),
    "exit-in-grace": Tree(5, is_steady=True),
    "leave-cgroup": Tree(5, is_steady=True),
    "core-dump": Tree(5, end=("failed", None, "SIGSEGV")),
    "zombie-main": Tree(5)}

GRACE = "200ms"
# The trees end by themselves 90 s after their start. What comes later than this proves nothing.
FUSE = 80


def dumps_stay_here():
    """Whether a core file goes to the directory of its process, not to the machine's collector."""
    return not processes.read("/proc/sys/kernel/core_pattern").startswith((b"|", b"/"))


class HostileTest(TierTest):
    """A test that runs hostile trees."""

    def setUp(self):
        """The trees since the last look at what is alive have begun at these times."""
        self.begun = []

    def start(self, reeve, *words, options=(), **settings):
        """Start a hostile tree and return its job when the whole tree is there."""
        self.begun.append(time.monotonic())
        job = reeve.submit(*options, "--grace", GRACE, "--", reeve.hostile(), *words, **settings)
        log = until(lambda: reeve.log(job), f"the tree {words} is ready, or says why not")
        if log.startswith(b"cannot: "):
            self.skipTest(log.decode().strip())
        self.assertIn(b"ready", log)
        return job

    def assert_empty(self, reeve, told):
        """Check that no process of any job is alive at this very moment."""
        left = self.alive(reeve)
        age = time.monotonic() - min(self.begun, default=time.monotonic())
        self.begun.clear()
        self.assertLess(age, FUSE, f"not the program but its fuse may have ended {told}")
        shown = [processes.describe(pid) for pid in left]
        self.assertEqual(left, set(), f"survivors of {told}: {shown}")

    def leave(self, reeve, mode, options=()):
        """The main process ends and leaves the tree behind."""
        tree = TREES.get(mode, Tree(1))
        job = self.start(reeve, mode, "leave", options=options)
        reeve.wait(job)
        self.assert_empty(reeve, f"{mode}, left")
        fields = reeve.show(job)
        self.assertEqual((fields["state"], fields["exit_code"], fields["signal"]), tree.end, mode)
        if tree.is_steady:
            self.assertEqual(fields["leftovers"], tree.fewest, mode)
        else:
            self.assertGreaterEqual(fields["leftovers"], 1, mode)
        return fields

    def cancel(self, reeve, mode, options=()):
        """The whole tree is there and is cancelled."""
        fewest = TREES.get(mode, Tree(1)).fewest
        job = self.start(reeve, mode, "stay", options=options)
        found = len(self.alive(reeve))
        answer = reeve.run("cancel", job)
        self.assert_empty(reeve, f"{mode}, cancelled")
        # A witness that saw no tree before would see none after it either way.
        self.assertGreaterEqual(found, min(fewest, 6), mode)
        self.assertEqual((answer.code, reeve.show(job)["state"]), (0, "cancelled"), mode)


class Hostile(HostileTest):
    """Hostile trees, by user and tier."""

    def all_trees(self, tier, *, is_root):
        """Run all trees in a tier.

        One oracle sees all of them. So whoever survives without being seen at once is found when
        the next ends are looked at; behind the last one a second is waited for.
        """
        if is_root and not IS_ROOT:
            self.skipTest("needs root")
        reeve = self.contained(tier, tiers.user_of(is_root))
        for mode in TREES:
            if mode == "core-dump" and not dumps_stay_here():
                continue
            if mode == "leave-cgroup" and not self.can_leave_cgroup(reeve):
                continue
            with self.subTest(mode=mode, end="left behind"):
                self.leave(reeve, mode, tier.options)
            with self.subTest(mode=mode, end="cancelled"):
                self.cancel(reeve, mode, tier.options)
        processes.watch(lambda: self.alive(reeve), "survivors later on", seconds=1)

    @staticmethod
    def can_leave_cgroup(reeve):
        """Whether jobs may write to a cgroup above their own: not below somebody else's."""
        return IS_ROOT and bool(processes.mounts("cgroup2")) and (
            reeve.user is None or "REEVE_NO_CGROUP" not in reeve.environment)

    def test_no_tree_survives_in_cgroups_as_root(self):
        self.all_trees(tiers.CGROUP, is_root=True)

    def test_no_tree_survives_below_a_subreaper_as_root(self):
        self.all_trees(tiers.SUBREAPER, is_root=True)

    def test_no_tree_survives_in_namespaces_as_root(self):
        self.all_trees(tiers.NAMESPACE, is_root=True)

    def test_no_tree_survives_in_namespaces_and_cgroups_as_root(self):
        self.all_trees(tiers.BOTH, is_root=True)

    def test_no_tree_survives_in_delegated_cgroups_as_an_ordinary_user(self):
        self.all_trees(tiers.CGROUP, is_root=False)

    def test_no_tree_survives_below_a_subreaper_as_an_ordinary_user(self):
        self.all_trees(tiers.SUBREAPER, is_root=False)

    def test_no_tree_survives_in_namespaces_as_an_ordinary_user(self):
        self.all_trees(tiers.NAMESPACE, is_root=False)

    def test_no_tree_survives_in_namespaces_and_cgroups_as_an_ordinary_user(self):
        self.all_trees(tiers.BOTH, is_root=False)

    def test_trees_that_end_side_by_side_do_not_survive(self):
        for tier in tiers.ALL:
            with self.subTest(tier=tier.name):
                reeve = self.contained(tier)
                modes = ["double-fork", "new-session", "zombie-leader", "chaser", "daemon",
                         "clone-parent", "respawn-pair", "no-exit-signal"]
                self.begun.append(time.monotonic())
                ids = reeve.batch([{"command": [str(reeve.hostile()), mode, "leave"],
                                    "isolate": True} if tier.is_isolated else
                                   {"command": [str(reeve.hostile()), mode, "leave"]}
                                   for mode in modes])
                for job in ids:
                    self.assertEqual(reeve.wait(job), 0)
                self.assert_empty(reeve, "trees side by side")

    def test_a_tree_that_ends_does_not_touch_its_neighbour(self):
        for tier in tiers.ALL:
            with self.subTest(tier=tier.name):
                reeve = self.contained(tier)
                neighbour = self.start(reeve, "double-fork", "stay", options=tier.options)
                alive = self.alive(reeve)
                other = self.start(reeve, "new-session", "leave", options=tier.options)
                self.assertEqual(reeve.wait(other), 0)
                self.assertEqual(self.alive(reeve), alive)
                reeve.ok("cancel", neighbour)
                self.assert_empty(reeve, "the neighbour")

    def test_a_time_limit_ends_a_tree(self):
        for tier in tiers.ALL:
            with self.subTest(tier=tier.name):
                reeve = self.contained(tier)
                job = self.start(reeve, "subreaper", "stay", options=["-t", "1", *tier.options])
                self.assertEqual(reeve.wait(job), 124)
                self.assert_empty(reeve, "a tree over its time limit")

    def test_a_tree_is_ended_after_the_death_of_the_daemon(self):
        for tier in tiers.ALL:
            with self.subTest(tier=tier.name):
                reeve = self.contained(tier)
                left = self.start(reeve, "new-session", "leave", options=tier.options)
                reeve.kill_daemon()
                until(lambda: not self.alive(reeve), "the keeper ends what was left", seconds=10)
                self.assertEqual(reeve.wait(left), 0)
                stays = self.start(reeve, "zombie-leader", "stay", options=tier.options)
                reeve.kill_daemon()
                reeve.ok("cancel", stays)
                self.assert_empty(reeve, "a tree that was adopted")

    def test_a_job_that_leaves_its_cgroup_is_ended_all_the_same(self):
        mounts = processes.mounts("cgroup2")
        if not IS_ROOT or not mounts:
            self.skipTest("needs root and a cgroup2 mount to leave a cgroup")
        reeve = self.contained(tiers.CGROUP)
        script = (f"setsid sleep 500 & echo $$ >{mounts[0]}/cgroup.procs || exit 1;"
                  " setsid sleep 501 & cat /proc/self/cgroup")
        job = reeve.shell(script)
        self.assertEqual(reeve.wait(job), 0)
        self.assertIn(b"0::/\n", reeve.log(job))
        self.assert_empty(reeve, "a job that left its cgroup")

    def test_strict_containment_is_refused_where_it_is_weak(self):
        reeve = self.contained(tiers.SUBREAPER)
        answer = reeve.run("submit", "--containment", "strict", "--", "touch", "ran")
        self.assert_refused(answer)
        self.assert_told(answer.err, "strict")
        self.assertFalse((reeve.work / "ran").exists())
        self.assertEqual(reeve.ended("--containment", "any", "--", "true")["state"], "completed")
        self.assert_told(reeve.ok("daemon", "status").out, "weak")

    def test_strict_containment_runs_where_there_are_cgroups(self):
        reeve = self.contained(tiers.CGROUP)
        self.assertEqual(reeve.ended("--containment", "strict", "--", "true")["state"],
                         "completed")


class Attack(HostileTest):
    """Jobs that turn against their keeper, their daemon, or another job."""

    def attacker(self, reeve, mode, end, *options):
        """Start a tree that attacks as soon as it is let go."""
        for name in ("go", "gone"):
            (reeve.work / name).unlink(missing_ok=True)
        return self.start(reeve, mode, end, options=options)

    @staticmethod
    def let_go(reeve):
        """Let the tree attack."""
        (reeve.work / "go").touch()

    @staticmethod
    def await_attack(reeve):
        """Wait until the attack is over."""
        until((reeve.work / "gone").exists, "the tree has attacked")

    def keeper(self, reeve):
        """The pid of the one keeper that has a job."""
        def is_inside(pid):
            return processes.link(f"/proc/{pid}/ns/pid") != tiers.OWN_NAMESPACE
        parents = {processes.parent_of(pid) for pid in self.alive(reeve)}
        [keeper] = {pid for pid in parents if processes.is_reeve(pid) and not is_inside(pid)}
        return keeper

    @staticmethod
    def is_stopped(pid):
        """Whether a process is stopped by a signal."""
        return processes.fields(processes.read(f"/proc/{pid}/stat"))[:1] == [b"T"]

    def test_a_job_that_kills_its_keeper_is_never_completed_and_hurts_no_other(self):
        for tier in tiers.OPEN:
            with self.subTest(tier=tier.name):
                reeve = self.contained(tier)
                other = reeve.submit("--", "sleep", "600")
                reeve.in_state(other, "running")
                job = self.attacker(reeve, "kill-parent", "stay")
                self.let_go(reeve)
                fields = reeve.in_state(job, TERMINAL)
                self.assertIn(fields["state"], ("lost", "failed"), fields)
                self.assertIsNone(fields["exit_code"], reeve.log(job))
                self.assertEqual(reeve.show(other)["state"], "running")
                reeve.ok("cancel", other)
                self.assert_empty(reeve, "a job that killed its keeper")

    def test_a_job_that_stops_its_keeper_is_not_told_as_ended_while_it_lives(self):
        """The limit: a keeper that is stopped again and again ends nothing."""
        for tier in tiers.OPEN:
            with self.subTest(tier=tier.name):
                reeve = self.contained(tier)
                job = self.attacker(reeve, "stop-parent", "stay")
                keeper = self.keeper(reeve)
                self.let_go(reeve)
                until(lambda: self.is_stopped(keeper), "the keeper is stopped")
                self.await_attack(reeve)
                reeve.ok("cancel", job, "--no-wait")
                processes.watch(lambda: reeve.show(job)["state"] in TERMINAL and
                                self.alive(reeve), "told as ended, and alive", seconds=1)
                alive = self.alive(reeve)
                attackers = [pid for pid in alive if processes.parent_of(pid) in alive]
                for pid in attackers:
                    processes.kill(pid)
                until(lambda: not any(map(processes.is_alive, attackers)), "the attack is over")
                processes.kill(keeper, signal.SIGCONT)
                self.assertEqual(reeve.in_state(job, TERMINAL)["state"], "cancelled")
                self.assert_empty(reeve, "a job that had stopped its keeper")

    def test_a_job_that_kills_all_of_its_user_is_lost_and_what_it_starts_then_is_ended(self):
        if not IS_ROOT:
            self.skipTest("needs root to become a user of its own")
        for tier in tiers.OPEN:
            for end in ("stay", "leave"):
                with self.subTest(tier=tier.name, end=end):
                    uid = tiers.unused_uid()
                    reeve = self.contained(tier, uid, variables={"HOSTILE_ALONE": str(uid)})
                    job = self.attacker(reeve, "kill-all", end)
                    self.let_go(reeve)
                    self.await_attack(reeve)
                    self.assertFalse([pid for pid in reeve.all_living() if
                                      processes.is_reeve(pid)])
                    self.assertGreaterEqual(len(self.alive(reeve)), 5)
                    self.assertEqual(reeve.in_state(job, TERMINAL)["state"], "lost")
                    self.assert_empty(reeve, "a job that killed all of its user")

    def test_no_attack_of_an_isolated_job_reaches_its_keeper(self):
        for tier in tiers.ISOLATED:
            for is_root in (True, False):
                with self.subTest(tier=tier.name, is_root=is_root):
                    if is_root and not IS_ROOT:
                        self.skipTest("needs root")
                    reeve = self.contained(tier, tiers.user_of(is_root))
                    for mode in ("kill-parent", "stop-parent", "kill-all"):
                        with self.subTest(mode=mode, end="left behind"):
                            self.repel(reeve, mode, "leave", tier.options)
                        with self.subTest(mode=mode, end="cancelled"):
                            self.repel(reeve, mode, "stay", tier.options)

    def repel(self, reeve, mode, end, options):
        """Attack from within, and look whether anybody outside has noticed."""
        job = self.attacker(reeve, mode, end, *options)
        keeper, daemon = self.keeper(reeve), reeve.daemon_pid()
        self.let_go(reeve)
        self.await_attack(reeve)
        if end == "leave":
            self.assertEqual(reeve.wait(job), 0)
        else:
            self.assertTrue(processes.is_alive(keeper))
            self.assertFalse(self.is_stopped(keeper))
            reeve.ok("cancel", job)
        self.assert_empty(reeve, f"{mode}, {end}")
        self.assertEqual(reeve.show(job)["state"], "completed" if end == "leave" else "cancelled")
        self.assertEqual(reeve.daemon_pid(), daemon)

    def test_a_job_that_joins_the_cgroup_of_another_is_ended_and_the_other_is_not(self):
        mounts = processes.mounts("cgroup2")
        if not IS_ROOT or not mounts:
            self.skipTest("needs root and a cgroup2 mount")
        for is_root in (True, False):
            with self.subTest(is_root=is_root):
                reeve = self.contained(tiers.CGROUP, tiers.user_of(is_root))
                other = reeve.submit("--", "sleep", "600")
                reeve.in_state(other, "running")
                [pid] = self.alive(reeve)
                path = processes.read(f"/proc/{pid}/cgroup").decode().partition("0::/")[2]
                variables = {"HOSTILE_CGROUP": str(mounts[0] / path.strip())}
                left = self.start(reeve, "join-cgroup", "leave", variables=variables)
                self.assertEqual(reeve.wait(left), 0)
                self.assertEqual(self.alive(reeve), {pid})
                cancelled = self.start(reeve, "join-cgroup", "stay", variables=variables)
                reeve.ok("cancel", cancelled)
                self.assertEqual(self.alive(reeve), {pid})
                self.assertEqual(reeve.show(other)["state"], "running")
                # And the other way round: who is in the cgroup of a job that ends, ends with it.
                guest = self.start(reeve, "join-cgroup", "stay", variables=variables)
                reeve.ok("cancel", other)
                self.assertEqual(len(self.alive(reeve)), 1)
                self.assertEqual(reeve.show(guest)["state"], "running")
                reeve.ok("cancel", guest)
                self.assert_empty(reeve, "a job that was in the cgroup of another")


class SetUserId(HostileTest):
    """Programs that an ordinary user starts and has no right to signal."""

    def prepared(self, tier):
        """The program as an ordinary user, with a setuid copy of the hostile program for him."""
        if not IS_ROOT:
            self.skipTest("needs root to make a setuid program")
        reeve = self.contained(tier, tiers.user_of(False))
        if os.statvfs(reeve.base).f_flag & os.ST_NOSUID:
            self.skipTest("setuid programs have no power in the temporary directory")
        copy = pathlib.Path(f"{reeve.hostile()}-root")
        shutil.copy2(reeve.hostile(), copy)
        os.chown(copy, 0, reeve.user)
        copy.chmod(0o4750)  # Nobody else may execute it.
        return reeve

    def roots(self, reeve):
        """The living processes of jobs that belong to root."""
        return {pid for pid in self.alive(reeve)
                if b"\nUid:\t0\t" in processes.read(f"/proc/{pid}/status")}

    def test_a_setuid_program_is_ended_by_its_cgroup_and_powerless_in_a_namespace(self):
        for tier in (tiers.CGROUP, *tiers.ISOLATED):
            with self.subTest(tier=tier.name):
                reeve = self.prepared(tier)
                job = self.start(reeve, "setuid", "stay", options=tier.options)
                self.assertEqual(len(self.roots(reeve)), 0 if tier.is_isolated else 1)
                reeve.ok("cancel", job)
                self.assert_empty(reeve, "a setuid program, cancelled")
                self.leave(reeve, "setuid", tier.options)

    def test_a_setuid_program_out_of_reach_is_told_and_its_job_has_not_ended(self):
        """The limit: below a subreaper, and where such a program leaves its cgroup as root."""
        for tier, mode in ((tiers.SUBREAPER, "setuid"), (tiers.CGROUP, "setuid-escape")):
            reeve = None
            for end, state in (("stay", "cancelled"), ("leave", "completed")):
                with self.subTest(tier=tier.name, end=end):
                    reeve = reeve or self.prepared(tier)
                    job = self.start(reeve, mode, end)
                    [root] = self.roots(reeve)
                    if end == "stay":
                        reeve.ok("cancel", job, "--no-wait")
                    until(lambda: reeve.show(job)["kill_stuck"], "the program tells of its trouble")
                    self.assertNotIn(reeve.show(job)["state"], TERMINAL)
                    self.assertEqual(self.alive(reeve), {root})
                    processes.kill(root)
                    self.assertEqual(reeve.in_state(job, TERMINAL)["state"], state)
                    self.assert_empty(reeve, "a setuid program that root has killed")


@unittest.skipUnless(IS_ROOT, "the oracle needs root")
class Oracle(unittest.TestCase):
    """The oracle and the trees themselves: what kills only the main process must be found out."""

    def setUp(self):
        self.cgroup = processes.Cgroup.make("cgroup", "pids")
        if self.cgroup is None:
            self.skipTest("there is no v1 pids hierarchy")
        self.addCleanup(self.cgroup.remove)
        self.place = processes.Cgroup.make("cgroup2")  # One that the tree can leave.
        if self.place is not None:
            self.addCleanup(self.place.remove)

    def enter(self):
        """Make the calling process one that the oracle sees."""
        for cgroup in filter(None, (self.cgroup, self.place)):
            cgroup.enter()

    def test_the_oracle_sees_the_survivors_of_every_tree(self):
        place = tempfile.TemporaryDirectory(prefix="reeve-test-")
        self.addCleanup(place.cleanup)
        hostile = hostile_program(pathlib.Path(place.name))
        for mode, tree in TREES.items():
            if mode == "core-dump" and not dumps_stay_here():
                continue
            if mode == "leave-cgroup" and self.place is None:
                continue
            for end in ("stay", "leave"):
                with self.subTest(mode=mode, end=end):
                    self.survive(hostile, mode, end, tree.fewest)

    def survive(self, hostile, mode, end, fewest):
        """Start a tree without any containment, end its main process only, and count."""
        with subprocess.Popen([hostile, mode, end], stdout=subprocess.PIPE,
                              preexec_fn=self.enter, start_new_session=True,
                              cwd=hostile.parent) as main:
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
