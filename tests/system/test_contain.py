"""`reeve contain` leaves nothing behind, however it ends, and is otherwise as if it were not there.

What is alive is asked of the oracle of test_containment.py. When the command is over, neither a
process of the tree nor one of the program's own may live.
"""
import functools
import itertools
import json
import os
import random
import signal
import sys
import time
import unittest

import processes
from harness import IS_ROOT, NOBODY, SystemTest
from processes import until
from test_containment import FUSE, TREES

ENDINGS = [signal.SIGTERM, signal.SIGKILL, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT]
TIERS = ("cgroup", "subreaper")


def in_each_tier(test):
    """Run a test with the program in each tier."""
    @functools.wraps(test)
    def both(self):
        for tier in TIERS:
            with self.subTest(tier=tier):
                test(self, self.contained(tier))
    return both


class ContainTest(SystemTest):
    """What the tests of `contain` have in common."""

    def setUp(self):
        """Nothing is started here; each test asks for the program as it needs it."""
        self.begun = time.monotonic()

    def contained(self, tier, user=None):
        """The program in a tier of containment, or the test is skipped."""
        if user is not None and not IS_ROOT:
            self.skipTest("needs root to become another user")
        reeve = self.reeve_with(tier=tier, user=user)
        if self.summary(reeve, "true")["containment"] != tier:
            self.skipTest(f"there is no tier {tier} to be had here")
        return reeve

    def summary(self, reeve, *words, options=()):
        """The summary of a command that prints nothing itself."""
        answer = reeve.run("contain", "--json", "-", *options, "--", *words)
        return json.loads(answer.out)

    def start(self, reeve, *words, options=()):
        """Start a hostile tree and return the front when the whole tree is there."""
        self.begun = time.monotonic()
        front = reeve.popen("contain", *options, "--", reeve.hostile(), *words)
        line = front.stdout.readline()
        if line.startswith(b"cannot: "):
            self.skipTest(line.decode().strip())
        self.assertIn(b"ready", line)
        return front

    def assert_nothing_lives(self, reeve, told):
        """Check that neither the tree nor the program's own processes live at this moment."""
        left = reeve.all_living()
        self.assertLess(time.monotonic() - self.begun, FUSE,
                        f"not the program but its fuse may have ended {told}")
        self.assertEqual([processes.describe(pid) for pid in left], [], told)

    def assert_dies_out(self, reeve, told):
        """Check that everything ends soon, the front being dead already."""
        until(lambda: not reeve.all_living(), f"{told} dies out", seconds=10)
        self.assert_nothing_lives(reeve, told)


def helpers_of(front):
    """The pids of the backup guardian and of the guardian."""
    def found():
        for backup in processes.children_of(front.pid):
            for guardian in processes.children_of(backup):
                if processes.children_of(guardian):
                    return backup, guardian
        return None
    return until(found, "both guardians are there")


