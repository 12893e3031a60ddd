"""Clocks jump, and machines sleep: nothing ends too early, and nothing waits for ever."""
import mmap
import pathlib
import random
import shutil
import signal
import struct
import subprocess
import unittest

import processes
from harness import IS_ROOT, SystemTest
from world import LONG, World, seed

YEAR = 365 * 86400


@unittest.skipUnless(shutil.which("cc"), "there is no C compiler")
class WallClock(SystemTest):
    """The daemon's wall clock jumps by hours and years, also backwards; that of others does not."""

    def setUp(self):
        self.world = World(self)
        library = self.world.reeve.base / "shifted_clock.so"
        source = pathlib.Path(__file__).with_name("shifted_clock.c")
        subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", library, source], check=True)
        path = self.world.reeve.base / "shift"
        path.write_bytes(bytes(8))
        with open(path, "r+b") as file:
            self.shift = mmap.mmap(file.fileno(), 8)
        self.addCleanup(self.shift.close)
        self.variables = {"LD_PRELOAD": str(library), "SHIFT_FILE": str(path)}

    def jump(self, seconds):
        """From now on it is so much later than it is."""
        self.shift[:] = struct.pack("=q", seconds)
        self.world.counts["jumps"] += 1

    def test_the_jump_reaches_the_daemon(self):
        self.jump(10 * YEAR)
        self.world.start(variables=self.variables)
        with self.world.client() as client:
            year = int(client.call("getStatus")["started_at"][:4])
        self.assertGreaterEqual(year, 2034)
        self.world.stop()

    def test_limits_retries_and_order_do_not_follow_it(self):
        world = self.world
        chance = random.Random(seed())
        world.start(variables=self.variables)
        jobs = []
        for _ in range(200 if LONG else 12):
            self.jump(chance.choice((0, 3600, -3600, 86400, -86400, 10 * YEAR, -10 * YEAR)))
            jobs += world.submit(world.job("slow", time_limit=30_000), world.job("retried"),
                                 world.job("results"), world.job("quick"))
            with world.client() as client:
                client.call("getStatus")
            if chance.random() < 0.3:
                world.kill()
                world.start(variables=self.variables)
        limited = world.submit(world.job("endless", time_limit=500))[0]
        self.jump(-10 * YEAR)
        self.assertEqual(world.await_state(limited, "timeout")["state"], "timeout")
        world.settle(20)
        self.assertEqual(world.fields(limited)["attempt"], 1)
        for job in jobs:
            fields = world.fields(job)
            self.assertLess(abs(fields["wall_seconds"]), 20, fields)
        events = world.reeve.events("--limit", "0")
        self.assertEqual([event["seq"] for event in events],
                         sorted(event["seq"] for event in events))
        world.finish(title="wall clock jumps")


class Suspend(SystemTest):
    """The daemon stands still and goes on."""

    def setUp(self):
        self.world = World(self)
        self.world.start()

    def test_a_job_that_ended_in_time_while_the_daemon_stood_still_is_no_timeout(self):
        world = self.world
        jobs = world.submit(*[world.job("gated", time_limit=1500) for _ in range(4)])
        for job in jobs:
            world.await_state(job, "running")
        processes.kill(world.daemon.pid, signal.SIGSTOP)
        world.gate.touch()
        processes.until(lambda: not world.reeve.strangers(), "the jobs ended")
        # The limit passes while nobody looks.
        processes.watch(lambda: not world.is_running(), "the daemon died", 1.7)
        processes.kill(world.daemon.pid, signal.SIGCONT)
        world.settle(5)
        for job in jobs:
            self.assertEqual(world.fields(job)["state"], "completed")
        world.finish(title="suspended over ends")

    def test_a_limit_that_passed_meanwhile_counts_and_clients_are_answered(self):
        world = self.world
        job = world.submit(world.job("endless", time_limit=700))[0]
        world.await_state(job, "running")
        processes.kill(world.daemon.pid, signal.SIGSTOP)
        with world.client() as client:
            processes.watch(lambda: not world.is_running(), "the daemon died", 1.2)
            processes.kill(world.daemon.pid, signal.SIGCONT)
            self.assertEqual(client.call("waitJobs", ids=[job])["jobs"][0]["state"], "timeout")
        world.finish(title="suspended over a limit")

    @unittest.skipUnless(IS_ROOT, "needs root for a time namespace")
    def test_a_daemon_for_which_a_day_has_passed_times_out_only_what_has_a_limit(self):
        world = self.world
        limited, free = world.submit(world.job("endless", time_limit=3_600_000),
                                     world.job("gated"))
        for job in (limited, free):
            world.await_state(job, "running")
        world.kill()
        world.start(wrap=["unshare", "-T", "--boottime", "86400"])
        self.assertEqual(world.await_state(limited, "timeout")["state"], "timeout")
        self.assertEqual(world.fields(free)["state"], "running")
        world.kill()
        world.start()  # And back: the queue's clock must not stand still for a day.
        world.gate.touch()
        world.settle(5)
        retried = world.submit_kinds("retried")[0]
        self.assertEqual(world.await_state(retried, "completed", "failed")["attempt"], 2)
        world.finish(title="a day passes")


if __name__ == "__main__":
    unittest.main()
