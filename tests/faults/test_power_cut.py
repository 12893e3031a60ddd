"""The power goes: what was acknowledged is there afterwards, and nothing is there by halves."""
import random
import unittest

import injection
import places
import processes
from harness import SystemTest
from processes import until
from test_random_kills import Load
from world import LONG, World, seed

CYCLES = 1000 if LONG else 25


@unittest.skipIf(places.why_not(), places.why_not())
class PowerCut(SystemTest):
    """The state directory stands on a disk that loses what was not synced."""

    allowed = ("reboot", "log")

    def setUp(self):
        self.seed = seed()
        self.chance = random.Random(self.seed)
        self.world = World(self)
        base = self.world.reeve.base
        self.disk = places.Disk(base, self.world.reeve.home)
        self.boot = places.BootId(base)
        self.world.reeve.last_acts.append(self.disk.unmount)
        (self.world.reeve.home / "config.toml").write_text("[capacity]\ncpus = 8\n")
        self.world.start()

    def cut(self, load=None):
        """The power goes, and with it all processes and cgroups; then the machine boots.

        What is acknowledged after that, by a daemon that has a moment more than its disk, nobody
        has heard. The kernel may call a write done whose journal it is just giving up.
        """
        with self.world.lock:
            heard = set(self.world.acknowledged)
        self.disk.cut()
        self.world.counts["cycles"] += 1
        self.world.kill()
        if load is not None:
            load.end()
        reeve = self.world.reeve
        for job in set(self.world.acknowledged) - heard:
            del self.world.acknowledged[job]

        def is_dead():
            for pid in reeve.oracle.pids():
                processes.kill(pid)
            return not reeve.oracle.living()
        until(is_dead, "all processes are gone with the machine")
        if reeve.place is not None:
            for directory in reeve.place.below():
                until(lambda path=directory: remove(path), f"{directory} is gone")
        until(self.is_off, "the disk is free")
        self.disk.mount()
        self.boot.reboot()

    def is_off(self):
        """Unmount; a process that has just died may still hold the disk."""
        try:
            self.disk.unmount()
        except OSError:
            return False
        return True

    def test_nothing_acknowledged_is_lost_at_random_moments(self):
        world = self.world
        load = None
        try:
            for _ in range(CYCLES):
                load = Load(world, self.chance.random())
                load.is_over.wait(self.chance.choice((0.02, 0.1, 0.3)) * self.chance.random())
                self.cut(load)
                world.start()
                check = world.check(allowed=self.allowed, is_whole=False)
                wrong = [text for text in check.wrong if text.startswith(("lost ack", "commands"))]
                self.assertEqual(wrong, [], f"after {world.counts['cycles']} cycles")
        finally:
            if load is not None:
                load.is_over.set()
        load.cancel_endless()
        world.settle(60)
        world.finish(title=f"power cuts, seed {self.seed}", allowed=self.allowed)

    @unittest.skipIf(injection.why_not(), injection.why_not())
    def test_results_that_were_not_synced_yet_are_not_published_after_the_power_cut(self):
        world = self.world
        publisher = injection.threads(world.pid())[1]
        with injection.Tracer(publisher, "trace=fsync", "inject=fsync:delay_enter=5000000",
                              output=world.reeve.base / "trace"):
            job = world.submit_kinds("results")[0]
            world.await_state(job, "finishing")
            # Another job's commits come after the one that names the target.
            other = world.submit_kinds("quick")[0]
            world.await_state(other, "completed")
            self.cut()
        world.start()
        world.settle(10)
        world.finish(title="power cut while results are synced", allowed=self.allowed)


def remove(directory):
    """Remove a cgroup in which nothing lives any more."""
    try:
        directory.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


if __name__ == "__main__":
    unittest.main()
