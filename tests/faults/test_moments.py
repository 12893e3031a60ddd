"""Single moments, each the smallest form of something that the sweeps and random kills look for."""
import unittest

import injection
import processes
from harness import SystemTest
from processes import until
from wire import Refused
from world import World


class Together(SystemTest):
    """Deaths that need no tracer."""

    def setUp(self):
        self.world = World(self)
        self.world.start()

    def test_keepers_that_die_together_leave_jobs_that_are_told_as_lost(self):
        world = self.world
        for job in world.submit_kinds(*["endless"] * 8):
            world.await_state(job, "running")
        for pid in world.keepers():
            processes.kill(pid)
        world.settle(10)
        world.finish(title="keepers dead together", allowed=("lost",))

    def test_a_lost_job_is_not_retried_though_other_keepers_died_with_its_own(self):
        world = self.world
        jobs = world.submit(*[world.job("endless", retry={"retries": 1, "on_lost": False})
                              for _ in range(8)])
        for job in jobs:
            world.await_state(job, "running")
        for pid in world.keepers():
            processes.kill(pid)
        for job in jobs:
            fields = world.await_state(job, "lost", "held", "failed")
            self.assertEqual(fields["state"], "lost", fields)


@unittest.skipIf(injection.why_not(), injection.why_not())
class Moments(SystemTest):
    """A fault at one place, and what must come of it."""

    def setUp(self):
        self.world = World(self)
        self.world.start()

    def trace(self, *expressions, is_publisher=False):
        """A tracer on one of the daemon's threads."""
        thread = injection.threads(self.world.pid())[1 if is_publisher else 0]
        return injection.Tracer(thread, *expressions, output=self.world.reeve.base / "trace")

    def await_degraded(self):
        """Wait until the daemon says that it can't write."""
        def is_degraded():
            try:
                with self.world.client() as client:
                    return client.call("getStatus")["degraded"]
            except Refused as refusal:
                return str(refusal)
        return until(is_degraded, "the daemon says that it is degraded", seconds=5)

    def await_death(self):
        """Wait until the daemon was killed where it was to be, and start another one."""
        until(lambda: not self.world.is_running(), "the daemon was killed")
        self.world.start()

    def test_results_are_published_by_the_next_daemon_by_itself(self):
        with self.trace("inject=fsync:signal=SIGKILL:when=1", is_publisher=True):
            self.world.submit_kinds("results")
            self.await_death()
        self.world.settle(5)
        self.world.finish(title="killed while publishing")

    def test_a_cancel_that_was_committed_is_carried_out_by_the_next_daemon_by_itself(self):
        job = self.world.submit_kinds("endless")[0]
        self.world.await_state(job, "running")
        with self.trace("inject=rt_sigqueueinfo,pidfd_send_signal:signal=SIGKILL:when=1"):
            self.world.cancel(job)
            self.await_death()
        self.world.settle(5)
        self.world.finish(title="killed before the stop was sent")

    def test_results_that_a_full_disk_held_up_are_published_without_a_restart(self):
        world = self.world
        job = world.submit_kinds("gated")[0]
        world.await_state(job, "running")
        with self.trace("inject=pwrite64:error=ENOSPC", "trace=pwrite64"):
            results = world.submit_kinds("results")
            self.assertIsNone(results)
            self.await_degraded()
        world.gate.touch()
        world.settle(6)
        world.finish(title="refused and gone on")

    def test_a_keeper_that_died_while_nothing_could_be_written_is_told_afterwards(self):
        world = self.world
        job = world.submit_kinds("endless")[0]
        world.await_state(job, "running")
        with self.trace("inject=pwrite64:error=ENOSPC", "trace=pwrite64"):
            processes.kill(world.keepers()[0])
            self.await_degraded()
        world.settle(6)
        world.finish(title="keeper dead while the disk was full", allowed=("lost",))

    def test_an_unreadable_database_is_read_again_before_anything_is_taken(self):
        world = self.world
        job = world.submit_kinds("gated")[0]
        world.await_state(job, "running")
        waiting = world.submit(*[world.job("quick", demand={"cpus": 8}) for _ in range(3)])
        self.assertIsNotNone(waiting)
        with self.trace("inject=pwrite64,pread64:error=EIO", "trace=pwrite64,pread64"):
            self.assertIsNone(world.submit_kinds("quick"))
            world.gate.touch()
            self.await_degraded()
        world.submit_kinds("quick")
        world.settle(6)
        world.finish(title="database unreadable for a while")

    def test_results_are_not_called_failed_when_they_are_in_place(self):
        # The fifth and sixth are of the directories, after the rename.
        for number in (5, 6):
            with self.trace(f"inject=fsync:error=EIO:when={number}", is_publisher=True):
                self.world.submit_kinds("results")
                self.world.settle(5)
        self.world.finish(title="sync refused after the rename", allowed=("publish_error",))

    def test_results_that_could_not_be_opened_to_sync_them_are_not_called_completed(self):
        with self.trace("trace=openat,fsync,syncfs", is_publisher=True) as tracer:
            self.world.submit_kinds("results")
            self.world.settle(5)
        wanted = injection.calls(tracer.lines())["fsync"]
        for number in range(1, 5):
            with self.trace(f"inject=openat:error=EMFILE:when={number}", "trace=openat,fsync,syncfs",
                            is_publisher=True) as tracer:
                job = self.world.submit_kinds("results")[0]
                self.world.settle(5)
            calls = injection.calls(tracer.lines())
            # The whole file system at once does as well as each file by itself.
            synced = wanted if calls.get("syncfs") else calls["fsync"]
            with self.subTest(openat=number):
                state = self.world.fields(job)["state"]
                self.assertFalse(state == "completed" and synced < wanted,
                                 f"completed after {synced} of {wanted} syncs")

    def test_a_daemon_that_dies_while_it_tries_cgroups_leaves_nobody_behind(self):
        world = self.world
        world.stop()
        trace = world.reeve.base / "trace"
        world.start(wrap=["strace", "-o", trace])
        world.stop()
        lines = trace.read_text(errors="replace").splitlines()
        birth = next((n for n, line in enumerate(lines) if line.startswith("clone3")
                      and "CLONE_INTO_CGROUP" in line), None)
        if birth is None:
            self.skipTest("there are no cgroups to be had")
        name = lines[birth + 1].partition("(")[0]
        number = injection.calls(lines[:birth + 2])[name]
        world.start(wrap=["strace", "-o", trace, "-e",
                          f"inject={name}:signal=SIGKILL:when={number}"], is_refused=True)
        until(lambda: not world.reeve.all_living(), "nothing outlives it", seconds=3)

    def test_a_lack_of_descriptors_at_the_start_is_told_and_is_no_bug(self):
        world = self.world
        world.stop()
        for call in ("eventfd2", "dup", "timerfd_create", "epoll_create1", "socket"):
            for number in (1, 2, 3):
                with self.subTest(call=call, number=number):
                    said = world.start(wrap=["strace", "-o", world.reeve.base / "trace", "-e",
                                             f"inject={call}:error=EMFILE:when={number}"],
                                       is_refused=True)
                    if said == b"ready\n":
                        world.stop()
                        continue
                    code = world.daemon.wait(20)
                    self.assertEqual(code, 1, world.last_words())
                    self.assertIn(b":", said, "it must say why")


if __name__ == "__main__":
    unittest.main()
