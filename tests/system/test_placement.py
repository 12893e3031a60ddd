"""Where the daemon and its jobs stand among the cgroups, and what a restart elsewhere finds."""
import signal
import unittest

import processes
from harness import IS_ROOT, NOBODY, SystemTest
from processes import until


def cgroup_of(pid):
    """The path of a process within the cgroup-v2 tree."""
    for line in processes.read(f"/proc/{pid}/cgroup").decode().splitlines():
        if line.startswith("0::"):
            return line[3:]
    return ""


@unittest.skipUnless(IS_ROOT, "needs root to make cgroups for the tests")
class Placement(SystemTest):
    """Cgroups of the daemon, its keepers and its jobs."""

    def setUp(self):
        super().setUp()
        if self.reeve.place is None or self.reeve.ended("--", "true")["containment"] != "cgroup":
            self.skipTest("there are no cgroups to be had here")
        self.reeve.ok("daemon", "stop")

    def elsewhere(self):
        """From here on commands run in another cgroup; the one before goes with the test."""
        self.addCleanup(self.reeve.place.remove)
        self.reeve.place = processes.Cgroup.make("cgroup2")

    def unmarked(self):
        """Start a job whose processes carry no mark; its id, its pid, and its keeper."""
        job = self.reeve.shell("exec env -i /bin/sh -c 'echo $$; sleep 600 & wait'")
        pid = int(self.reeve.logged(job, "\n"))
        return job, pid, processes.parent_of(pid)

    def test_a_daemon_restarted_elsewhere_finds_the_cgroups_of_adopted_jobs(self):
        job, pid, keeper = self.unmarked()
        home = cgroup_of(pid)
        self.assertIn("/reeve-", home)
        self.reeve.kill_daemon()
        self.elsewhere()
        self.reeve.ok("daemon", "start")
        self.assertEqual(cgroup_of(pid), home)
        processes.kill(keeper)
        fields = self.reeve.in_state(job, "lost")
        self.assertEqual(fields["reason"], "keeper_died")
        self.assertFalse(self.reeve.strangers())

    def test_nothing_survives_when_daemon_and_keeper_die_and_the_next_daemon_is_elsewhere(self):
        job, _, keeper = self.unmarked()
        daemon = self.reeve.daemon_pid()
        processes.kill(daemon, signal.SIGSTOP)
        processes.kill(keeper)
        processes.kill(daemon)
        until(lambda: not processes.is_alive(daemon), "the daemon is dead")
        self.assertTrue(self.reeve.strangers())
        first = self.reeve.place
        self.elsewhere()
        self.reeve.in_state(job, "lost")
        self.assertFalse(self.reeve.strangers())
        self.reeve.ok("daemon", "stop")
        until(lambda: not first.below(), "the pool of the first daemon is removed")

    def test_jobs_in_two_places_have_cgroups_of_their_own(self):
        first, pid, _ = self.unmarked()
        self.reeve.kill_daemon()
        self.elsewhere()
        second, other, _ = self.unmarked()
        self.assertNotEqual(cgroup_of(pid), cgroup_of(other))
        self.reeve.ok("cancel", first)
        self.assertTrue(processes.is_alive(other))
        self.assertEqual(self.reeve.show(second)["state"], "running")

    def test_a_daemon_with_a_cgroup_of_its_own_leaves_it_empty(self):
        reeve = self.reeve_with(user=NOBODY, tier="cgroup")
        with reeve.popen("daemon", "run", "--delegated") as daemon:
            until(lambda: reeve.daemon_pid() == daemon.pid, "the daemon is ready")
            job = reeve.shell("echo $$; sleep 600")
            pid = int(reeve.logged(job, "\n"))
            own = "/" + str(reeve.place.path.relative_to(processes.mounts("cgroup2")[0]))
            self.assertEqual(cgroup_of(daemon.pid), own + "/reeve-daemon")
            self.assertEqual(cgroup_of(processes.parent_of(pid)), own + "/reeve-daemon")
            self.assertRegex(cgroup_of(pid), own + "/reeve-[0-9a-f]{8}/a[0-9]+$")
            self.assertEqual(reeve.place.pids(), set())
            daemon.send_signal(signal.SIGTERM)
            self.assertEqual(daemon.wait(30), 0)
        self.assertTrue(processes.is_alive(pid))
        with reeve.popen("daemon", "run", "--delegated") as daemon:
            until(lambda: reeve.daemon_pid() == daemon.pid, "the second daemon is ready")
            self.assertEqual(cgroup_of(daemon.pid), own + "/reeve-daemon")
            reeve.ok("cancel", job)
            self.assertEqual(reeve.show(job)["state"], "cancelled")
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(30)
        until(lambda: not reeve.place.below(), "it takes its cgroups away")


if __name__ == "__main__":
    unittest.main()
