"""A job is submitted, runs with what its submitter gave it, and is told about."""
import datetime
import os
import re
import resource
import sys
import unittest

from harness import JOB_FIELDS, SystemTest

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def parse_time(text):
    """The time that an RFC 3339 text in UTC means, to the second."""
    time = datetime.datetime.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")
    return time.replace(tzinfo=datetime.timezone.utc)


def with_umask(mask):
    """What a process does before it becomes the program, to have a umask."""
    return lambda: os.umask(mask)


class Submission(SystemTest):
    """What submit answers, and what becomes of the job."""

    def test_submit_prints_the_id_and_nothing_else(self):
        answer = self.reeve.ok("submit", "--", "true")
        self.assertRegex(answer.out, r"\A[1-9][0-9]*\n\Z")

    def test_ids_are_small_integers_that_rise(self):
        ids = [self.reeve.submit("--", "true") for _ in range(3)]
        self.assertEqual(ids, sorted(set(ids)))
        self.assertLessEqual(ids[-1], 10)

    def test_add_is_an_alias_of_submit(self):
        job = int(self.reeve.ok("add", "--", "true").out)
        self.assertEqual(self.reeve.wait(job), 0)

    def test_a_job_that_exits_with_0_is_completed(self):
        job = self.reeve.ended("-J", "first", "--", "sh", "-c", "echo hello")
        self.assertEqual(job["state"], "completed")
        self.assertEqual((job["exit_code"], job["signal"], job["reason"]), (0, None, None))
        self.assertEqual((job["name"], job["attempt"]), ("first", 1))
        self.assertEqual(job["command"], ["sh", "-c", "echo hello"])
        self.assertEqual(job["leftovers"], 0)
        self.assertFalse(job["core_dumped"])
        self.assertFalse(job["cancel_too_late"])

    def test_show_tells_every_documented_field_in_every_state(self):
        held = self.reeve.submit("--hold", "--", "true")
        running = self.reeve.submit("--", "sleep", "30")
        self.reeve.in_state(running, "running")
        ended = self.reeve.ended("--", "false")["id"]
        for job in (held, running, ended):
            self.assertEqual(JOB_FIELDS - set(self.reeve.show(job)), set())

    def test_ls_tells_every_documented_field(self):
        self.reeve.ended("--", "true")
        for job in self.reeve.ls("--all"):
            self.assertEqual(JOB_FIELDS - set(job), set())

    def test_a_running_job_has_no_outcome_yet(self):
        job = self.reeve.submit("--", "sleep", "30")
        fields = self.reeve.in_state(job, "running")
        for name in ("reason", "exit_code", "signal", "ended_at", "results_dir", "error"):
            self.assertIsNone(fields[name], name)
        self.assertRegex(fields["started_at"], TIME)

    def test_times_are_utc_and_in_order(self):
        now = datetime.datetime.now
        before = now(datetime.timezone.utc) - datetime.timedelta(seconds=2)
        job = self.reeve.ended("--", "sleep", "0.1")
        times = [job["submitted_at"], job["started_at"], job["ended_at"]]
        for text in times:
            self.assertRegex(text, TIME)
        self.assertEqual(times, sorted(times))
        self.assertLessEqual(before, parse_time(times[0]))
        self.assertLessEqual(parse_time(times[2]), now(datetime.timezone.utc))

    def test_run_shows_the_output_and_exits_with_the_code_of_the_job(self):
        answer = self.reeve.run("run", "--", "sh", "-c", "echo out; echo err >&2; exit 3")
        self.assertEqual(answer.code, 3)
        self.assertEqual(answer.out, "out\nerr\n")

    def test_run_gives_long_output_whole(self):
        answer = self.reeve.ok("run", "--", "seq", "200000")
        self.assertEqual(answer.out, "".join(f"{n}\n" for n in range(1, 200001)))

    def test_a_failed_job_with_a_retry_left_runs_again_as_the_next_attempt(self):
        script = 'echo "attempt $REEVE_ATTEMPT"; test "$REEVE_ATTEMPT" -gt 1'
        job = self.reeve.ended("--retry", "1", "--", "sh", "-c", script, timeout=90)
        self.assertEqual((job["state"], job["attempt"]), ("completed", 2))
        self.assertIn(b"attempt 2\n", self.reeve.log(job["id"]))

    def test_a_failed_job_without_retry_runs_once(self):
        job = self.reeve.ended("--", "false")
        self.assertEqual((job["state"], job["attempt"]), ("failed", 1))
        self.assertEqual(self.reeve.ends_of(job["id"]), ["failed"])


