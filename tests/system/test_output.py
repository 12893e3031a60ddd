"""The log of a job is complete, in order, and exactly what the job wrote."""
import hashlib
import os
import pathlib
import pty
import sys
import unittest

from harness import IS_ROOT, NOBODY, SystemTest
from processes import PATIENCE, until


class ExactBytes(SystemTest):
    """What a job writes is what the log holds, byte for byte."""

    def written_by(self, *arguments, timeout=60):
        """The log of a job that must complete, as the log command and as the file have it."""
        job = self.reeve.ended(*arguments, timeout=timeout)
        self.assertEqual(job["state"], "completed", job)
        log = self.reeve.log(job["id"])
        self.assertEqual(job["log_bytes"], len(log))
        self.assertEqual(pathlib.Path(job["log_path"]).read_bytes(), log)
        return log

    def test_an_empty_log_is_empty(self):
        job = self.reeve.ended("--", "true")
        self.assertEqual((job["state"], job["log_bytes"]), ("completed", 0))
        self.assertFalse(pathlib.Path(job["log_path"]).exists(), "made without any output")
        self.assertEqual(self.reeve.log(job["id"]), b"")

    @unittest.skipUnless(IS_ROOT, "root may read everything; it needs to become another user")
    def test_a_log_that_can_not_be_read_is_told(self):
        reeve = self.reeve_with(user=NOBODY)
        job = reeve.shell("echo hi")
        reeve.wait(job)
        log = pathlib.Path(reeve.show(job)["log_path"])
        log.chmod(0)
        for code, words in ((1, ("log", job)), (2, ("grep", "hi", job))):
            answer = reeve.run(*words)
            self.assertEqual(answer.code, code, words)
            self.assertIn("Permission denied", answer.err)

    def test_every_byte_comes_through(self):
        data = bytes(range(256)) * 300 + b"\xff\xfe\xc0\x80 no newline at the end"
        source = self.reeve.work / "data"
        source.write_bytes(data)
        self.assertEqual(self.written_by("--", "cat", source), data)

    def test_both_outputs_keep_their_order(self):
        script = ("import os\n"
                  "for n in range(5000): os.write(1 + n % 2, b'%d\\n' % n)")
        wanted = b"".join(b"%d\n" % n for n in range(5000))
        self.assertEqual(self.written_by("--", sys.executable, "-c", script), wanted)

    def test_a_million_lines_come_through(self):
        log = self.written_by("--", "seq", "1000000")
        self.assertEqual(log, b"".join(b"%d\n" % n for n in range(1, 1000001)))

    def test_a_line_of_100_megabytes_comes_through(self):
        script = "head -c 100000000 /dev/zero | tr '\\0' x"
        job = self.reeve.ended("--", "sh", "-c", script, timeout=120)
        self.assertEqual((job["state"], job["log_bytes"]), ("completed", 100_000_000))
        whole = hashlib.sha256(b"x" * 100_000_000).digest()
        file = pathlib.Path(job["log_path"]).read_bytes()
        self.assertEqual(hashlib.sha256(file).digest(), whole)
        self.assertEqual(hashlib.sha256(self.reeve.log(job["id"])).digest(), whole)

    def test_many_processes_writing_at_once_lose_no_line(self):
        script = ("for p in 1 2 3 4 5 6; do (n=0; while [ $n -lt 2000 ]; do n=$((n + 1));"
                  " echo $p $n; done) & done; wait")
        log = self.written_by("--", "sh", "-c", script)
        wanted = sorted(b"%d %d" % (p, n) for p in range(1, 7) for n in range(1, 2001))
        self.assertEqual(sorted(log.split(b"\n")[:-1]), wanted)

    def test_reopening_the_outputs_loses_nothing(self):
        script = ("echo 1; echo 2 >/dev/stderr; echo 3 >/dev/stdout; echo 4 | tee /dev/stderr;"
                  " echo 5 >file; cp file /dev/stdout; cat file >/dev/stderr; echo 6 >>/dev/stdout")
        log = self.written_by("--", "sh", "-c", script)
        self.assertEqual(log, b"1\n2\n3\n4\n4\n5\n5\n6\n")

    def test_what_a_killed_job_wrote_is_kept(self):
        job = self.reeve.ended("--", "sh", "-c", "echo last words; kill -KILL $$")
        self.assertEqual(self.reeve.log(job["id"]), b"last words\n")

    def test_what_is_written_just_before_a_cancel_is_kept(self):
        # A shell that waits for a child tells of its death; that is not what is looked at here.
        script = ("exec 2>/dev/null; trap 'seq 3000; exit 1' TERM; echo ready;"
                  " while :; do sleep 0.05; done")
        job = self.reeve.shell(script)
        self.reeve.logged(job, "ready")
        self.reeve.ok("cancel", job)
        wanted = b"ready\n" + b"".join(b"%d\n" % n for n in range(1, 3001))
        self.assertEqual(self.reeve.log(job), wanted)


