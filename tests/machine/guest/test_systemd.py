"""Below systemd: units, user managers, sessions and what their ends do to jobs.

A logout ends what alice's sessions leave (KillUserProcesses=yes) but nothing of bob's. Alice has a
user manager while she is not logged in (linger), bob has not.
"""
import re
import time
import unittest

import processes
from people import ALICE, BOB, REEVE, ROOT, TERMINAL, Login, cgroup_of
from processes import until

# Systemd waits 90 s for what ignores SIGTERM; on the slowest machine others are gone before this.
PATIENT_STOP = 75
GATED = "echo $$; until test -e {go}; do sleep 0.1; done; exit 7"


class SystemdTest(unittest.TestCase):
    """Queues that are closed at the end of the test, in state directories of their own."""

    def setUp(self):
        ALICE.linger()
        self.name = self.id().rsplit(".", 1)[1][:40].strip("_")

    def home_of(self, person):
        """A new state directory's path below the home of a person."""
        return person.home / self.name

    def gate(self, person):
        """A script that ends with 7 once the returned path exists."""
        path = person.home / f"go-{self.name}"
        return GATED.format(go=path), path

    def unit_with_daemon(self, person, more=""):
        """A running unit whose main process is a daemon; returns its name and its queue."""
        home, unit = self.home_of(person), f"hand-{self.name.replace('_', '-')}.service"
        person.write_unit(unit, home, more)
        self.addCleanup(person.systemctl, "stop", unit, check=False)
        queue = person.queue(home)
        self.addCleanup(queue.close)
        person.systemctl("start", unit)
        queue.ready()
        return unit, queue

    def assert_killed(self, fields):
        """Check that a job which systemd killed, at once with its keeper, is told truthfully.

        Who dies first is chance: the keeper may have been there to see its job die.
        """
        self.assertIn((fields["state"], fields["reason"], fields["signal"]), (
            ("lost", "keeper_died", None), ("failed", "signal", "SIGTERM"),
            ("failed", "signal", "SIGKILL"), ("failed", "signal", "SIGHUP")), fields)
        print(f"the job: {fields['state']} {fields['reason']} {fields['signal']}")

    def login(self, person, queue):
        """A login in which commands reach the queue, and in which they may start its daemon."""
        session = Login(person)
        self.addCleanup(session.close)
        session.type(f"export REEVE_HOME={queue.variables['REEVE_HOME']}")
        return session

    def submit_in(self, session, script):
        """Submit a script as one does at a terminal, and return its job's id."""
        quoted = script.replace("'", "'\\''")
        said = session.type(f"{REEVE} submit -- sh -c '{quoted}'", seconds=30)
        numbers = [line for line in said.splitlines() if line.strip().isdigit()]
        self.assertEqual(len(numbers), 1, said)
        return int(numbers[0])


