"""The machine is what its tests take it for; else they would pass and prove nothing."""
import ctypes
import errno
import fcntl
import os
import pathlib
import unittest

import processes
from harness import NOBODY, SystemTest
from processes import until


class Machine(SystemTest):
    """The kernel, the cgroups and the witness."""

    def test_the_kernel_does_not_tell_the_exit_of_processes_that_are_not_ours(self):
        request = 0xC040FF0B  # PIDFD_GET_INFO, with the size of its first version
        pidfd = os.pidfd_open(os.getpid())
        self.addCleanup(os.close, pidfd)
        with self.assertRaises(OSError) as refused:
            fcntl.ioctl(pidfd, request, ctypes.create_string_buffer(64))
        self.assertEqual(refused.exception.errno, errno.ENOTTY)

    def test_the_programs_find_their_libraries(self):
        # Where this fails, prepare.sh has to name another package.
        self.assertEqual(self.reeve.run("--version").code, 0)

    def test_all_controllers_are_in_the_one_tree(self):
        self.assertEqual(processes.mounts("cgroup2"), [pathlib.Path("/sys/fs/cgroup")])
        controllers = pathlib.Path("/sys/fs/cgroup/cgroup.controllers").read_text().split()
        self.assertLessEqual({"memory", "pids", "cpu"}, set(controllers))
        for controller in controllers:
            self.assertEqual(processes.mounts("cgroup", controller), [])

    def test_root_and_an_ordinary_user_get_cgroups(self):
        for user in (None, NOBODY):
            with self.subTest(user=user):
                reeve = self.reeve_with(user=user)
                self.assertEqual(reeve.ended("--", "true")["containment"], "cgroup")

    def test_the_witness_sees_what_hides(self):
        reeve = self.reeve
        self.assertIsNotNone(reeve.oracle)
        job = reeve.shell("setsid sleep 300 & exec sleep 301")
        until(lambda: len(reeve.strangers()) == 2, "both are seen")
        reeve.ok("cancel", job)
        self.assertEqual(reeve.strangers(), set())


if __name__ == "__main__":
    unittest.main()