class EndOfOutput(SystemTest):
    """The end of a job is its exit and not the end of its output."""

    def test_a_job_that_closes_its_outputs_goes_on(self):
        job = self.reeve.shell("echo before; exec >&- 2>&-; until test -e go; do sleep 0.05; done;"
                               " exit 4")
        self.reeve.logged(job, "before")
        self.reeve.in_state(job, "running")
        (self.reeve.work / "go").touch()
        self.assertEqual(self.reeve.wait(job), 4)

    def test_a_child_that_keeps_stdout_does_not_keep_the_job(self):
        job = self.reeve.ended("--", "sh", "-c", "sleep 600 & echo done; exit 0", timeout=30)
        self.assertEqual((job["state"], job["leftovers"]), ("completed", 1))
        self.assertEqual(self.reeve.log(job["id"]), b"done\n")
        self.assertEqual(self.reeve.strangers(), set())

    def test_run_ends_although_a_child_keeps_stdout(self):
        answer = self.reeve.run("run", "--", "sh", "-c", "setsid sleep 600 & echo done; exit 6")
        self.assertEqual((answer.code, answer.out), (6, "done\n"))


class Following(SystemTest):
    """The log can be read while it grows."""

    GATED = "echo one; until test -e go; do sleep 0.05; done; echo two; exit 5"

    def go(self):
        """Let a gated job go on."""
        (self.reeve.work / "go").touch()

    def test_a_log_is_readable_while_the_job_runs(self):
        job = self.reeve.shell(self.GATED)
        self.assertEqual(self.reeve.logged(job, "one"), b"one\n")
        self.go()
        self.reeve.wait(job)
        self.assertEqual(self.reeve.log(job), b"one\ntwo\n")

    def test_follow_shows_output_at_once_and_ends_with_the_code_of_the_job(self):
        job = self.reeve.shell(self.GATED)
        with self.reeve.popen("follow", job) as follow:
            self.assertEqual(follow.stdout.readline(), b"one\n")
            self.assertIsNone(follow.poll())
            self.go()
            self.assertEqual(follow.stdout.read(), b"two\n")
            self.assertEqual(follow.wait(30 * PATIENCE), 5)

    def test_follow_may_begin_before_the_job(self):
        job = self.reeve.submit("--hold", "--", "sh", "-c", "echo hello; exit 7")
        with self.reeve.popen("follow", job) as follow:
            self.reeve.ok("release", job)
            self.assertEqual(follow.stdout.read(), b"hello\n")
            self.assertEqual(follow.wait(30 * PATIENCE), 7)

    def test_follow_of_an_ended_job_shows_all_and_gives_its_code(self):
        job = self.reeve.ended("--", "sh", "-c", "echo hello; exit 7")["id"]
        answer = self.reeve.run("follow", job)
        self.assertEqual((answer.out, answer.code), ("hello\n", 7))

    def test_several_followers_see_the_same(self):
        job = self.reeve.shell(self.GATED)
        followers = [self.reeve.popen("follow", job) for _ in range(3)]
        self.reeve.logged(job, "one")
        self.go()
        for follow in followers:
            out, _ = follow.communicate(timeout=30 * PATIENCE)
            self.assertEqual((out, follow.returncode), (b"one\ntwo\n", 5))

    def test_a_follower_that_goes_away_does_not_disturb_the_job(self):
        job = self.reeve.shell(self.GATED)
        with self.reeve.popen("follow", job) as follow:
            follow.stdout.readline()
            follow.kill()
        self.go()
        self.assertEqual(self.reeve.wait(job), 5)

    def test_a_reader_that_wants_only_the_beginning_is_served(self):
        job = self.reeve.ended("--", "seq", "1000000")["id"]
        with self.reeve.popen("log", job) as log:
            self.assertEqual(log.stdout.readline(), b"1\n")
            log.stdout.close()
            log.wait(30 * PATIENCE)

    def test_a_log_that_can_not_be_written_is_an_error(self):
        job = self.reeve.ended("--", "seq", "1000")["id"]
        with open("/dev/full", "wb") as full:
            answer = self.reeve.run("log", job, stdout=full)
        self.assertNotEqual(answer.code, 0)