class Trees(ContainTest):
    """Hostile trees, by user and tier."""

    def leave(self, reeve, mode):
        """The command ends and leaves the tree behind."""
        self.begun = time.monotonic()
        answer = reeve.run("contain", "--", reeve.hostile(), mode, "leave")
        self.assert_nothing_lives(reeve, f"{mode}, left")
        if answer.out.startswith("cannot: "):
            self.skipTest(answer.out.strip())
        tree = TREES[mode]
        code = 139 if tree.end[2] == "SIGSEGV" else tree.end[1]
        self.assertEqual(answer.code, code, answer)
        self.assert_told(answer.err, "behind", tree.fewest if tree.is_steady else "left")

    def end(self, reeve, mode, number):
        """The whole tree is there, and the front gets a signal."""
        front = self.start(reeve, mode, "stay", options=["--grace", "0.3"])
        found = len(reeve.strangers())
        front.send_signal(number)
        code = front.wait(20)
        told = f"{mode}, ended by {number.name}"
        if number == signal.SIGKILL:
            self.assert_dies_out(reeve, told)
        else:
            self.assert_nothing_lives(reeve, told)
            self.assertNotIn(code, (70, 125), told)
        # A witness that saw no tree before would see none after it either way.
        self.assertGreaterEqual(found, min(TREES[mode].fewest, 6), mode)

    def all_trees(self, tier, user=None):
        """Run all trees in a tier, and look again a second after the last one."""
        reeve = self.contained(tier, user)
        endings = itertools.cycle(ENDINGS)
        for mode in TREES:
            with self.subTest(mode=mode, end="left behind"):
                self.leave(reeve, mode)
            for number in (next(endings), signal.SIGKILL):
                with self.subTest(mode=mode, end=number.name):
                    self.end(reeve, mode, number)
        processes.watch(reeve.all_living, "survivors later on", seconds=1)

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

    @in_each_tier
    def test_a_time_limit_ends_a_tree(self, reeve):
        self.begun = time.monotonic()
        answer = reeve.run("contain", "-t", "1", "--grace", "0.5", "--", reeve.hostile(),
                           "subreaper", "stay")
        self.assert_nothing_lives(reeve, "a tree over its time limit")
        self.assertEqual(answer.code, 124, answer)
        self.assert_told(answer.err, "time limit")

    def test_a_command_that_leaves_its_cgroup_is_ended_all_the_same(self):
        mounts = processes.mounts("cgroup2")
        if not IS_ROOT or not mounts:
            self.skipTest("needs root and a cgroup2 mount to leave a cgroup")
        reeve = self.contained("cgroup")
        script = (f"setsid sleep 500 & echo $$ >{mounts[0]}/cgroup.procs || exit 1;"
                  " setsid sleep 501 & cat /proc/self/cgroup")
        answer = reeve.run("contain", "--", "sh", "-c", script)
        self.assert_nothing_lives(reeve, "a command that left its cgroup")
        self.assertIn("0::/\n", answer.out)
        self.assert_told(answer.err, "2 processes")

    @in_each_tier
    def test_contained_commands_within_contained_ones_end_with_them(self, reeve):
        self.begun = time.monotonic()
        front = reeve.popen("contain", "--", reeve.program, "contain", "--", reeve.hostile(),
                            "zombie-leader", "stay")
        self.assertIn(b"ready", front.stdout.readline())
        front.kill()
        front.wait()
        self.assert_dies_out(reeve, "an enclosure within an enclosure")


