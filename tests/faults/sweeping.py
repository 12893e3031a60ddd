"""The loop of all sweeps: the N-th call of a kind, for each N until a run passes untouched."""
import signal

from checkers import exit_word
from world import LONG, World

# A disk that failed is tried again after 1 s, a launch five times within 3.2 s.
PATIENCE_SECONDS = 6
HANGS_MAX = 2  # Each costs much time, and more of them tell nothing new.
BATCHES = (("results", "fails", "big"), ("quick", "crash"))


class Sweep:
    """Runs rounds at one fault point after the other, and collects what was wrong."""

    def __init__(self, test, title, *, points_max, allowed=(), world=None):
        self.test, self.title, self.allowed = test, title, allowed
        self.points_max = 10**9 if LONG else points_max
        self.make_world = world or (lambda: World(test))
        self.world = None
        self.hangs = 0
        self.points = self.deaths = self.jobs = self.acknowledged = 0
        self.wrong = []

    def fresh(self):
        """A world for the next points; the last one is checked as a whole first."""
        self.conclude_world()
        self.world = self.make_world()
        return self.world

    def next_world(self):
        """The world of the last points, if it is whole and not grown too large, with a daemon."""
        if self.world is None or len(self.world.attempted) > 200:
            self.fresh()
        if not self.world.is_running():
            self.world.start()
        return self.world

    def stride(self, count):
        """The distance of the points that are taken of `count`, so that they stay affordable."""
        return max(1, -(-count // self.points_max))

    def settle_and_check(self, point, may_die):
        """What follows each point: first without help, then after a restart."""
        world = self.world
        try:
            if world.is_running():
                world.settle(PATIENCE_SECONDS, may_die=may_die)
            code = world.daemon.wait(20) if not world.is_running() else None
            if code not in (None, -signal.SIGKILL) and not (may_die and code in (1, 75)):
                self.wrong.append(f"{point}: the daemon ended with {exit_word(code)}:"
                                  f" {world.last_words()}")
            if code is None:
                world.kill()
            else:
                self.deaths += 1
            world.start()
            world.settle(PATIENCE_SECONDS)
            self.look(point, world.check(allowed=self.allowed, is_whole=False))
        except AssertionError as error:
            self.give_up_on(point, error)

    def is_hopeless(self):
        """Whether so many points hung that the rest is left out, which is a failure as well."""
        return self.hangs >= HANGS_MAX

    def look(self, point, check):
        """Note what a check found; what is spoilt is not used for the next point."""
        if check.wrong:
            self.wrong += [f"{point}: {text}" for text in check.wrong[:3]]
            self.count(check)
            self.world.reeve.is_broken = True
            self.world = None

    def give_up_on(self, point, error):
        """Note that something hangs or fell over, and leave it."""
        self.wrong.append(f"{point}: {error}")
        self.hangs += 1
        self.world.reeve.is_broken = True
        self.world = None

    def count(self, check):
        """Add the numbers of a world that is left."""
        self.jobs += check.counts["jobs"]
        self.acknowledged += check.counts["acknowledged"]

    def conclude_world(self):
        """The whole check of a world that is left, if there is one."""
        if self.world is None:
            return
        try:
            if not self.world.is_running():
                self.world.start()
            check = self.world.check(allowed=self.allowed)
            self.count(check)
            self.wrong += [f"at the end: {text}" for text in check.wrong[:5]]
        except AssertionError as error:
            self.wrong.append(f"at the end: {error}")
        self.world.close()
        self.world = None

    def finish(self):
        """Print the counts, and fail with all that was wrong."""
        self.conclude_world()
        print(f"{self.title}: {self.points} points, {self.deaths} deaths, {self.jobs} jobs,"
              f" {self.acknowledged} acknowledged, {len(self.wrong)} wrong", flush=True)
        count = len(self.wrong)
        if self.is_hopeless():
            self.wrong.append("two points hung: what would have followed was left out")
        if self.wrong:
            raise AssertionError(f"{self.title}: {count} things wrong at {self.points} points:\n  "
                                 + "\n  ".join(self.wrong[:40]))
