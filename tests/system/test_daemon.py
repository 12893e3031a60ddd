"""The daemon: how it starts, stops, shares a directory, and what it does on a bad one."""
import json
import os
import pathlib
import shutil
import signal
import socket
import sqlite3
import subprocess
import unittest

import processes
from harness import IS_ROOT, NOBODY, TERMINAL, SystemTest
from processes import PATIENCE, until


class AutoStart(SystemTest):
    """The first command starts the daemon, and nothing that stays holds what its caller has."""

    def test_submit_returns_at_once_though_it_started_the_daemon_and_the_job_runs_on(self):
        script = 'id=$("$0" submit -- sleep 600); echo "got $id"'
        answer = self.reeve.run(command=["sh", "-c", script, self.reeve.program], timeout=15)
        self.assertRegex(answer.out, r"\Agot \d+\n\Z")

    def test_nothing_that_stays_holds_a_descriptor_of_the_caller(self):
        kept_read, kept_write = os.pipe()
        input_read, input_write = os.pipe()
        self.addCleanup(os.close, kept_read)
        self.addCleanup(os.close, input_write)
        with self.reeve.popen("submit", "--", "sleep", "600", stdin=input_read,
                              pass_fds=[kept_write]) as command:
            os.close(kept_write)
            os.close(input_read)
            out, errors = command.communicate(timeout=15 * PATIENCE)
            self.assertEqual((command.returncode, errors), (0, b""))
        self.reeve.in_state(int(out), "running")
        os.set_blocking(kept_read, False)
        self.assertEqual(os.read(kept_read, 1), b"", "somebody still holds the pipe")
        with self.assertRaises(BrokenPipeError):
            os.write(input_write, b"x")

    def test_the_daemon_leaves_the_session_and_the_directory_of_the_caller(self):
        place = self.reeve.work / "place"
        place.mkdir()
        with self.reeve.popen("submit", "--", "true", cwd=place) as command:
            command.communicate(timeout=15 * PATIENCE)
        self.reeve.wait("--all")
        daemon = self.reeve.daemon_pid()
        self.assertNotEqual(os.getsid(daemon), command.pid)
        self.assertNotEqual(processes.link(f"/proc/{daemon}/cwd"), str(place))

    def test_many_first_commands_at_once_start_one_daemon(self):
        commands = [self.reeve.popen("submit", "--", "true") for _ in range(8)]
        ids = set()
        for command in commands:
            out, errors = command.communicate(timeout=30 * PATIENCE)
            self.assertEqual(command.returncode, 0, errors)
            ids.add(int(out))
        self.assertEqual(len(ids), 8)
        self.reeve.wait("--all")
        self.assertEqual({job["id"] for job in self.reeve.ls("--all")}, ids)
        until(lambda: len(self.reeve.all_living()) == 1, "one daemon, and nothing else, is left")

    def test_a_missing_state_directory_is_made_for_its_owner_alone(self):
        self.reeve.home.rmdir()
        self.assertEqual(self.reeve.ended("--", "true")["state"], "completed")
        self.assertEqual(self.reeve.home.stat().st_mode & 0o077, 0)

    def test_a_socket_left_by_a_dead_daemon_does_not_matter(self):
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(str(self.reeve.home / "reeve.sock"))
        self.assertEqual(self.reeve.ended("--", "true")["state"], "completed")

    def test_a_state_directory_with_a_long_path_works_or_is_refused_clearly(self):
        home = self.reeve.base / ("long-" * 30) / "home"
        self.reeve.environment["REEVE_HOME"] = str(home)
        answer = self.reeve.run("submit", "--", "true")
        if answer.code == 0:
            self.assertEqual(self.reeve.wait(int(answer.out)), 0)
            self.reeve.ok("daemon", "stop")
        else:
            self.assert_refused(answer)
            self.assert_told(answer.err, "long")

    def test_without_reeve_home_everything_stays_below_the_users_directories(self):
        del self.reeve.environment["REEVE_HOME"]
        job = self.reeve.ended("--", "sh", "-c", "echo x >$REEVE_RESULTS_DIR/file")
        self.assertEqual(job["state"], "completed")
        user = self.reeve.base / "user"
        self.assertIn(user, pathlib.Path(job["log_path"]).parents)
        self.assertIn(user, pathlib.Path(job["results_dir"]).parents)
        self.assertEqual(list(self.reeve.home.iterdir()), [])
        self.reeve.ok("daemon", "stop")

    @unittest.skipUnless(IS_ROOT, "needs a second user")
    def test_another_user_can_not_reach_the_daemon(self):
        self.reeve.ended("--", "true")
        self.reeve.home.chmod(0o755)
        other = self.reeve_with(user=NOBODY)
        other.environment["REEVE_HOME"] = str(self.reeve.home)
        for words in (["ls"], ["submit", "--", "true"], ["daemon", "stop"]):
            self.assertNotEqual(other.run(*words).code, 0, words)
        self.assertEqual(len(self.reeve.ls("--all")), 1)


