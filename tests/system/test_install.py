"""The daemon as a service of systemd, and where one that starts itself goes.

There need not be a systemd: its programs are played by fake_systemd.py, in real cgroups, and the
commands run in a mount namespace in which the machine looks as if systemd had started it.
"""
import ctypes
import json
import os
import pathlib
import pwd
import shutil
import subprocess
import time
import unittest

import processes
from harness import IS_ROOT, NOBODY, Reeve, SystemTest
from processes import until

CLONE_NEWNS, MS_BIND, MS_REC, MS_PRIVATE = 0x20000, 4096, 16384, 1 << 18
LIBC = ctypes.CDLL(None, use_errno=True)
USER = pwd.getpwuid(NOBODY).pw_name


class Machine(Reeve):
    """The program on a machine with systemd, in a login session of its user."""

    def __init__(self, user=NOBODY, session="session-1.scope", **config):
        self.tree = processes.Cgroup.make("cgroup2")
        super().__init__(user=user, place=False)
        self.uid = os.getuid() if user is None else user
        self.root = self.base / "machine"
        for directory in ("run/systemd/system", f"run/user/{self.uid}/systemd", "etc/system",
                          "var/linger"):
            (self.root / directory).mkdir(parents=True)
        (self.root / f"run/user/{self.uid}/systemd/private").touch()
        self.fake = self.base / "fake"
        (self.fake / "state").mkdir(parents=True)
        shutil.copy(pathlib.Path(__file__).with_name("fake_systemd.py"), self.fake)
        for name in ("systemctl", "systemd-run", "busctl"):
            program = self.fake / name
            program.write_text('#!/bin/sh\nexec python3 "${0%/*}/fake_systemd.py" '
                               f'{name} "$@"\n')
            program.chmod(0o755)
        self.configure(**config)
        slices = self.tree.path / f"user.slice/user-{self.uid}.slice"
        self.session = slices / session
        self.session.mkdir(parents=True)
        (slices / f"user@{self.uid}.service").mkdir()
        for path in (self.fake, self.fake / "state", slices / "cgroup.procs",
                     slices / f"user@{self.uid}.service"):
            os.chown(path, self.uid, self.uid)
        self.environment["PATH"] = f"{self.fake}:{os.environ['PATH']}"
        self.units = self.base / "user" / ".config" / "systemd" / "user"

    def configure(self, kills="false", lingers=False, **config):
        """Say what logind does, and which programs of systemd hang or fail."""
        (self.fake / "config.json").write_text(
            json.dumps({"tree": str(self.tree.path), "kills": kills, **config}))
        mark = self.root / "var/linger" / pwd.getpwuid(self.uid).pw_name
        if lingers:
            mark.touch()
        else:
            mark.unlink(missing_ok=True)

    def enter(self):
        def mount(source, target, flags):
            if LIBC.mount(source, target, None, flags, None) != 0:
                raise OSError(ctypes.get_errno(), f"mount {target}")
        if LIBC.unshare(CLONE_NEWNS) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        mount(b"none", b"/", MS_REC | MS_PRIVATE)
        for name, target in (("run", b"/run"), ("etc", b"/etc/systemd"),
                             ("var", b"/var/lib/systemd")):
            mount(os.fsencode(self.root / name), target, MS_BIND)
        (self.session / "cgroup.procs").write_text("0", encoding="ascii")
        super().enter()

    def calls(self):
        """What the programs of systemd were asked, one line each."""
        return processes.read(self.fake / "calls").decode().splitlines()

    def status(self):
        """The fields of the running daemon."""
        return json.loads(self.ok("daemon", "status", "--json").out)

    def place_of(self, pid):
        """The path of a process below the tree of this machine."""
        for line in processes.read(f"/proc/{pid}/cgroup").decode().splitlines():
            if line.startswith("0::"):
                return line.partition(self.tree.path.name)[2]
        return ""

    def close(self):
        try:
            super().close()
        finally:
            self.tree.remove()


@unittest.skipUnless(IS_ROOT, "needs root to make a machine with systemd of this one")
class OnSystemd(SystemTest):
    """Tests on a machine with systemd."""

    def setUp(self):
        """Nothing is started here; each test asks for the machine that it needs."""

    def machine(self, **options):
        """A machine, or the test is skipped where there are no cgroups."""
        if not processes.mounts("cgroup2"):
            self.skipTest("there is no cgroup-v2 tree")
        machine = Machine(**options)
        self.addCleanup(machine.close)
        return machine

    def running(self, machine):
        """Start a job that waits for `go`, and return its id and its pid."""
        job = machine.shell("echo $$; until test -e go; do sleep 0.05; done; exit 7")
        return job, int(machine.logged(job, "\n"))

    def finish(self, machine, job):
        """Let that job end, and check that its end is known."""
        (machine.work / "go").touch()
        self.assertEqual(machine.wait(job), 7)


