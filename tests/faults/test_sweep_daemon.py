"""The daemon is killed, or refused something, at each system call from submission to end."""
import unittest

import injection
from harness import SystemTest
from sweeping import BATCHES, PATIENCE_SECONDS, Sweep

# Everything that changes something outside of the daemon's memory, or asks the kernel for more.
MAIN_KILLS = ("pwrite64", "fdatasync", "write", "clone3", "sendmsg", "memfd_create", "mkdir",
              "renameat2", "rmdir", "openat", "fcntl", "socketpair", "sendto", "pread64", "read",
              "recvfrom", "accept", "epoll_wait", "unlink")
PUBLISHER_KILLS = ("fsync", "renameat2", "rename", "symlink", "unlink", "openat", "write", "mkdir")
MAIN_ERRORS = {
    "pwrite64": ("EIO", "ENOSPC"), "fdatasync": ("EIO",), "write": ("ENOSPC",),
    "clone3": ("EAGAIN", "ENOMEM"), "sendmsg": ("ENOBUFS", "EAGAIN"), "memfd_create": ("EMFILE",),
    "mkdir": ("ENOSPC",), "renameat2": ("EIO",), "openat": ("EMFILE", "EIO"),
    "fcntl": ("ENOLCK",), "socketpair": ("EMFILE",), "accept": ("EMFILE",),
    "pread64": ("EIO",), "pidfd_open": ("EMFILE",), "fallocate": ("ENOSPC",),
    "getdents64": ("EIO",), "epoll_ctl": ("ENOMEM",), "rmdir": ("EBUSY",)}
PUBLISHER_ERRORS = {
    "fsync": ("EIO", "ENOSPC"), "renameat2": ("EIO", "ENOSPC"), "rename": ("ENOSPC",),
    "symlink": ("ENOSPC",), "openat": ("EMFILE", "EIO"), "mkdir": ("ENOSPC",),
    "getdents64": ("EIO",), "newfstatat": ("EIO",)}


@unittest.skipIf(injection.why_not(), injection.why_not())
class SweepDaemon(SystemTest):
    """One thread of the daemon, from a submission to the end of its jobs."""

    def setUp(self):
        pass  # Each sweep makes its own directories.

    def counts(self, sweep, is_publisher):
        """How many calls of each kind a round has."""
        world = sweep.fresh()
        world.start()
        with self.tracer(world, is_publisher, "trace=all") as tracer:
            self.submit(world)
        return injection.calls(tracer.lines())

    def tracer(self, world, is_publisher, *expressions):
        """A tracer on one of the two threads of a daemon."""
        thread = injection.threads(world.pid())[1 if is_publisher else 0]
        return injection.Tracer(thread, *expressions, output=world.reeve.base / "trace")

    def submit(self, world):
        """The round: jobs of all kinds, the second time with keepers that are idle."""
        for kinds in BATCHES:
            world.submit_kinds(*kinds)
            if not world.settle(PATIENCE_SECONDS, may_die=True):
                return

    def sweep(self, title, kinds, *, is_publisher=False, points_max, allowed=()):
        """Put a fault into each call of each kind; a kind's value says which."""
        sweep = Sweep(self, title, points_max=points_max, allowed=allowed)
        counts = self.counts(sweep, is_publisher)
        for kind, faults in kinds.items():
            for fault in faults:
                if sweep.is_hopeless():
                    break
                self.sweep_kind(sweep, kind, fault, is_publisher, sweep.stride(counts[kind]))
        sweep.finish()

    def sweep_kind(self, sweep, kind, fault, is_publisher, stride):
        """One kind of call and one fault: N rises until a round passes untouched."""
        number = 1
        while not sweep.is_hopeless():
            point = f"{kind} {number} {fault}"
            world = sweep.next_world()
            with self.tracer(world, is_publisher, f"trace={kind}",
                             f"inject={kind}:{fault}:when={number}") as tracer:
                try:
                    self.submit(world)
                except AssertionError as error:
                    sweep.give_up_on(point, error)
            if sweep.world is not None and world.is_running() \
                    and not any("(INJECTED)" in line for line in tracer.lines()):
                return
            sweep.points += 1
            if sweep.world is not None:
                sweep.settle_and_check(point, may_die="signal" in fault)
            number += stride

    def test_killed_at_each_call_of_the_main_thread(self):
        self.sweep("daemon killed, main thread",
                   {kind: ("signal=SIGKILL",) for kind in MAIN_KILLS}, points_max=4)

    def test_killed_at_each_call_of_the_publisher(self):
        self.sweep("daemon killed, publisher",
                   {kind: ("signal=SIGKILL",) for kind in PUBLISHER_KILLS},
                   is_publisher=True, points_max=6)

    def test_refused_at_each_call_of_the_main_thread(self):
        kinds = {kind: [f"error={word}" for word in words] for kind, words in MAIN_ERRORS.items()}
        self.sweep("daemon refused, main thread", kinds, points_max=3, allowed=("launch_error",))

    def test_refused_at_each_call_of_the_publisher(self):
        kinds = {kind: [f"error={word}" for word in words]
                 for kind, words in PUBLISHER_ERRORS.items()}
        self.sweep("daemon refused, publisher", kinds, is_publisher=True, points_max=6,
                   allowed=("publish_error",))


if __name__ == "__main__":
    unittest.main()