class Kills(ContainTest):
    """SIGKILL of the program's own processes, one by one and together."""

    @in_each_tier
    def test_the_front_may_be_killed_at_any_moment(self, reeve):
        seed = random.randrange(1 << 32)
        chance = random.Random(seed)
        for turn in range(40):
            self.begun = time.monotonic()
            mode = chance.choice(["daemon", "double-fork", "respawn-pair", "zombie-leader"])
            front = reeve.popen("contain", "--", reeve.hostile(), mode,
                                chance.choice(["stay", "leave"]))
            time.sleep(chance.uniform(0, 0.03))  # The random moment is what is tested.
            front.kill()
            front.wait()
            self.assert_dies_out(reeve, f"turn {turn} of seed {seed}, {mode}")
        reeve.ok("contain", "--", "true")  # A kill may leave an empty cgroup, until the next one.

    @in_each_tier
    def test_the_group_of_the_command_may_be_killed(self, reeve):
        front = self.start(reeve, "new-session", "stay")
        os.killpg(front.pid, signal.SIGKILL)
        front.wait()
        self.assert_dies_out(reeve, "a tree whose group was killed")

    def killed(self, reeve, *which, mode="new-session"):
        """Kill some of front, backup and guardian of a tree, and return the front."""
        front = self.start(reeve, mode, "stay")
        backup, guardian = helpers_of(front)
        pids = {"front": front.pid, "backup": backup, "guardian": guardian}
        for name in which:
            processes.kill(pids[name])
        return front

    @in_each_tier
    def test_a_killed_guardian_ends_everything_and_is_told(self, reeve):
        for which in (["guardian"], ["backup"], ["backup", "guardian"],
                      ["guardian", "backup"]):
            with self.subTest(which=which):
                front = self.killed(reeve, *which)
                _, errors = front.communicate(timeout=20)
                self.assert_nothing_lives(reeve, f"a tree whose {which} was killed")
                self.assertEqual(front.returncode, 70, errors)
                self.assert_told(errors.decode(), "guardian", "killed")

    @in_each_tier
    def test_the_front_may_be_killed_together_with_a_guardian(self, reeve):
        for which in (["front", "guardian"], ["guardian", "front"], ["front", "backup"],
                      ["backup", "front"]):
            with self.subTest(which=which):
                self.killed(reeve, *which).wait()
                self.assert_dies_out(reeve, f"a tree whose {which} were killed")

    def test_what_three_kills_left_in_a_cgroup_the_next_one_ends(self):
        reeve = self.contained("cgroup")
        if reeve.place is None:
            self.skipTest("needs root to freeze the program")
        front = self.start(reeve, "new-session", "stay")
        backup, guardian = helpers_of(front)
        freezer = reeve.place.path / "cgroup.freeze"
        freezer.write_text("1")  # So that none of them can act before it is killed.
        until(lambda: b"frozen 1" in processes.read(reeve.place.path / "cgroup.events"), "frozen")
        for pid in (front.pid, backup, guardian):
            processes.kill(pid)
        front.wait()
        until(lambda: not [pid for pid in reeve.all_living() if processes.is_reeve(pid)],
              "the program's own processes are dead")
        freezer.write_text("0")
        self.assertNotEqual(reeve.strangers(), set())
        reeve.ok("contain", "--", "true")
        self.assert_nothing_lives(reeve, "an abandoned enclosure")

    def test_a_living_command_is_no_abandoned_one(self):
        reeve = self.contained("cgroup")
        front = self.start(reeve, "double-fork", "stay")
        alive = reeve.strangers()
        reeve.ok("contain", "--", "true")
        self.assertEqual(reeve.strangers(), alive)
        front.terminate()
        self.assertEqual(front.wait(20), 143)
        self.assert_nothing_lives(reeve, "the other command")

    @in_each_tier
    def test_a_command_that_kills_its_guardian_is_never_successful(self, reeve):
        self.begun = time.monotonic()
        (reeve.work / "go").touch()  # It may attack as soon as it is ready.
        answer = reeve.run("contain", "--", reeve.hostile(), "kill-parent", "leave")
        self.assert_nothing_lives(reeve, "a command that killed its guardian")
        self.assertEqual(answer.code, 70, answer)

    @in_each_tier
    def test_a_command_that_stops_its_guardian_for_ever_is_ended(self, reeve):
        for number in (signal.SIGTERM, signal.SIGKILL):
            (reeve.work / "go").touch()
            front = self.start(reeve, "stop-parent", "stay", options=["--grace", "0.3"])
            until((reeve.work / "gone").exists, "the tree has attacked")
            (reeve.work / "gone").unlink()
            front.send_signal(number)
            front.wait(20)
            self.assert_dies_out(reeve, "a tree that stops its guardian")

    def test_a_stopped_guardian_is_continued(self):
        reeve = self.contained("subreaper")
        front = self.start(reeve, "new-session", "stay", options=["--grace", "0.3"])
        processes.kill(helpers_of(front)[1], signal.SIGSTOP)
        front.terminate()
        self.assertEqual(front.wait(20), 143)
        self.assert_nothing_lives(reeve, "a tree whose guardian was stopped")


