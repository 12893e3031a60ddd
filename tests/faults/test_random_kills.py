"""Daemon and keepers are killed at random under load, and nothing is lost, doubled or untrue."""
import random
import threading
import time
import unittest

import processes
from harness import SystemTest
from world import LONG, World, seed

KINDS = ("quick", "quick", "fails", "slow", "crash", "results", "big", "retried", "endless")
SECONDS = 600 if LONG else 5


class Load:
    """Clients that submit and cancel all the time; each decides by a seed of its own."""

    def __init__(self, world, value, clients=2, pause=0.05, **options):
        self.world, self.pause, self.options = world, pause, options
        self.is_over = threading.Event()
        self.failures = []
        self.threads = [threading.Thread(target=self.run, args=(random.Random(f"{value} {n}"),))
                        for n in range(clients)]
        for thread in self.threads:
            thread.start()

    def run(self, chance):
        """The body of a client's thread; what goes wrong must fail the test."""
        try:
            while not self.is_over.is_set():
                self.submit(chance)
                self.is_over.wait(chance.uniform(0, self.pause))
        except Exception as error:  # pylint: disable=broad-except
            self.failures.append(repr(error))

    def submit(self, chance):
        """One request, and perhaps the wish that some of it ends."""
        kinds = [chance.choice(KINDS) for _ in range(chance.choice((1, 1, 2, 4)))]
        ids = self.world.submit(*[self.world.job(kind, **self.options) for kind in kinds])
        for job, kind in zip(ids or (), kinds):
            if kind == "endless" or chance.random() < 0.05:
                self.is_over.wait(chance.choice((0, 0, 0.1, 0.3)) * chance.random())
                self.world.cancel(job)

    def end(self):
        """Stop, and cancel again what nobody may have heard of."""
        self.is_over.set()
        for thread in self.threads:
            thread.join()
        if self.failures:
            raise AssertionError(f"clients failed: {self.failures}")

    def cancel_endless(self):
        """Those that were submitted, whether that was acknowledged or not, and not cancelled."""
        with self.world.client() as client:
            for job in client.call("selectJobs", unfinished=True)["ids"]:
                fields = client.call("getJobs", ids=[job])["jobs"][0]
                if fields["name"].startswith("endless"):
                    self.world.cancelled.add(fields["name"])
                    client.call("cancelJobs", ids=[job], grace_ms=100)


class RandomKills(SystemTest):
    """Who dies, and when, is drawn from a seed; what the machine does meanwhile is not."""

    def setUp(self):
        self.seed = seed()
        self.chance = random.Random(self.seed)

    def kill_for(self, world, seconds, acts):
        """Kill, and start again what must be started, for some seconds."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.chance.choice(acts)(world)
            pause = self.chance.choice((0, 0.02, 0.1, 0.3)) * self.chance.random()
            processes.watch(lambda: not world.is_running(), "the daemon died by itself", pause)

    def kill_daemon(self, world):
        """The daemon dies, and another one starts at once or a little later."""
        world.kill()
        threading.Event().wait(self.chance.choice((0, 0, 0.2)))
        world.start()

    def kill_keeper(self, world):
        """One keeper dies, the daemon lives."""
        keepers = world.keepers()
        if keepers:
            processes.kill(self.chance.choice(sorted(keepers)))
            world.counts["keepers killed"] += 1

    def kill_both(self, world):
        """Some keepers and the daemon die, in any order."""
        victims = [world.daemon.pid] + world.keepers()[:3]
        self.chance.shuffle(victims)
        for pid in victims:
            processes.kill(pid)
        world.counts["keepers killed"] += len(victims) - 1
        world.kill()
        world.start()

    def run_with(self, title, acts, *, allowed=(), **options):
        """Load and kills, then quiet, then the truth."""
        world = World(self, **options)
        world.start()
        load = Load(world, self.seed)
        try:
            self.kill_for(world, SECONDS, acts)
        finally:
            load.end()
        load.cancel_endless()
        world.settle(60)
        world.finish(title=f"{title}, seed {self.seed}", allowed=allowed)

    def test_the_daemon(self):
        self.run_with("daemon killed at random", [self.kill_daemon])

    def test_keepers(self):
        self.run_with("keepers killed at random", [self.kill_keeper], allowed=("lost", "log"))

    def test_both(self):
        self.run_with("both killed at random", [self.kill_daemon, self.kill_keeper, self.kill_both],
                      allowed=("lost", "log"))

    def test_both_without_cgroups(self):
        self.run_with("both killed at random, subreaper",
                      [self.kill_daemon, self.kill_keeper, self.kill_both],
                      allowed=("lost", "log"), tier="subreaper")


if __name__ == "__main__":
    unittest.main()
