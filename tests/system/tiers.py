"""The tiers of containment, as rows of one table that the tests go through.

What each of them guarantees is told in docs/containment.md; here stands how a test asks for one,
and how it knows that it got it.
"""
import dataclasses
import functools
import os
import subprocess

import processes
from harness import IS_ROOT, NOBODY, SystemTest
from programs import program

OWN_NAMESPACE = processes.link("/proc/self/ns/pid")


@dataclasses.dataclass(frozen=True)
class Tier:
    """How a job is held; `name` is what its field `containment` must tell."""

    name: str
    has_cgroups: bool
    is_isolated: bool

    @property
    def options(self):
        """What `submit` is told to get it."""
        return ["--isolate"] if self.is_isolated else []


CGROUP = Tier("cgroup", True, False)
SUBREAPER = Tier("subreaper", False, False)
NAMESPACE = Tier("namespace", False, True)
BOTH = Tier("cgroup+namespace", True, True)
OPEN = (CGROUP, SUBREAPER)  # A job in them can reach its keeper.
ISOLATED = (NAMESPACE, BOTH)
ALL = OPEN + ISOLATED


@functools.cache
def knows_isolation():
    """Whether the program under test has the option for isolated jobs at all."""
    helped = subprocess.run([program(), "submit", "--help"], stdout=subprocess.PIPE, check=True)
    return b"--isolate" in helped.stdout


def has_namespaces(reeve):
    """Whether the kernel lets the user of the program make the namespaces."""
    is_root = IS_ROOT and reeve.user is None
    tried = subprocess.run(["unshare", *([] if is_root else ["--user"]), "--pid", "--mount",
                            "--fork", "true"], preexec_fn=reeve.enter, check=False, cwd="/",
                           stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return tried.returncode == 0


def user_of(is_root):
    """The uid for the harness; an ordinary user tests as himself."""
    return None if is_root or not IS_ROOT else NOBODY


class TierTest(SystemTest):
    """A test that asks for the program in one tier after the other."""

    def setUp(self):
        """Nothing is started here; each test asks for the program as it needs it."""

    def contained(self, tier, user=None, **options):
        """The program in a tier of containment, or the test is skipped."""
        if user is not None and not IS_ROOT:
            self.skipTest("needs root to become another user")
        if tier.is_isolated and not knows_isolation():
            self.skipTest("this program has no --isolate")
        settings = {"config": "[capacity]\ncpus = 4\n", **options}
        # The hostile program refuses some attacks unless it sees that it is kept from others.
        settings["variables"] = {"HOSTILE_OUTSIDE": OWN_NAMESPACE, **options.get("variables", {})}
        reeve = self.reeve_with(tier="cgroup" if tier.has_cgroups else "subreaper", user=user,
                                **settings)
        if tier.is_isolated and not has_namespaces(reeve):
            self.skipTest("the kernel refuses namespaces here")
        got = reeve.ended(*tier.options, "--", "true")
        if tier.has_cgroups and "cgroup" not in got["containment"]:
            self.skipTest("there are no cgroups to be had here")
        self.assertEqual((got["state"], got["containment"]), ("completed", tier.name), got["error"])
        return reeve

    @staticmethod
    def alive(reeve):
        """The living processes of jobs, those included that execute the program itself.

        These are the first processes of the namespaces of isolated jobs.
        """
        inside = {pid for pid in reeve.all_living() if pid > 0 and
                  processes.link(f"/proc/{pid}/ns/pid") not in ("", OWN_NAMESPACE)}
        return reeve.strangers() | inside


def unused_uid():
    """A uid of which no process is, for jobs that kill all that they may."""
    taken = set()
    for pid in processes.all_pids():
        for line in processes.read(f"/proc/{pid}/status").splitlines():
            if line.startswith(b"Uid:"):
                taken.update(map(int, line.split()[1:]))
    return next(uid for uid in range(64100 + os.getpid() % 1000, 65500) if uid not in taken)