class Units(SystemdTest):
    """The daemon as a service: delegation, and restarts that leave jobs."""

    def has_cgroups(self, person, manager):
        """A daemon in a unit that delegates has the strong tier, below its own unit."""
        unit, queue = self.unit_with_daemon(person)
        self.assertEqual(queue.status()["containment"], "cgroup", queue.status())
        job = queue.shell("echo $$; setsid sleep 300 & exec sleep 301")
        place = cgroup_of(queue.pid_of(job))
        self.assertTrue(place.startswith(manager), place)
        self.assertIn(f"/{unit}/", place)
        self.assertEqual(queue.show(job)["containment"], "cgroup")
        queue.reeve("cancel", job)
        self.assertEqual(queue.show(job)["state"], "cancelled")

        def left():
            return [pid for pid in processes.all_pids() if cgroup_of(pid) == place
                    and not processes.is_reeve(pid) and processes.is_alive(pid)]
        self.assertEqual(left(), [])

    def test_a_user_unit_gives_an_ordinary_user_cgroups(self):
        self.has_cgroups(ALICE, "/user.slice/user-1000.slice/user@1000.service/")

    def test_a_system_unit_gives_root_cgroups(self):
        self.has_cgroups(ROOT, "/system.slice/")

    def survives(self, person, act, cgroups=True):
        """What systemd does to the unit is not noticed by a job, and new ones start after it."""
        unit, queue = self.unit_with_daemon(person)
        script, go = self.gate(person)
        job = queue.shell(script)
        pid = queue.pid_of(job)
        before = queue.status()["pid"]
        act(unit, before)
        until(lambda: queue.status().get("pid") not in (None, before), "there is another daemon",
              seconds=30, pause=0.2)
        self.assertTrue(processes.is_alive(pid))
        self.assertEqual(queue.show(job)["state"], "running")
        after = queue.status()
        if cgroups:
            self.assertIn(f"/{unit}", cgroup_of(after["pid"]))
            self.assertEqual(after["containment"], "cgroup", after)
        new = queue.ended(queue.submit("--", "true"))
        self.assertEqual((new["state"], new["containment"]), ("completed", after["containment"]))
        go.touch()
        self.assertEqual(queue.ended(job)["exit_code"], 7)

    def test_a_restart_of_a_user_unit_leaves_jobs(self):
        self.survives(ALICE, lambda unit, _: ALICE.systemctl("restart", unit))

    def test_a_restart_of_a_system_unit_leaves_jobs(self):
        self.survives(ROOT, lambda unit, _: ROOT.systemctl("restart", unit))

    def installed(self, person, *options):
        """An installed daemon of a person and the name of its unit."""
        if "install" not in person.run(REEVE, "daemon", "--help"):
            self.skipTest("this program has no `daemon install`")
        queue = person.queue(self.home_of(person))
        self.addCleanup(queue.close)
        queue.reeve("daemon", "install", *options)
        self.addCleanup(queue.reeve, "daemon", "uninstall", *options, check=False)
        place = cgroup_of(queue.ready()["pid"])
        return queue, re.search(r"/(reeve[^/]*\.service)", place)[1]

    def installed_survives(self, person, *options):
        """A restart of an installed unit leaves a job."""
        queue, unit = self.installed(person, *options)
        self.assertEqual(queue.status()["containment"], "cgroup", queue.status())
        script, go = self.gate(person)
        job = queue.shell(script, "-m", "64M")
        pid = queue.pid_of(job)
        before = queue.status()["pid"]
        code, _, errors = person.systemctl("restart", unit, check=False)
        if code != 0 or not processes.is_alive(pid):
            print(ROOT.run("journalctl", "--no-pager", "-o", "short-precise", "-n", "40", "-t",
                           "systemd", "-t", "reeve", "-t", "(reeve)"))
            self.fail(f"the restart: {code} {errors}; the job: {queue.show(job)}")
        after = queue.ready()
        self.assertNotEqual(after["pid"], before)
        self.assertIn(f"/{unit}", cgroup_of(after["pid"]), "not systemd has started it")
        self.assertEqual(after["containment"], "cgroup", after)
        self.assertTrue(processes.is_alive(pid))
        self.assertEqual(queue.show(job)["state"], "running")
        new = queue.ended(queue.submit("--", "true"))
        self.assertEqual((new["state"], new["containment"]), ("completed", "cgroup"))
        go.touch()
        self.assertEqual(queue.ended(job)["exit_code"], 7)

    def test_a_restart_of_an_installed_user_unit_leaves_jobs(self):
        self.installed_survives(ALICE)

    def test_a_restart_of_an_installed_system_unit_leaves_jobs(self):
        self.installed_survives(ROOT, "--system")

    def limit_is_kept(self, person, *options):
        """A job over its memory limit in an installed unit is ended, and it is said who kept it.

        By looking: with controllers in its own cgroup the unit could not be restarted (systemd 252
        puts the next daemon there, and the kernel refuses it).
        """
        queue, _ = self.installed(person, *options)
        job = queue.submit("-m", "64M", "--", "python3", "-c", "import time; x = bytearray(200_000_000); time.sleep(9)")
        fields = queue.ended(job)
        self.assertEqual((fields["reason"], fields["memory_limit_by"]),
                         ("out_of_memory", "samples"), fields)

    def test_memory_limits_in_an_installed_user_unit_are_kept(self):
        self.limit_is_kept(ALICE)

    def test_memory_limits_in_an_installed_system_unit_are_kept(self):
        self.limit_is_kept(ROOT, "--system")

    def test_a_killed_daemon_is_started_again_and_jobs_are_left(self):
        unit, queue = self.unit_with_daemon(ALICE, "Restart=always\nRestartSec=100ms\n")
        script, go = self.gate(ALICE)
        job = queue.shell(script)
        pid, before = queue.pid_of(job), queue.status()["pid"]
        processes.kill(before)
        # Only looked at: no command of the program may be what starts the next daemon.
        until(lambda: ALICE.systemctl("show", "-P", "MainPID", unit).strip() not in
              ("0", str(before)), "systemd starts it again", seconds=30, pause=0.2)
        self.assertIn(unit, cgroup_of(queue.ready()["pid"]))
        self.assertTrue(processes.is_alive(pid))
        go.touch()
        self.assertEqual(queue.ended(job)["exit_code"], 7)

    def test_a_stopped_unit_that_takes_its_jobs_along_tells_the_truth(self):
        unit, queue = self.unit_with_daemon(ALICE, "KillMode=control-group\n")
        job = queue.shell("echo $$; exec sleep 300")
        pid = queue.pid_of(job)
        begun = time.monotonic()
        ALICE.systemctl("stop", unit)
        self.assertLess(time.monotonic() - begun, PATIENT_STOP, "somebody did not heed SIGTERM")
        self.assertFalse(processes.is_alive(pid))
        ALICE.systemctl("start", unit)
        queue.ready()
        fields = queue.ended(job)
        self.assert_killed(fields)

    def test_a_scope_of_the_user_manager_gives_cgroups_to_a_daemon_that_a_command_starts(self):
        queue = ALICE.queue(self.home_of(ALICE))
        self.addCleanup(queue.close)
        ALICE.run("systemd-run", "--user", "--scope", "-q", "-p", "Delegate=yes", REEVE, "daemon",
                  "start", **queue.variables)
        self.assertEqual(queue.status()["containment"], "cgroup", queue.status())
        self.assertEqual(queue.ended(queue.submit("--", "true"))["state"], "completed")