class Install(OnSystemd):
    """daemon install and uninstall."""

    def unit_of(self, machine):
        """The one unit that is installed."""
        units = [path for path in machine.units.iterdir() if path.is_file()]
        self.assertEqual(len(units), 1)
        return units[0]

    def test_it_writes_enables_and_starts_a_unit_with_a_cgroup_to_divide(self):
        machine = self.machine()
        answer = machine.ok("daemon", "install")
        unit = self.unit_of(machine)
        self.assert_told(answer.err, unit, "lingering is off", f"loginctl enable-linger {USER}")
        self.assertTrue((machine.units / "default.target.wants" / unit.name).is_symlink())
        status = machine.status()
        self.assertEqual((status["placement"], status["unit"]), ("user_manager", unit.name))
        self.assertEqual(status["containment"], "cgroup")
        job, pid = self.running(machine)
        home = f"/user.slice/user-{NOBODY}.slice/user@{NOBODY}.service/app.slice/{unit.name}"
        self.assertEqual(machine.place_of(status["pid"]), home + "/reeve-daemon")
        self.assertRegex(machine.place_of(pid), home + "/reeve-[0-9a-f]{8}/a1$")
        self.finish(machine, job)

    def test_jobs_go_on_while_the_service_is_restarted(self):
        machine = self.machine(lingers=True)
        machine.ok("daemon", "install", "--now")
        first = machine.daemon_pid()
        job, pid = self.running(machine)
        home = machine.place_of(pid)
        machine.ok(command=["systemctl", "--user", "restart", self.unit_of(machine).name])
        self.assertNotIn(machine.daemon_pid(), (first, None))
        machine.ok("daemon", "restart")
        self.assertEqual(machine.status()["placement"], "user_manager")
        self.assertTrue(processes.is_alive(pid))
        self.assertEqual(machine.place_of(pid), home)
        self.finish(machine, job)

    def test_a_killed_daemon_is_started_again_in_its_unit(self):
        machine = self.machine(kills="true")
        machine.ok("daemon", "install")
        job, _ = self.running(machine)
        machine.kill_daemon()
        machine.ok("ls")
        self.assertEqual(machine.status()["unit"], self.unit_of(machine).name)
        self.finish(machine, job)

    def test_a_daemon_that_runs_already_makes_room_and_its_jobs_go_on(self):
        machine = self.machine()
        job, pid = self.running(machine)
        self.assertEqual(machine.status()["placement"], "session")
        machine.ok("daemon", "install")
        self.assertEqual(machine.status()["placement"], "user_manager")
        self.assertTrue(processes.is_alive(pid))
        self.finish(machine, job)

    def test_twice_is_as_good_as_once(self):
        machine = self.machine(lingers=True)
        machine.ok("daemon", "install")
        pid = machine.daemon_pid()
        answer = machine.ok("daemon", "install")
        self.assert_told(answer.err, "lingering is on")
        self.assertEqual(machine.daemon_pid(), pid)
        machine.ok("daemon", "uninstall")
        machine.ok("daemon", "uninstall")

    def test_uninstall_takes_everything_away_but_the_jobs(self):
        machine = self.machine()
        machine.ok("daemon", "install")
        job, pid = self.running(machine)
        machine.ok("daemon", "uninstall")
        self.assertEqual([path for path in machine.units.rglob("*") if not path.is_dir()], [])
        self.assertIsNone(machine.daemon_pid())
        self.assertTrue(processes.is_alive(pid))
        self.finish(machine, job)

    def test_without_a_start_it_waits_for_the_next_login(self):
        machine = self.machine()
        machine.ok("daemon", "install", "--no-start")
        self.assertIsNone(machine.daemon_pid())
        self.unit_of(machine)
        self.assertEqual(machine.run("daemon", "install", "--no-start", "--now").code, 2)
        machine.ok("ls")
        self.assertEqual(machine.status()["placement"], "user_manager")

    def test_paths_may_have_spaces_and_percent_signs(self):
        machine = self.machine()
        place = machine.base / "a place 50% \"off\""
        place.mkdir(mode=0o755)
        for file in machine.program.parent.glob("reeve*"):
            shutil.copy2(file, place)
        machine.program = place / machine.program.name
        home = machine.base / "user" / "my queue 100%"
        machine.environment["REEVE_HOME"] = str(home)
        machine.ok("daemon", "install")
        self.assertEqual(machine.status()["state_dir"], str(home))
        self.assertEqual(machine.status()["placement"], "user_manager")
        self.assertEqual(machine.ended("--", "true")["state"], "completed")
        machine.ok("daemon", "uninstall")

    def test_a_system_unit_runs_as_its_user(self):
        machine = self.machine(user=None)
        shutil.copytree(machine.program.parent, machine.base / "bin",
                        ignore=lambda _, names: set(names) - {"reeve", "reeve-keeper"})
        (machine.base / "bin").chmod(0o755)
        machine.program = machine.base / "bin" / "reeve"
        os.chown(machine.home, NOBODY, NOBODY)
        machine.ok("daemon", "install", "--system", "--user", USER)
        pid = machine.daemon_pid() or until(lambda: next(
            (pid for pid in machine.all_living() if processes.is_reeve(pid)), None), "a daemon")
        self.assertEqual(os.stat(f"/proc/{pid}").st_uid, NOBODY)
        self.assertRegex(machine.place_of(pid), "^/system.slice/reeve-[a-z0-9]+.service/reeve-daem")
        machine.ok("daemon", "uninstall", "--system", "--user", USER)
        until(lambda: not processes.is_alive(pid), "the daemon has ended")
        os.chown(machine.home, 0, 0)
        machine.is_broken = True  # Its queue is another user's.

    def test_what_can_not_be_is_refused_with_what_to_do(self):
        machine = self.machine()
        answer = machine.run("daemon", "install", "--system")
        self.assert_refused(answer)
        self.assert_told(answer.err, "root", "sudo")
        self.assert_refused(machine.run("daemon", "install", "--user", USER), 2)
        machine.configure(fails=["systemctl"])
        answer = machine.run("daemon", "install")
        self.assert_refused(answer)
        self.assert_told(answer.err, "No medium found", "--system")
        self.assertFalse(machine.units.exists())

    def test_a_daemon_that_can_not_start_is_told_and_not_called_running(self):
        machine = self.machine()
        config = machine.home / "config.toml"
        config.write_text("[capacity]\ncpus = -1\n")
        answer = machine.run("daemon", "install")
        self.assert_refused(answer)
        self.assert_told(answer.err, "journalctl --user -u")
        self.assert_told(machine.run("ls").err, "config.toml")
        config.unlink()
        machine.ok("daemon", "install")

    def test_without_systemd_it_says_what_cron_can_do(self):
        machine = self.machine()
        (machine.root / "run/systemd/system").rmdir()
        answer = machine.run("daemon", "install")
        self.assert_refused(answer)
        self.assert_told(answer.err, "@reboot", "daemon start", "crontab")
        self.assertFalse(machine.units.exists())
        self.assertEqual(machine.calls(), [])

    @unittest.skipUnless(shutil.which("systemd-analyze"), "there is no systemd-analyze")
    def test_systemd_itself_finds_no_fault_with_the_units(self):
        reeve = Reeve(place=False)
        self.addCleanup(reeve.close)
        for options, kind in ([], "--user"), (["--system"], "--system"):
            with self.subTest(options=options):
                unit = reeve.base / "reeve.service"
                unit.write_text(reeve.ok("daemon", "install", "--dry-run", *options).out)
                checked = subprocess.run(
                    ["systemd-analyze", "verify", kind, unit], check=False, capture_output=True,
                    text=True, env={**os.environ, "XDG_RUNTIME_DIR": str(reeve.base)})
                self.assertEqual((checked.returncode, checked.stderr), (0, ""))


