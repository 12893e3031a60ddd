"""Pids that are given out again, as test_pid_reuse.py runs it: in a pid namespace of its own."""
import os
import pathlib
import signal
import subprocess
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "system")]

import processes  # pylint: disable=wrong-import-position
from harness import SystemTest  # pylint: disable=wrong-import-position
from processes import until  # pylint: disable=wrong-import-position
from world import World  # pylint: disable=wrong-import-position

LAST_PID = pathlib.Path("/proc/sys/kernel/ns_last_pid")


class Inside(SystemTest):
    """Cases of reuse, under the tier of containment that the environment names."""

    def setUp(self):
        self.strangers, self.killed = [], set()
        self.world = World(self, tier=os.environ["REEVE_FAULTS_TIER"])
        self.world.start()
        self.addCleanup(self.end_strangers)

    def end_strangers(self):
        """They are ours to end."""
        for stranger in self.strangers:
            stranger.kill()
            stranger.wait()

    def stranger_at(self, pid):
        """A process of nobody that has this pid now."""
        def taken():
            LAST_PID.write_text(str(pid - 1))
            stranger = subprocess.Popen(["sleep", "1000"], start_new_session=True,
                                        stdin=subprocess.DEVNULL)
            if stranger.pid == pid:
                self.strangers.append(stranger)
                return True
            stranger.kill()
            stranger.wait()
            return False
        until(taken, f"the pid {pid} is given out again", seconds=5)

    def kill_all(self):
        """Kill the keepers and all of their jobs; whoever lives or is not reaped keeps its
        session's pid, which is that of the keeper."""
        self.killed |= {*self.world.keepers(), *self.world.reeve.strangers()}
        for pid in self.killed:
            processes.kill(pid)

    def running(self):
        """A running job; its id, its keeper and its main process."""
        job = self.world.submit_kinds("endless")[0]
        main = self.world.await_state(job, "running")["main_pid"]
        return job, processes.parent_of(main), main

    def wait_gone(self, *pids):
        """Wait until pids are free."""
        def are_gone():
            for pid in self.killed | set(pids):
                try:
                    os.waitpid(pid, os.WNOHANG)
                except ChildProcessError:
                    pass
            return not any(os.path.exists(f"/proc/{pid}") for pid in self.killed | set(pids))
        until(are_gone, f"the pids {pids} are free", seconds=5)

    def settle_with_canaries(self, *states):
        """All ends, and nobody who is not ours was touched."""
        self.world.settle(10)
        for stranger in self.strangers:
            self.assertIsNone(stranger.poll(), f"the stranger {stranger.pid} was killed")
        self.world.finish(title=self.id().rpartition("test_")[2], allowed=states)

    def test_dead_keeper_while_the_daemon_lives(self):
        job, keeper, main = self.running()
        daemon = self.world.daemon.pid
        os.kill(daemon, signal.SIGSTOP)
        self.kill_all()
        os.kill(daemon, signal.SIGCONT)
        self.world.await_state(job, "lost", "failed")
        self.wait_gone(keeper, main)
        self.stranger_at(keeper)
        self.stranger_at(main)
        self.world.cancel(self.running()[0])
        self.settle_with_canaries("lost", "killed", "log")

    def test_dead_keeper_and_daemon(self):
        _, keeper, main = self.running()
        self.world.kill()
        self.kill_all()
        self.wait_gone(keeper, main)
        self.stranger_at(keeper)
        self.stranger_at(main)
        self.world.start()
        self.settle_with_canaries("lost", "log")

    def test_dead_daemon(self):
        job, _, _ = self.running()
        daemon = self.world.daemon.pid
        self.world.kill()
        self.wait_gone(daemon)
        self.stranger_at(daemon)
        self.world.start()
        self.world.cancel(job)
        self.settle_with_canaries()

    def test_an_adopted_keeper(self):
        job, keeper, main = self.running()
        self.world.kill()
        self.world.start()
        self.world.await_state(job, "running")
        os.kill(self.world.daemon.pid, signal.SIGSTOP)
        self.kill_all()
        self.wait_gone(keeper, main)
        self.stranger_at(keeper)
        self.stranger_at(main)
        with self.world.lock:
            self.world.cancelled.add(self.world.acknowledged[job])
        os.kill(self.world.daemon.pid, signal.SIGCONT)
        self.world.cancel(job)
        self.settle_with_canaries("lost", "killed", "log")


if __name__ == "__main__":
    unittest.main()
