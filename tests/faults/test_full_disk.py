"""No space: nothing acknowledged is lost, what is told is true, and it goes on by itself."""
import random
import unittest

import places
from harness import NOBODY, SystemTest
from processes import until
from test_random_kills import Load
from wire import Lost, Refused
from world import LONG, World, seed

CYCLES = 60 if LONG else 2


@unittest.skipIf(places.why_not(), places.why_not())
class FullDisk(SystemTest):
    """Small file systems below a daemon that is under load."""

    def setUp(self):
        self.seed = seed()
        self.chance = random.Random(self.seed)

    def world_on(self, name, size, **options):
        """A daemon whose directory of a name, or as a whole, has so little space."""
        world = World(self, **options)
        place = world.reeve.home / name if name else world.reeve.home
        config = (world.reeve.home / "config.toml").read_text()
        places.small(place, size, world.reeve.user)
        world.reeve.last_acts.append(lambda: places.run("umount", "-l", place))
        (world.reeve.home / "config.toml").write_text(config)
        world.start()
        return world, place

    def fill_and_free(self, world, place):
        """Load, no space for a while, and space again, some times."""
        load = Load(world, self.seed, pause=0.08)
        try:
            for _ in range(CYCLES):
                load.is_over.wait(0.3)
                ballast = places.fill(place)
                load.is_over.wait(self.chance.uniform(0.3, 1.2))
                ballast.unlink()
                world.counts["cycles"] += 1
                load.is_over.wait(1.2)  # It looks once a second whether it can write again.
        finally:
            load.end()
        load.cancel_endless()

    def test_for_the_state(self):
        world, place = self.world_on("", "24m")
        self.fill_and_free(world, place)
        world.settle(30)
        world.finish(title=f"state full, seed {self.seed}",
                     allowed=("launch_error", "publish_error", "log"))

    def test_for_the_state_and_the_daemon_dies(self):
        world, place = self.world_on("", "24m")
        load = Load(world, self.seed, pause=0.08)
        try:
            for _ in range(CYCLES):
                load.is_over.wait(0.3)
                ballast = places.fill(place)
                load.is_over.wait(self.chance.uniform(0, 0.5))
                world.kill()
                if world.start(is_refused=True) != b"ready\n":
                    world.daemon.wait(20)  # A start may be refused, until there is space.
                ballast.unlink()
                if not world.is_running():
                    world.start()
                world.counts["cycles"] += 1
        finally:
            load.end()
        load.cancel_endless()
        world.settle(30)
        world.finish(title=f"state full and daemon killed, seed {self.seed}",
                     allowed=("launch_error", "publish_error", "log"))

    def test_for_the_logs(self):
        world, place = self.world_on("logs", "1m")
        self.fill_and_free(world, place)
        world.settle(30)
        world.finish(title=f"logs full, seed {self.seed}", allowed=("log",))

    def test_for_the_results(self):
        world, place = self.world_on("results", "2m")
        self.fill_and_free(world, place)
        world.settle(30)
        # A job that could not write its results says so in its log, and with its exit code.
        world.finish(title=f"results full, seed {self.seed}",
                     allowed=("launch_error", "publish_error", "log"))

    def test_for_the_results_of_an_ordinary_user(self):
        world, place = self.world_on("results", "2m", user=NOBODY)
        self.fill_and_free(world, place)
        world.settle(30)
        world.finish(title=f"results full, ordinary user, seed {self.seed}",
                     allowed=("launch_error", "publish_error", "log"))

    def test_a_full_disk_is_told_and_no_longer_when_there_is_space(self):
        world, place = self.world_on("", "16m")
        ballast = places.fill(place)
        for _ in range(200):
            if world.submit(world.job("quick", hold=True, environment={"X": "x" * 50_000})) is None:
                break
        self.assertGreater(world.counts["refused: full"], 0, world.counts)
        with world.client() as client:
            self.assertIsNotNone(client.call("getStatus")["degraded"])
        ballast.unlink()

        def is_well():
            try:
                with world.client() as client:
                    return client.call("getStatus")["degraded"] is None
            except (Lost, Refused):
                return False
        until(is_well, "the daemon says that all is well again", seconds=5)
        with world.client() as client:
            ids = client.call("selectJobs", unfinished=True)["ids"]
            client.call("releaseJobs", ids=ids)
        world.settle(20)
        world.finish(title="full and told")


if __name__ == "__main__":
    unittest.main()