class StartAndStop(SystemTest):
    """start, stop, restart, status and run."""

    GATED = "echo $$; until test -e go; do sleep 0.05; done; exit 7"

    def running(self):
        """Start a job that waits for `go`, and return its id and its pid."""
        job = self.reeve.shell(self.GATED)
        return job, int(self.reeve.logged(job, "\n"))

    def test_status_tells_the_pid_and_starts_nothing(self):
        answer = self.reeve.run("daemon", "status")
        self.assertNotEqual(answer.code, 0)
        self.assertIsNone(self.reeve.daemon_pid())
        self.reeve.ok("daemon", "start")
        status = json.loads(self.reeve.ok("daemon", "status", "--json").out)
        self.assertTrue(processes.is_reeve(status["pid"]), processes.describe(status["pid"]))
        self.reeve.ok("daemon", "status")

    def test_start_when_it_runs_already_changes_nothing(self):
        self.reeve.ok("daemon", "start")
        pid = self.reeve.daemon_pid()
        self.reeve.ok("daemon", "start")
        self.assertEqual(self.reeve.daemon_pid(), pid)

    def test_stop_leaves_jobs_running_and_says_so(self):
        job, pid = self.running()
        daemon = self.reeve.daemon_pid()
        answer = self.reeve.ok("daemon", "stop")
        self.assert_told(answer.out + answer.err, "running")
        until(lambda: not processes.is_alive(daemon), "the daemon is gone", seconds=3)
        self.assertTrue(processes.is_alive(pid))
        (self.reeve.work / "go").touch()
        until(lambda: not processes.is_alive(pid), "the job ended")
        self.assertEqual(self.reeve.wait(job), 7)

    def test_stop_can_cancel_the_jobs(self):
        job, pid = self.running()
        self.reeve.ok("daemon", "stop", "--jobs=cancel")
        self.assertFalse(processes.is_alive(pid))
        until(lambda: not self.reeve.all_living(), "nothing is left")
        self.assertEqual(self.reeve.show(job)["state"], "cancelled")

    def test_after_stop_and_without_jobs_nothing_is_left(self):
        self.reeve.ended("--", "true")
        self.reeve.ok("daemon", "stop")
        until(lambda: not self.reeve.all_living(), "nothing is left")
        self.assertNotEqual(self.reeve.run("daemon", "status").code, 0)

    def test_a_command_right_after_stop_is_served(self):
        for _ in range(10):
            self.reeve.submit("--", "true")
            self.reeve.ok("daemon", "stop")
        self.assertEqual(self.reeve.wait("--all"), 0)
        self.assertEqual(len(self.reeve.ls("--all")), 10)

    def test_restart_changes_the_daemon_and_not_the_jobs(self):
        job, pid = self.running()
        before = self.reeve.daemon_pid()
        self.reeve.ok("daemon", "restart")
        self.assertNotIn(self.reeve.daemon_pid(), (before, None))
        self.assertTrue(processes.is_alive(pid))
        (self.reeve.work / "go").touch()
        self.assertEqual(self.reeve.wait(job), 7)

    def test_sigterm_is_a_clean_stop_that_leaves_jobs(self):
        job, pid = self.running()
        self.reeve.kill_daemon(signal.SIGTERM)
        self.assertTrue(processes.is_alive(pid))
        (self.reeve.work / "go").touch()
        self.assertEqual(self.reeve.wait(job), 7)

    def test_run_stays_in_the_foreground_and_ends_well_on_sigterm(self):
        with self.reeve.popen("daemon", "run") as daemon:
            until(lambda: self.reeve.daemon_pid() == daemon.pid, "the daemon is ready")
            self.assertEqual(self.reeve.ended("--", "true")["state"], "completed")
            daemon.send_signal(signal.SIGTERM)
            self.assertEqual(daemon.wait(30 * PATIENCE), 0)

    def test_a_second_daemon_says_who_holds_the_directory(self):
        self.reeve.ok("daemon", "start")
        pid = self.reeve.daemon_pid()
        answer = self.reeve.run("daemon", "run", timeout=15)
        self.assert_refused(answer)
        self.assert_told(answer.err, pid)
        self.assertEqual(self.reeve.daemon_pid(), pid)
        self.assertEqual(self.reeve.ended("--", "true")["state"], "completed")

    def test_a_second_daemon_waits_for_nobody_when_the_first_is_stopped(self):
        self.reeve.ok("daemon", "start")
        pid = self.reeve.daemon_pid()
        processes.kill(pid, signal.SIGSTOP)
        try:
            answer = self.reeve.run("daemon", "run", timeout=20)
        finally:
            processes.kill(pid, signal.SIGCONT)
        self.assert_refused(answer)
        self.assert_told(answer.err, pid)
        self.assertEqual(self.reeve.ended("--", "true")["state"], "completed")

    def test_an_idle_daemon_does_nothing_and_is_small(self):
        self.reeve.ended("--", "true")
        pid = self.reeve.daemon_pid()

        def switches():
            files = pathlib.Path(f"/proc/{pid}/task").glob("*/status")
            return sum(int(line.split()[1]) for file in files for line in
                       file.read_text().splitlines() if line.startswith("voluntary_ctxt"))
        until(lambda: len(self.reeve.all_living()) == 1, "the keeper is gone")
        before = switches()
        processes.watch(lambda: not processes.is_alive(pid), "the daemon died", 2)
        self.assertLessEqual(switches() - before, 4)
        if PATIENCE == 1:  # Instrumented builds are larger; they ask for patience, too.
            resident = processes.read(f"/proc/{pid}/statm").split()[1]
            self.assertLess(int(resident) * os.sysconf("SC_PAGE_SIZE"), 20_000_000)


