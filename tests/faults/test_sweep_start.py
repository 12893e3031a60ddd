"""The daemon is killed, or refused something, at each system call of its start and recovery."""
import unittest

import injection
from harness import SystemTest
from sweeping import PATIENCE_SECONDS, Sweep

KILLS = ("pwrite64", "fdatasync", "write", "openat", "fcntl", "mkdir", "unlink", "rmdir", "clone3",
         "fallocate", "mknodat", "sendmsg", "pidfd_open", "pread64", "bind", "ftruncate",
         "renameat2", "read", "kill", "pidfd_send_signal", "epoll_ctl")
ERRORS = {
    "pwrite64": ("EIO", "ENOSPC"), "fdatasync": ("EIO",), "openat": ("EMFILE",),
    "fcntl": ("ENOLCK", "EMFILE"), "mkdir": ("ENOSPC",), "fallocate": ("ENOSPC",),
    "pread64": ("EIO",), "bind": ("EACCES",), "listen": ("EACCES",), "clone3": ("EAGAIN",),
    "pidfd_open": ("EMFILE",), "dup": ("EMFILE",), "timerfd_create": ("EMFILE",),
    "epoll_create1": ("EMFILE",), "eventfd2": ("EMFILE",), "socket": ("EMFILE",),
    "getdents64": ("EIO",), "ftruncate": ("EIO",), "unlink": ("EIO",)}


@unittest.skipIf(injection.why_not(), injection.why_not())
class SweepStart(SystemTest):
    """A daemon that finds living keepers, ended jobs, results to publish, and waiting jobs."""

    def setUp(self):
        pass

    def leave_behind(self, world):
        """A daemon dies and leaves jobs in all states, some of which end without it."""
        world.gate.unlink(missing_ok=True)
        world.submit_kinds("gated", "slow", "results", "fails")
        jobs = world.submit_kinds("gated", "endless")
        for job in jobs:
            world.await_state(job, "running")
        world.submit(*[world.job("quick", demand={"cpus": 6}) for _ in range(2)])
        world.cancel(jobs[1])
        world.kill()
        world.gate.touch()

    def begin(self, world, *expressions):
        """Start the daemon under strace, whatever comes of it, and return what strace wrote."""
        trace = world.reeve.base / "trace"
        words = ["strace", "-o", trace]
        for expression in expressions:
            words += ["-e", expression]
        said = world.start(wrap=words, is_refused=True)
        if said != b"ready\n":
            world.daemon.wait(20)
        return trace, said

    def first_calls(self, sweep, kinds):
        """By kind: how many calls the loader makes before the program's own, and all."""
        world = sweep.fresh()
        world.start()
        self.leave_behind(world)
        trace, _ = self.begin(world, "trace=all")
        world.settle(PATIENCE_SECONDS)
        world.kill()
        lines = trace.read_text(errors="replace").splitlines()
        own = next(n for n, line in enumerate(lines) if "daemon.lock" in line)
        loader, every = injection.calls(lines[:own]), injection.calls(lines)
        return {kind: (loader[kind], every[kind]) for kind in kinds}

    def sweep(self, title, kinds, *, points_max, allowed=()):
        """Each call of each kind from the lock of the state directory on."""
        sweep = Sweep(self, title, points_max=points_max, allowed=allowed)
        found = self.first_calls(sweep, kinds)
        for kind, faults in kinds.items():
            before, count = found[kind]
            for fault in faults:
                for number in range(before + 1, count + 1, sweep.stride(count - before)):
                    if not sweep.is_hopeless():
                        self.point(sweep, kind, fault, number)
        sweep.finish()

    def point(self, sweep, kind, fault, number):
        """One start with one fault, then another one without."""
        point = f"{kind} {number} {fault}"
        sweep.points += 1
        world = sweep.next_world()
        try:
            self.leave_behind(world)
            self.begin(world, f"trace={kind}", f"inject={kind}:{fault}:when={number}")
        except AssertionError as error:
            sweep.give_up_on(point, error)
            return
        sweep.settle_and_check(point, may_die=True)

    def test_killed_at_each_call_of_a_start(self):
        self.sweep("start killed", {kind: ("signal=SIGKILL",) for kind in KILLS}, points_max=3)

    def test_refused_at_each_call_of_a_start(self):
        kinds = {kind: [f"error={word}" for word in words] for kind, words in ERRORS.items()}
        self.sweep("start refused", kinds, points_max=2, allowed=("launch_error",))


if __name__ == "__main__":
    unittest.main()