class WhatTheJobSees(SystemTest):
    """The submitter's surroundings reach the job, whoever started the daemon and how."""

    def output(self, *arguments, **options):
        """The log of a job that must complete."""
        job = self.reeve.submit(*arguments, **options)
        self.assertEqual(self.reeve.wait(job), 0, self.reeve.log(job))
        return self.reeve.log(job).decode()

    def test_the_environment_is_the_submitters_and_not_the_daemons(self):
        self.reeve.ok("daemon", "start", variables={"COLOUR": "of the daemon"})
        told = self.output("--", "sh", "-c", 'echo "$COLOUR"', variables={"COLOUR": "red ü\n2"})
        self.assertEqual(told, "red ü\n2\n")
        self.assertEqual(self.output("--", "sh", "-c", 'echo "${COLOUR-unset}"'), "unset\n")

    def test_a_variable_given_with_env_wins(self):
        told = self.output("--env", "COLOUR=blue=x", "--", "sh", "-c", 'echo "$COLOUR"',
                           variables={"COLOUR": "red"})
        self.assertEqual(told, "blue=x\n")

    def test_the_directory_is_the_submitters(self):
        self.reeve.ok("daemon", "start")
        place = self.reeve.work / "some where"
        place.mkdir()
        self.assertEqual(self.output("--", "pwd", cwd=place), f"{place}\n")

    def test_the_directory_can_be_chosen(self):
        place = self.reeve.work / "elsewhere"
        place.mkdir()
        self.assertEqual(self.output("--directory", place, "--", "pwd"), f"{place}\n")

    def test_the_umask_is_the_submitters(self):
        self.reeve.ok("daemon", "start", before=with_umask(0o022))
        told = self.output("--", "sh", "-c", "umask", before=with_umask(0o027))
        self.assertEqual(int(told, 8), 0o027)

    def test_limits_are_the_submitters(self):
        self.reeve.ok("daemon", "start")

        def limit():
            resource.setrlimit(resource.RLIMIT_NOFILE, (200, 300))
        told = self.output("--", "sh", "-c", "ulimit -Sn; ulimit -Hn", before=limit)
        self.assertEqual(told, "200\n300\n")

    def test_the_job_learns_who_it_is(self):
        script = 'echo "$REEVE_JOB_ID|$REEVE_ATTEMPT|$REEVE_NAME|$REEVE_CPUS"'
        job = self.reeve.ended("-J", "my name", "--", "sh", "-c", script)
        self.assertEqual(self.reeve.log(job["id"]).decode(), f"{job['id']}|1|my name|1\n")

    def test_stdin_is_empty_unless_given(self):
        self.assertEqual(self.output("--", "cat"), "")

    def test_stdin_can_be_a_file(self):
        source = self.reeve.work / "input"
        source.write_bytes(b"line\0 two\n")
        self.assertEqual(self.output("--stdin", source, "--", "cat"), "line\0 two\n")

    def test_the_job_has_no_descriptor_beyond_the_three(self):
        script = ("import os\n"
                  "names = os.listdir('/proc/self/fd')\n"
                  "print(sorted(n for n in names if os.path.lexists('/proc/self/fd/' + n)))")
        self.assertEqual(self.output("--", sys.executable, "-c", script), "['0', '1', '2']\n")

    def test_the_job_has_no_signal_blocked_or_ignored(self):
        told = self.output("--", "grep", "-E", "^Sig(Blk|Ign):", "/proc/self/status")
        self.assertEqual([int(line.split()[1], 16) for line in told.splitlines()], [0, 0])

    def test_the_job_is_not_in_the_session_of_the_submitter(self):
        with self.reeve.popen("submit", "--", "sh", "-c", "ps -o sid= -p $$") as command:
            job = int(command.communicate()[0])
        self.reeve.wait(job)
        self.assertNotEqual(int(self.reeve.log(job)), command.pid)

    def test_a_large_environment_reaches_the_job_whole(self):
        big = {f"BIG_{n}": str(n) * (100_000 // len(str(n))) for n in range(10, 24)}
        told = self.output("--", "sh", "-c", 'printf %s "$BIG_10$BIG_17$BIG_23" | cksum',
                           variables=big)
        wanted = "".join(big[f"BIG_{n}"] for n in (10, 17, 23))
        self.assertEqual(int(told.split()[1]), len(wanted))

    def test_many_long_arguments_reach_the_job_whole(self):
        words = ["x" * 100_000] * 10
        told = self.output("--", "sh", "-c", 'echo $# ${#1} ${#10}', "sh", *words)
        self.assertEqual(told, "10 100000 100000\n")

    def test_arguments_are_passed_as_they_are(self):
        words = ["", "a b", "$HOME", "*", "'", '"', "\\", "new\nline", "-x", "--", "ü"]
        told = self.output("--", sys.executable, "-c", "import sys; print(sys.argv[1:])", *words)
        self.assertEqual(told, f"{words}\n")

    def test_bytes_that_are_no_utf_8_reach_the_job_as_they_are(self):
        odd = os.fsdecode(b"caf\xe9 \xff\xfe")
        job = self.reeve.submit("--", "sh", "-c", 'printf "%s|%s" "$1" "$ODD"', "sh", odd,
                                variables={"ODD": odd})
        self.assertEqual(self.reeve.wait(job), 0)
        self.assertEqual(self.reeve.log(job), b"|".join([os.fsencode(odd)] * 2))
        self.assertEqual(len(self.reeve.show(job)["command"]), 5)

    def test_a_job_that_was_held_keeps_its_surroundings(self):
        job = self.reeve.submit("--hold", "--", "sh", "-c", 'echo "$COLOUR"; umask',
                                variables={"COLOUR": "red"}, before=with_umask(0o027))
        self.reeve.kill_daemon()
        self.reeve.ok("release", job)
        self.reeve.wait(job)
        self.assertEqual(self.reeve.log(job), b"red\n0027\n")


class ResourceUse(SystemTest):
    """The use of the whole tree is counted, not only that of the main process."""

    SPIN = "import time\nwhile time.process_time() < 0.5: pass"

    def test_cpu_time_of_a_grandchild_is_counted(self):
        job = self.reeve.ended("--", "sh", "-c", 'sh -c "$0 -c \'$1\'; true"; true',
                               sys.executable, self.SPIN)
        self.assertEqual(job["state"], "completed", job)
        self.assertGreaterEqual(job["cpu_seconds"], 0.45)
        self.assertLess(job["cpu_seconds"], 5)

    def test_cpu_time_of_a_process_that_left_its_parent_is_counted(self):
        script = '(setsid "$0" -c "$1" & ); until test -e done; do sleep 0.05; done'
        spin = self.SPIN + "\nopen('done', 'w').close()"
        job = self.reeve.ended("--", "sh", "-c", script, sys.executable, spin)
        self.assertEqual(job["state"], "completed", job)
        self.assertGreaterEqual(job["cpu_seconds"], 0.45)

    def test_a_job_that_sleeps_uses_no_cpu_time(self):
        self.assertLess(self.reeve.ended("--", "sleep", "1")["cpu_seconds"], 0.5)

    def test_the_peak_of_memory_is_counted(self):
        script = "import time; data = bytearray(b'x') * 200_000_000; time.sleep(0.6)"
        job = self.reeve.ended("--", "sh", "-c", '"$0" -c "$1"; true', sys.executable, script)
        self.assertGreaterEqual(job["max_rss_bytes"], 190_000_000)
        self.assertLess(job["max_rss_bytes"], 2_000_000_000)


class PlainSurroundings(SystemTest):
    """Without any help of the test bench: the daemon where the caller happens to be."""

    def test_a_job_runs_and_its_containment_is_told(self):
        reeve = self.reeve_with(place=False)
        job = reeve.ended("--", "true")
        self.assertEqual(job["state"], "completed")
        self.assertIn(job["containment"], ("cgroup", "subreaper"))


if __name__ == "__main__":
    unittest.main()