class Ends(ContainTest):
    """Exit codes, and what is told on the way."""

    @in_each_tier
    def test_the_code_is_that_of_the_command(self, reeve):
        for script, code in (("exit 0", 0), ("exit 3", 3), ("exit 255", 255),
                             ("kill -SEGV $$", 139), ("kill -KILL $$", 137)):
            answer = reeve.run("contain", "--", "sh", "-c", script)
            self.assertEqual((answer.code, answer.out), (code, ""), script)
            self.assertEqual(answer.err == "", code in (0, 3, 255), answer)

    def test_what_can_not_be_executed_is_told(self):
        reeve = self.contained("subreaper")
        plain = reeve.work / "plain"
        plain.write_text("x")
        for word, code in (("no-such-program", 127), (plain, 126), (reeve.work, 126)):
            answer = reeve.run("contain", "--", word)
            self.assert_refused(answer, code)
            self.assert_told(answer.err, word)

    def test_wrong_usage_is_refused_and_runs_nothing(self):
        reeve = self.contained("subreaper")
        for words in ([], ["--"], ["--grace", "x", "--", "touch", "ran"], ["--explode", "true"],
                      ["--time", "-1", "--", "touch", "ran"],
                      ["--json", "/no/place", "touch", "ran"]):
            with self.subTest(words=words):
                self.assert_refused(reeve.run("contain", *words))
        self.assertFalse((reeve.work / "ran").exists())

    def test_strict_is_refused_where_containment_is_weak(self):
        reeve = self.contained("subreaper")
        self.assert_refused(reeve.run("contain", "--strict", "--", "touch", "ran"), 2)
        self.assertFalse((reeve.work / "ran").exists())
        self.contained("cgroup").ok("contain", "--strict", "--", "true")

    @in_each_tier
    def test_leftovers_are_told_unless_quiet(self, reeve):
        script = "setsid sleep 500 & sleep 501 & exit 5"
        loud = reeve.run("contain", "--", "sh", "-c", script)
        quiet = reeve.run("contain", "--quiet", "--", "sh", "-c", script)
        self.assertEqual((loud.code, quiet.code, quiet.err), (5, 5, ""))
        self.assertEqual(loud.err, "reeve: sh left 2 processes behind; they were ended\n")

    def test_what_ends_by_itself_right_after_the_command_is_no_leftover(self):
        reeve = self.contained("subreaper")
        answer = reeve.run("contain", "--", "sh", "-c", "(sleep 0.05; echo late) & exit 0")
        self.assertEqual((answer.code, answer.out, answer.err), (0, "late\n", ""))

    @in_each_tier
    def test_the_summary_tells_all(self, reeve):
        work = "x = bytearray(50 << 20)\nfor _ in range(10 ** 6): pass\nraise SystemExit(4)"
        told = self.summary(reeve, sys.executable, "-c", work)
        self.assertEqual((told["exit_code"], told["signal"], told["leftovers"]), (4, None, 0))
        self.assertGreater(told["max_rss_bytes"], 50 << 20)
        self.assertGreater(told["cpu_seconds"], 0.01)
        self.assertGreater(told["wall_seconds"], 0.01)
        place = reeve.work / "summary.json"
        reeve.run("contain", "--json", place, "--", "sh", "-c", "sleep 500 & kill -9 $$")
        told = json.loads(place.read_text())
        self.assertEqual((told["exit_code"], told["signal"], told["leftovers"]),
                         (None, "SIGKILL", 1))
        place.unlink()

    @in_each_tier
    def test_a_command_may_answer_a_signal_in_its_own_way(self, reeve):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            script = f"trap 'echo bye; exit 9' {number.value}; echo up; sleep 500 & wait"
            front = reeve.popen("contain", "--", "sh", "-c", script)
            self.assertEqual(front.stdout.readline(), b"up\n")
            front.send_signal(number)
            self.assertEqual((front.communicate(timeout=20)[0], front.returncode),
                             (b"bye\n", 9))
            self.assert_nothing_lives(reeve, "a command that said good-bye")

    def test_user_signals_are_passed_on(self):
        reeve = self.contained("subreaper")
        script = "trap 'echo one; exit 0' USR1; echo up; while :; do sleep 0.05; done"
        front = reeve.popen("contain", "--", "sh", "-c", script)
        self.assertEqual(front.stdout.readline(), b"up\n")
        front.send_signal(signal.SIGUSR1)
        self.assertEqual((front.communicate(timeout=20)[0], front.returncode), (b"one\n", 0))