class Limits(SystemTest):
    """A log has a size limit, and what was dropped is told."""

    def test_a_log_over_its_limit_keeps_both_ends_and_tells_the_gap(self):
        job = self.reeve.ended("--log-max", "1MB", "--", "seq", "1000000")
        self.assertEqual(job["state"], "completed")
        answer = self.reeve.ok("log", job["id"])
        self.assertLess(len(answer.raw), 1_200_000)
        self.assertGreater(len(answer.raw), 100_000)
        self.assertTrue(answer.raw.startswith(b"1\n2\n3\n"))
        self.assertTrue(answer.raw.rstrip().endswith(b"1000000"))
        self.assert_told(answer.err + answer.out, "dropped")
        used = sum(file.stat().st_blocks * 512 for file in (self.reeve.home / "logs").rglob("*")
                   if file.is_file())
        self.assertLess(used, 3_000_000)

    def test_a_log_at_its_limit_is_whole(self):
        size = 1_000_000
        job = self.reeve.ended("--log-max", "1MB", "--", "head", "-c", str(size), "/dev/zero")
        self.assertEqual(self.reeve.log(job["id"]), bytes(size))

    def test_the_limit_holds_while_the_daemon_is_dead(self):
        script = "until test -e go; do sleep 0.05; done; seq 1000000; touch written; sleep 1"
        job = self.reeve.submit("--log-max", "1MB", "--", "sh", "-c", script)
        self.reeve.in_state(job, "running")
        self.reeve.kill_daemon()
        (self.reeve.work / "go").touch()
        until((self.reeve.work / "written").exists, "the job wrote without being held up")
        self.assertEqual(self.reeve.wait(job), 0)
        self.assertLess(len(self.reeve.log(job)), 1_200_000)


class Terminals(SystemTest):
    """What jobs write and are called can't take over a terminal."""

    ATTACK = "\x1b]0;stolen title\x07\x1b[2Jgone\r\n"

    def on_a_terminal(self, *arguments):
        """What a command prints when its output is a terminal."""
        main, end = pty.openpty()
        with self.reeve.popen(*arguments, stdout=end) as command:
            os.close(end)
            shown = b""
            try:
                while chunk := os.read(main, 65536):
                    shown += chunk
            except OSError:
                pass  # The kernel's way to say that the other end was closed.
            os.close(main)
            command.wait(30 * PATIENCE)
        return shown

    def test_a_log_is_harmless_on_a_terminal_and_raw_elsewhere(self):
        job = self.reeve.ended("--", "printf", "%s", self.ATTACK)["id"]
        self.assertEqual(self.reeve.log(job), self.ATTACK.encode())
        shown = self.on_a_terminal("log", job)
        self.assertIn(b"gone", shown)
        for sequence in (b"\x1b]", b"\x07", b"\x1b[2J"):
            self.assertNotIn(sequence, shown)

    def test_a_followed_job_is_harmless_on_a_terminal(self):
        shown = self.on_a_terminal("run", "--", "printf", "%s", self.ATTACK)
        self.assertIn(b"gone", shown)
        for sequence in (b"\x1b]", b"\x07", b"\x1b[2J"):
            self.assertNotIn(sequence, shown)

    def test_names_and_commands_are_harmless_in_listings(self):
        named = self.reeve.run("submit", "-J", self.ATTACK, "--", "true")
        self.assertIn(named.code, (0, 2))
        job = self.reeve.ended("--", "true", self.ATTACK)["id"]
        for arguments in (("ls", "--all"), ("show", job), ("events",)):
            shown = self.on_a_terminal(*arguments) + self.reeve.ok(*arguments).raw
            for sequence in (b"\x1b]", b"\x07", b"\x1b[2J"):
                self.assertNotIn(sequence, shown, arguments)


if __name__ == "__main__":
    unittest.main()