class BadDirectories(SystemTest):
    """A state directory that can't be used: a clear error, and nothing broken."""

    def refused(self, *words, reeve=None):
        """Check that starting is refused in good time, and return what was said."""
        reeve = reeve or self.reeve
        for arguments in (["daemon", "run"], ["submit", "--", "true"]):
            answer = reeve.run(*arguments, timeout=30)
            self.assert_refused(answer)
            self.assert_told(answer.err, *words)
        return answer.err

    def break_file(self, name, change):
        """Stop the daemon, change a file, and return its bytes after that."""
        self.reeve.ended("--", "true")
        self.reeve.ok("daemon", "stop")
        self.reeve.is_broken = True
        path = self.reeve.home / name
        change(path)
        return path.read_bytes()

    def test_a_newer_database_is_refused_and_left_as_it_is(self):
        def change(path):
            with sqlite3.connect(path) as database:
                database.execute("PRAGMA user_version = 9999")
            database.close()
        before = self.break_file("reeve.db", change)
        self.refused("newer")
        self.assertEqual((self.reeve.home / "reeve.db").read_bytes(), before)

    def test_a_damaged_database_is_named_and_left_as_it_is(self):
        def destroy(path):
            path.write_bytes(b"\x5a" * 4096 + path.read_bytes()[4096:])
        before = self.break_file("reeve.db", destroy)
        self.refused("reeve.db")
        self.assertEqual((self.reeve.home / "reeve.db").read_bytes(), before)

    def test_a_truncated_database_is_named_and_left_as_it_is(self):
        before = self.break_file("reeve.db", lambda path: os.truncate(
            path, path.stat().st_size // 2 // 4096 * 4096))
        self.refused("reeve.db")
        self.assertEqual((self.reeve.home / "reeve.db").read_bytes(), before)

    def test_a_bad_configuration_is_named_with_its_line(self):
        config = self.reeve.home / "config.toml"
        for text in ("[capacity]\ncpus = many\n", "[capacity]\ncpus = -1\n", "[capacity\n",
                     "[capacity]\nunknown = 1\n", '[capacity]\ncpus = "2"\n'):
            with self.subTest(text=text):
                config.write_text(text)
                self.refused("config.toml")
        config.unlink()

    def test_a_file_in_place_of_the_state_directory_is_named(self):
        self.reeve.home.rmdir()
        self.reeve.home.write_text("I am no directory\n")
        self.refused(self.reeve.home)
        self.assertEqual(self.reeve.home.read_text(), "I am no directory\n")

    def test_a_read_only_state_directory_is_named(self):
        reeve = self.reeve_with(user=NOBODY if IS_ROOT else None)
        reeve.home.chmod(0o500)
        self.refused(reeve.home, reeve=reeve)
        self.assertEqual(list(reeve.home.iterdir()), [])
        reeve.home.chmod(0o700)
        self.assertEqual(reeve.ended("--", "true")["state"], "completed")

    def test_a_state_directory_that_is_full_at_the_start_is_told(self):
        self.mount_small(self.reeve.home, "12m")
        self.fill()
        self.assertRegex(self.refused().lower(), "space|full")
        (self.reeve.home / "ballast").unlink()
        self.assertEqual(self.reeve.ended("--", "true")["state"], "completed")

    def test_a_full_disk_loses_no_end_and_acknowledges_nothing_it_can_not_keep(self):
        self.mount_small(self.reeve.home, "12m")
        job = self.reeve.shell("until test -e go; do sleep 0.05; done; exit 7")
        self.reeve.in_state(job, "running")
        self.fill()
        acknowledged = {job}
        for _ in range(120):
            answer = self.reeve.run("submit", "--hold", "--", "true", "x" * 100_000)
            if answer.code != 0:
                break
            acknowledged.add(int(answer.out))
        self.assert_refused(answer)
        self.assertRegex(answer.err.lower(), "space|full")
        (self.reeve.work / "go").touch()
        until(lambda: not self.reeve.strangers(), "the job ended")
        (self.reeve.home / "ballast").unlink()
        self.assertEqual(self.reeve.wait(job), 7)
        self.assertEqual({fields["id"] for fields in self.reeve.ls("--all")}, acknowledged)
        self.assertEqual(self.reeve.ended("--", "true")["state"], "completed")

    def test_a_log_that_finds_no_space_does_not_hold_up_the_job(self):
        self.mount_small(self.reeve.home / "logs", "4m")
        job = self.reeve.ended("--", "head", "-c", "30000000", "/dev/zero", timeout=60)
        self.assertIn(job["state"], TERMINAL)
        self.assertEqual(job["exit_code"], 0)
        self.assertLess(len(self.reeve.log(job["id"])), 30_000_000)
        self.reeve.ok("rm", job["id"])
        self.assertEqual(self.reeve.ended("--", "true")["state"], "completed")

    def mount_small(self, directory, size):
        """Put a directory on a small file system of its own."""
        if not IS_ROOT or not shutil.which("mount"):
            self.skipTest("needs root to mount a small file system")
        directory.mkdir(exist_ok=True)
        made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "reeve-test",
                               directory], check=False, capture_output=True)
        if made.returncode != 0:
            self.skipTest(f"mount: {made.stderr.decode().strip()}")
        self.reeve.last_acts.append(
            lambda: subprocess.run(["umount", "-l", directory], check=True))

    def fill(self):
        """Use up all space of the state directory."""
        with open(self.reeve.home / "ballast", "wb", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(bytes(4096))
            except OSError:
                pass


if __name__ == "__main__":
    unittest.main()