class Logout(SystemdTest):
    """Somebody logs out while jobs run."""

    def test_jobs_of_a_user_unit_outlive_a_logout_that_kills(self):
        _, queue = self.unit_with_daemon(ALICE)
        session = self.login(ALICE, queue)
        script, go = self.gate(ALICE)
        job = self.submit_in(session, script)
        pid = queue.pid_of(job)
        said = session.type('setsid sleep 500 & echo "witness is $!"')
        witness = int(re.search(r"\nwitness is (\d+)", said)[1])
        session.leave()
        until(lambda: not processes.is_alive(witness), "the logout has killed", seconds=30)
        self.assertTrue(processes.is_alive(pid))
        self.assertEqual(queue.show(job)["state"], "running")
        go.touch()
        self.assertEqual(queue.ended(job)["exit_code"], 7)

    def test_jobs_of_a_daemon_that_a_session_started_outlive_a_logout_that_does_not_kill(self):
        queue = BOB.queue(self.home_of(BOB))
        self.addCleanup(queue.close)
        session = self.login(BOB, queue)
        script, go = self.gate(BOB)
        job = self.submit_in(session, script)
        pid, daemon = queue.pid_of(job), queue.status()["pid"]
        session.leave()
        processes.watch(lambda: not processes.is_alive(pid) or not processes.is_alive(daemon),
                        "the logout ended a job or the daemon", seconds=3)
        go.touch()
        self.assertEqual(queue.ended(job)["exit_code"], 7)

    def test_a_logout_that_kills_a_daemon_of_the_session_loses_nothing_silently(self):
        queue = ALICE.queue(self.home_of(ALICE))
        self.addCleanup(queue.close)
        session = self.login(ALICE, queue)
        job = self.submit_in(session, "echo $$; exec sleep 400")
        pid, daemon = queue.pid_of(job), queue.status()["pid"]
        scope = f"session-{session.number}.scope"
        if scope not in cgroup_of(daemon):  # It has found itself a place outside of the session.
            session.leave()
            until(lambda: not session.is_known(), "the session is gone", seconds=40)
            processes.watch(lambda: not processes.is_alive(pid) or not processes.is_alive(daemon),
                            "the logout ended a job or the daemon", seconds=3)
            self.assertEqual(queue.show(job)["state"], "running")
            print(f"the daemon was in {cgroup_of(daemon)}")
            return
        begun = time.monotonic()
        session.leave()
        until(lambda: not processes.is_alive(daemon), "the logout has killed", seconds=40)
        until(lambda: not session.is_known(), "the session is gone", seconds=40)
        self.assertFalse(processes.is_alive(pid))
        self.assertLess(time.monotonic() - begun, PATIENT_STOP, "somebody did not heed SIGTERM")
        fields = queue.ended(job)
        self.assert_killed(fields)
        new = queue.submit("--", "true")
        self.assertIn(queue.ended(new)["state"], TERMINAL - {"lost"})


if __name__ == "__main__":
    unittest.main()