class Transparent(ContainTest):
    """The command sees what it would see without `contain`."""

    def test_no_daemon_is_started_and_nothing_is_kept(self):
        reeve = self.contained("subreaper")
        reeve.ok("contain", "--", "true")
        self.assertEqual(list(reeve.home.iterdir()), [])

    @in_each_tier
    def test_streams_are_the_callers(self, reeve):
        answer = reeve.run("contain", "--", "sh", "-c", "cat; echo error >&2", data=b"in\0put")
        self.assertEqual((answer.raw, answer.raw_errors), (b"in\0put", b"error\n"))

    def test_further_descriptors_are_passed_and_not_held(self):
        reeve = self.contained("subreaper")
        read_end, write_end = os.pipe()
        script = f"echo through >&{write_end}; exec {write_end}>&- >&-; sleep 500"
        front = reeve.popen("contain", "--", "bash", "-c", script, pass_fds=[write_end])
        os.close(write_end)
        with os.fdopen(read_end, "rb") as stream:
            self.assertEqual(stream.read(), b"through\n")  # To its end, the command being alive.
        self.assertEqual(front.stdout.read(), b"")
        self.assertIsNone(front.poll())
        front.terminate()
        self.assertEqual(front.wait(20), 143)

    @in_each_tier
    def test_signals_and_the_group_are_as_without(self, reeve):
        look = ("import os, signal; print([line for line in open('/proc/self/status')"
                " if line.startswith(('SigBlk', 'SigIgn'))], os.getpgrp(), os.getcwd())")

        def before():
            signal.signal(signal.SIGUSR2, signal.SIG_IGN)
            signal.signal(signal.SIGPIPE, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM, signal.SIGINT])
        for prepare in (None, before):
            options = {"before": prepare, "restore_signals": False}
            alone = reeve.popen(command=[sys.executable, "-c", look], **options)
            front = reeve.popen("contain", "--", sys.executable, "-c", look, **options)
            for process in (alone, front):
                process.told = process.communicate(timeout=20)[0].decode()
            self.assertEqual(front.told.replace(str(front.pid), "PID"),
                             alone.told.replace(str(alone.pid), "PID"))

    @in_each_tier
    def test_a_caller_that_ignores_its_children_is_told_the_code(self, reeve):
        def before():
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        self.assertEqual(reeve.run("contain", "--", "sh", "-c", "exit 3", before=before).code, 3)
        told = reeve.run("contain", "--json", "-", "--", "true", before=before).out
        self.assertEqual(json.loads(told)["containment"],
                         self.summary(reeve, "true")["containment"])

    def test_closed_streams_stay_closed_and_are_not_written_to(self):
        reeve = self.contained("subreaper")
        place = reeve.work / "summary.json"
        script = "ls -l /proc/self/fd >listing; sleep 500 & exit 3"
        answer = reeve.run("contain", "--json", place, "--", "sh", "-c", script,
                           before=lambda: os.closerange(0, 3))
        self.assertEqual((answer.code, json.loads(place.read_text())["leftovers"]), (3, 1))
        self.assertNotIn("/dev/null", (reeve.work / "listing").read_text())

    def test_an_ignored_hang_up_stays_ignored(self):
        reeve = self.contained("subreaper")
        front = reeve.popen("contain", "--", "sh", "-c", "echo up; read -r line; echo $line",
                            stdin=-1, before=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        self.assertEqual(front.stdout.readline(), b"up\n")
        front.send_signal(signal.SIGHUP)
        self.assertEqual(front.communicate(b"on\n", timeout=20)[0], b"on\n")
        self.assertEqual(front.returncode, 0)

    def test_options_of_the_command_are_not_ours(self):
        reeve = self.contained("subreaper")
        for words in (["--", "echo", "--quiet", "--json"],
                      ["-t", "9", "echo", "--quiet", "--json"]):
            self.assertEqual(reeve.ok("contain", *words).out, "--quiet --json\n")


if __name__ == "__main__":
    unittest.main()
