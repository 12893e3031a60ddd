"""Pids are given out again: whoever has the pid of something dead of ours is left alone.

The cases run in a pid namespace of their own, where the next pid can be chosen and where nobody
outside can be hit; it goes, with all that is in it, when its first process ends.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import unittest

from harness import IS_ROOT
from processes import PATIENCE

INSIDE = pathlib.Path(__file__).with_name("inside_pid_namespace.py")
LAST_PID = pathlib.Path("/proc/sys/kernel/ns_last_pid")


@unittest.skipUnless(IS_ROOT and shutil.which("unshare") and LAST_PID.exists(),
                     "needs root, unshare and a kernel that lets the next pid be chosen")
class PidReuse(unittest.TestCase):
    """Starts the cases of inside_pid_namespace.py."""

    def inside(self, tier):
        """Run all cases under one tier; they say themselves what is wrong."""
        done = subprocess.run(
            ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", sys.executable, "-B",
             INSIDE], env={**os.environ, "REEVE_FAULTS_TIER": tier}, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=120 * PATIENCE)
        text = done.stdout.decode(errors="replace")
        print(f"{tier}:", *[line for line in text.splitlines() if "survivors" in line], sep="\n  ")
        self.assertEqual(done.returncode, 0, text[-6000:])
        self.assertIn("Ran 4 tests", text)

    def test_strangers_survive_where_there_are_cgroups(self):
        self.inside("cgroup")

    def test_strangers_survive_where_there_are_none(self):
        self.inside("subreaper")


if __name__ == "__main__":
    unittest.main()
