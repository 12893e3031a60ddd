"""The machine refuses descriptors and processes; the daemon goes on, and says what is true."""
import resource
import socket
import unittest

import processes
from harness import IS_ROOT, SystemTest
from processes import until
from wire import Lost, Refused
from world import World

STRANGER = 61_234  # The kernel counts a user's processes: one that nobody else is.


def limit(which, number):
    """What a process does to itself before it becomes the daemon."""
    return lambda: resource.setrlimit(which, (number, number))


def cpu_ticks(pid):
    """The CPU time that a process has used."""
    stat = processes.fields(processes.read(f"/proc/{pid}/stat"))
    return int(stat[11]) + int(stat[12])


class Descriptors(SystemTest):
    """prlimit --nofile: too few for all that is wished for."""

    config = "[capacity]\ncpus = 64\n"

    def setUp(self):
        self.world = World(self, config=self.config)

    def test_many_clients_are_served_later_and_jobs_go_on(self):
        world = self.world
        world.start(before=limit(resource.RLIMIT_NOFILE, 48))
        world.submit_kinds("slow", "gated")
        clients = [socket.socket(socket.AF_UNIX) for _ in range(100)]
        try:
            for client in clients:
                client.settimeout(5)
                client.connect(str(world.reeve.home / "reeve.sock"))
            before = cpu_ticks(world.daemon.pid)
            processes.watch(lambda: not world.is_running(), "the daemon died", 1)
            self.assertLess(cpu_ticks(world.daemon.pid) - before, 30, "it spins, in 1/100 s")
            world.gate.touch()
        finally:
            for client in clients:
                client.close()
        world.submit_kinds("results", "quick")
        world.settle(10)
        world.finish(title="100 clients for 48 descriptors", allowed=("launch_error",))

    def test_more_jobs_than_descriptors_start_later_or_are_told_as_failed(self):
        world = self.world
        world.start(before=limit(resource.RLIMIT_NOFILE, 48))
        for _ in range(5):
            world.submit_kinds(*["slow"] * 8, "results", "results")
        world.settle(20)
        world.submit_kinds("results", "quick")
        world.settle(10)
        world.finish(title="50 jobs for 48 descriptors", allowed=("launch_error", "publish_error"))

    def test_more_keepers_than_descriptors_are_adopted_or_the_start_is_refused_in_good_time(self):
        world = self.world
        world.start()
        for job in world.submit_kinds(*["gated"] * 40):
            world.await_state(job, "running")
        world.kill()
        said = world.start(before=limit(resource.RLIMIT_NOFILE, 40), is_refused=True, seconds=10)
        if said == b"ready\n":
            world.kill()
        else:
            self.assertIn(b"open files", said, world.last_words())
        world.start()
        world.gate.touch()
        world.settle(10)
        world.finish(title="40 keepers for 40 descriptors")


@unittest.skipUnless(IS_ROOT, "needs a second user, since root has no limit on processes")
class Processes(SystemTest):
    """prlimit --nproc, as another user."""

    def setUp(self):
        self.world = World(self, user=STRANGER, config="[capacity]\ncpus = 64\n")

    def test_jobs_that_find_no_process_start_later_or_are_told_as_failed(self):
        world = self.world
        world.start(before=limit(resource.RLIMIT_NPROC, 16))
        for _ in range(3):
            world.submit_kinds(*["slow"] * 6)
        world.settle(30)
        world.submit_kinds("results", "quick")
        world.settle(10)
        # A shell that can't fork tells so by its own exit code, and in its log.
        world.finish(title="18 jobs for 16 processes", allowed=("launch_error", "log", "no fork"))

    def test_a_daemon_that_may_have_no_second_thread_says_so(self):
        said = self.world.start(before=limit(resource.RLIMIT_NPROC, 1), is_refused=True)
        if said != b"ready\n":
            code = self.world.daemon.wait(20)
            self.assertEqual(code, 1, self.world.last_words())
            self.assertIn(b"temporarily unavailable", said)


class Frames(SystemTest):
    """Clients that go away in the middle of a request, or send nonsense."""

    def setUp(self):
        self.world = World(self)
        self.world.start()

    def test_a_half_request_is_no_submission_and_harms_nobody(self):
        world = self.world
        for data in (b"\x10", b"\xff\xff\xff\x7f", b"\x10\x00\x00\x00{", b"\x02\x00\x00\x00{}",
                     b"\x00\x00\x00\x00", b"\x04\x00\x00\x00null", b"\x00" * 4096):
            client = world.client()
            client.socket.sendall(data)
            client.socket.close()
        with world.client() as client:
            self.assertRaises((Refused, Lost), client.call, "noSuchThing")
        world.submit_kinds("quick")
        world.settle(5)
        until(world.is_running, "the daemon lives")
        world.finish(title="nonsense")


if __name__ == "__main__":
    unittest.main()