class SelfStart(OnSystemd):
    """A daemon that is started by the first command."""

    def started(self, **options):
        """Start a daemon on a machine; the machine and what was said."""
        machine = self.machine(**options)
        answer = machine.ok("submit", "--", "true")
        machine.wait("--all")
        return machine, answer.err

    def test_with_lingering_it_leaves_the_session_and_nothing_is_said(self):
        machine, said = self.started(kills="true", lingers=True)
        status = machine.status()
        self.assertEqual((status["placement"], status["survives_logout"], status["lingering"]),
                         ("user_manager", "yes", "yes"))
        self.assertEqual(said, "")
        self.assertRegex(machine.place_of(status["pid"]), r"\.scope/reeve-daemon$")
        self.assertEqual(status["containment"], "cgroup")

    def test_without_lingering_it_leaves_a_session_that_is_killed_and_says_what_is_left(self):
        machine, said = self.started(kills="true")
        status = machine.status()
        self.assertEqual((status["placement"], status["survives_logout"], status["lingering"]),
                         ("user_manager", "no", "no"))
        self.assert_told(said, "last logout", f"loginctl enable-linger {USER}")
        self.assertEqual(len(said.splitlines()), 1)

    def test_it_stays_in_a_session_that_outlives_the_logout_when_the_manager_would_not(self):
        machine, said = self.started(kills="false")
        status = machine.status()
        self.assertEqual((status["placement"], status["unit"], status["survives_logout"]),
                         ("session", "session-1.scope", "yes"))
        self.assertEqual(said, "")

    def test_where_it_can_not_leave_it_says_what_a_logout_does(self):
        for fault in ("fails", "hangs"):
            with self.subTest(fault=fault):
                begin = time.monotonic()
                machine, said = self.started(kills="true", **{fault: ["systemd-run"]})
                self.assertLess(time.monotonic() - begin, 15 * processes.PATIENCE)
                self.assertEqual(machine.status()["placement"], "session")
                for answer in (said, machine.ok("daemon", "status").err,
                               machine.ok("daemon", "start").err):
                    self.assert_told(answer, "session-1.scope", "KillUserProcesses",
                                     "loginctl enable-linger", "reeve daemon install")
                machine.configure()  # Else the end of the test would wait for those that hang.

    def test_without_a_manager_nobody_is_asked_for_one(self):
        machine = self.machine(kills="true", lingers=True)
        (machine.root / f"run/user/{NOBODY}/systemd/private").unlink()
        machine.ok("ls")
        self.assertEqual(machine.status()["placement"], "session")
        self.assertFalse([call for call in machine.calls() if call.startswith("systemd-run")])

    def test_the_configuration_of_logind_counts_where_its_bus_does_not_answer(self):
        machine = self.machine(kills="false", fails=["busctl", "systemd-run"])
        (machine.root / "etc/logind.conf").write_text("[Login]\n#KillUserProcesses=no\n")
        machine.ok("daemon", "start")
        self.assertEqual(machine.status()["survives_logout"], "yes")
        (machine.root / "etc/logind.conf.d").mkdir()
        (machine.root / "etc/logind.conf.d/10-kill.conf").write_text("KillUserProcesses=yes\n")
        self.assertEqual(machine.status()["survives_logout"], "no")

    def test_that_of_root_goes_to_the_machines_systemd(self):
        machine, said = self.started(user=None)
        status = machine.status()
        self.assertEqual((status["placement"], status["survives_logout"], said),
                         ("system_unit", "yes", ""))
        self.assertRegex(machine.place_of(status["pid"]), "^/system.slice/run-r.*/reeve-daemon$")

    def test_one_that_a_job_starts_is_not_part_of_the_job(self):
        machine = self.machine(lingers=True)
        inner = machine.base / "user" / "inner"
        manager = machine.popen(command=["python3", machine.fake / "fake_systemd.py", "manager"])
        until((machine.fake / "state" / "manager").exists, "the manager listens")
        job = machine.shell(f"REEVE_HOME={inner} {machine.program} daemon start")
        self.assertEqual(machine.wait(job), 0)
        self.assertIsNone(manager.poll())
        machine.environment["REEVE_HOME"] = str(inner)
        status = machine.status()
        self.assertEqual(machine.ended("--", "true")["state"], "completed")
        self.assertEqual(status["placement"], "user_manager")
        machine.ok("daemon", "stop")
        machine.environment["REEVE_HOME"] = str(machine.home)
        self.assertEqual(machine.show(job)["leftovers"], 0)
        self.assertNotIn(f"job {job}", machine.log(job).decode())

    def test_one_that_a_job_starts_without_a_manager_says_how_long_it_lives(self):
        machine = self.machine(fails=["systemd-run"])
        inner = machine.base / "user" / "inner"
        job = machine.shell(f"REEVE_HOME={inner} {machine.program} daemon start; kill -STOP $$")
        log = machine.logged(job, "end with it").decode()
        self.assertIn(f"started by job {job}", log)
        machine.environment["REEVE_HOME"] = str(inner)
        pid = machine.daemon_pid()
        self.assertNotRegex(machine.place_of(pid), "/reeve-[0-9a-f]{8}/")
        machine.environment["REEVE_HOME"] = str(machine.home)
        machine.ok("signal", "CONT", job)
        self.assertEqual(machine.wait(job), 0)
        until(lambda: not processes.is_alive(pid), "it has ended with the job")


if __name__ == "__main__":
    unittest.main()
