"""The command line: what is refused, what is printed, and which codes it exits with."""
import json
import shutil
import signal
import subprocess
import time
import unittest

import processes
from harness import JOB_FIELDS, PATIENCE, SystemTest
from processes import until

VERBS = ["run", "contain", "submit", "add", "ls", "show", "log", "follow", "wait", "cancel", "kill",
         "signal", "hold", "release", "pause", "resume", "retry", "edit", "rm", "events", "why",
         "grep", "stats", "daemon", "progress", "beat", "result", "fail", "completion", "version",
         "pipeline", "config"]


def signal_group(process, number):
    """Send a signal to the whole process group of a command, which leads a session."""
    processes.kill(-process.pid, number)


class Usage(SystemTest):
    """Commands that can't be understood exit with 2 and change nothing."""

    def test_commands_that_can_not_be_understood_are_refused(self):
        for words in ([], ["explode"], ["--explode"], ["submit"], ["submit", "--"], ["run"],
                      ["submit", "--explode", "--", "true"], ["show"], ["show", "abc"],
                      ["show", "-5"], ["log"], ["wait"], ["cancel"], ["signal", "TERM"],
                      ["cancel", "1-x"], ["daemon"], ["daemon", "explode"],
                      ["completion", "tcsh"], ["ls", "--limit", "many"], ["ls", "--limit", "-1"],
                      ["ls", "--state", "happy"], ["submit", "--batch"]):
            with self.subTest(words=words):
                self.assert_refused(self.reeve.run(*words), 2)
        self.assertEqual(self.reeve.ls("--all"), [])

    def test_values_that_can_not_be_understood_are_refused(self):
        for option, value in (
                ("-p", "urgent"), ("-c", "-1"), ("-c", "many"), ("-c", "1.5x"), ("-c", ""),
                ("-c", "99999999999999999999"), ("--mem", "5XB"), ("--mem", "lots"), ("-G", "-1"),
                ("--counter", "licence"), ("--counter", "licence=x"), ("--counter", "=1"),
                ("-t", "soon"), ("-t", "-5"), ("-t", "1h1h1x"), ("--grace", "x"),
                ("--retry", "-1"), ("--retry", "x"), ("--on-busy", "explode"),
                ("--containment", "maybe"), ("--keep-staging", "perhaps"), ("--log-max", "big"),
                ("--env", "=value")):
            with self.subTest(option=option, value=value):
                answer = self.reeve.run("submit", option, value, "--", "true")
                self.assert_refused(answer, 2)
        self.assertEqual(self.reeve.ls("--all"), [])

    def test_a_value_that_can_not_be_understood_is_named(self):
        for option, value in (("-p", "urgent"), ("--mem", "5XB"), ("-t", "soon")):
            self.assert_told(self.reeve.run("submit", option, value, "--", "true").err, value)

    def test_durations_and_sizes_are_understood_in_every_documented_form(self):
        for duration in ("90", "90s", "30m", "1h30m", "2-12:00:00"):
            self.reeve.submit("--hold", "-t", duration, "--", "true")
        for size in ("4MB", "1M", "500K", "1000000"):
            self.reeve.submit("--hold", "--mem", size, "--", "true")
        self.assertEqual(len(self.reeve.ls("--all")), 9)

    def test_a_job_that_does_not_exist_is_named_by_every_command(self):
        self.reeve.ok("daemon", "start")
        for words in (["show"], ["log"], ["follow"], ["wait"], ["cancel"], ["signal", "TERM"],
                      ["hold"], ["release"], ["rm"], ["show", "--json"], ["events"]):
            with self.subTest(words=words):
                answer = self.reeve.run(*words, "4711")
                self.assert_refused(answer)
                self.assert_told(answer.err, "4711")

    def test_options_of_the_command_are_not_options_of_reeve(self):
        job = self.reeve.ended("--", "echo", "--hold", "-p", "urgent", "--", "--help")
        self.assertEqual(self.reeve.log(job["id"]), b"--hold -p urgent -- --help\n")

    def test_help_is_there_for_every_verb_and_starts_no_daemon(self):
        for words in ([], *([verb] for verb in VERBS)):
            answer = self.reeve.ok(*words, "--help")
            self.assertNotEqual(answer.out.strip(), "")
            self.assertEqual(answer.err, "")
        self.assertEqual(list(self.reeve.home.iterdir()), [])

    def test_version_is_told_and_starts_no_daemon(self):
        self.assertRegex(self.reeve.ok("version").out, r"\d+\.\d+")
        self.assertEqual(list(self.reeve.home.iterdir()), [])

    def test_completion_is_valid_and_knows_the_verbs(self):
        for shell in ("bash", "zsh", "fish"):
            script = self.reeve.ok("completion", shell).out
            for verb in set(VERBS) - {"add", "kill"}:  # The other names of submit and cancel.
                self.assertIn(verb, script)
            if shutil.which(shell):
                checked = subprocess.run([shell, "-n"], input=script.encode(), check=False,
                                         capture_output=True)
                self.assertEqual((checked.returncode, checked.stderr), (0, b""))


class Listings(SystemTest):
    """Data on stdout, in a form that programs can read."""

    config = "[capacity]\ncpus = 8\n"

    def test_ls_tells_the_newest_first(self):
        ids = [self.reeve.submit("--hold", "--", "true") for _ in range(4)]
        self.assertEqual([job["id"] for job in self.reeve.ls("--all")], ids[::-1])
        self.assertEqual([job["id"] for job in self.reeve.ls("--all", "--limit", "2")],
                         ids[:1:-1])

    def test_ls_can_be_limited_to_a_state(self):
        held = self.reeve.submit("--hold", "--", "true")
        failed = self.reeve.ended("--", "false")["id"]
        done = self.reeve.ended("--", "true")["id"]
        for state, job in (("held", held), ("failed", failed), ("completed", done)):
            self.assertEqual([fields["id"] for fields in self.reeve.ls("--state", state)], [job])

    def test_an_empty_list_is_an_empty_array(self):
        self.assertEqual(self.reeve.ok("ls", "--json").out.strip(), "[]")

    def test_listings_for_people_name_the_jobs(self):
        job = self.reeve.ended("-J", "alpha", "--", "sh", "-c", "exit 3")["id"]
        for words in (["ls", "--all"], ["show", job]):
            self.assert_told(self.reeve.ok(*words).out, job, "alpha", "failed")

    def test_events_are_objects_one_a_line_and_tell_the_way_of_a_job(self):
        job = self.reeve.ended("--", "true")["id"]
        other = self.reeve.ended("--", "false")["id"]
        text = "\n".join(json.dumps(event) for event in self.reeve.events(job))
        places = [text.find(f'"{state}"') for state in ("queued", "running", "completed")]
        self.assertEqual((places, -1 in places), (sorted(places), False), text)
        self.assertEqual(self.reeve.ends_of(other), ["failed"])
        self.assertGreater(len(self.reeve.events()), len(self.reeve.events(job)))

    def test_json_is_valid_whatever_a_job_is_called(self):
        name = 'quote " back \\ ü \U0001f600 <b>'
        words = ["echo", name, "tab \t line\n </script> \x01 \x7f"]
        job = self.reeve.submit("--hold", "-J", name, "--", *words)
        for fields in (self.reeve.show(job), self.reeve.ls("--all")[0]):
            self.assertEqual((fields["name"], fields["command"]), (name, words))
            self.assertEqual(JOB_FIELDS - set(fields), set())

    def test_a_secret_reaches_the_job_and_nothing_else(self):
        canary = "canary-7f3a"
        job = self.reeve.submit("--secret", "TOKEN", "--env", "PLAIN=seen", "--", "sh", "-c",
                                "printenv TOKEN | wc -c; test $TOKEN = canary-7f''3a",
                                variables={"TOKEN": canary})
        self.assertEqual(self.reeve.wait(job), 0)
        shown = self.reeve.ok("show", "--env", job).out
        self.assert_told(shown, "TOKEN", "PLAIN", "seen")
        for words in (["show", job], ["show", job, "--json"], ["show", "--env", job, "--json"],
                      ["ls", "--all", "--json"], ["events"], ["events", "--json"]):
            self.assertNotIn(canary, str(self.reeve.ok(*words)), words)
        self.assertNotIn(canary, shown)

    def test_what_can_not_be_printed_is_an_error(self):
        job = self.reeve.ended("--", "true")["id"]
        for words in (["ls", "--all", "--json"], ["show", job], ["submit", "--", "true"]):
            with open("/dev/full", "wb") as full:
                self.assertNotEqual(self.reeve.run(*words, stdout=full).code, 0, words)


class Waiting(SystemTest):
    """wait, follow and run end when the jobs do, with their codes."""

    config = "[capacity]\ncpus = 8\n"
    GATED = "echo ready; until test -e go; do sleep 0.05; done; echo end; exit 6"

    def go(self):
        """Let gated jobs go on."""
        (self.reeve.work / "go").touch()

    def gated(self):
        """Submit a job that waits for `go`, and wait until it runs."""
        job = self.reeve.shell(self.GATED)
        self.reeve.logged(job, "ready")
        return job

    def test_wait_ends_with_the_job(self):
        job = self.gated()
        with self.reeve.popen("wait", job) as wait:
            processes.watch(lambda: wait.poll() is not None, "wait ended early", 0.5)
            self.go()
            self.assertEqual(wait.wait(30 * PATIENCE), 6)

    def test_wait_for_several_jobs_gives_the_code_of_one_that_failed(self):
        ids = [self.reeve.shell(f"exit {code}") for code in (0, 5, 0)]
        self.assertEqual(self.reeve.wait(*ids), 5)
        self.assertEqual(self.reeve.wait(f"{ids[0]}-{ids[2]}"), 5)
        self.assertEqual(self.reeve.wait(ids[0], ids[2]), 0)

    def test_wait_ends_though_a_job_is_named_twice(self):
        job = self.reeve.shell("exit 3")
        self.assertEqual(self.reeve.wait(job, "last", f"{job}-{job}"), 3)

    def test_wait_by_name_tells_of_a_job_that_has_failed_already(self):
        self.reeve.wait(self.reeve.shell("exit 3", "--name", "early"))
        self.assertEqual(self.reeve.wait("-n", "early"), 3)

    def test_wait_for_all_waits_for_all(self):
        self.reeve.ok("daemon", "start")
        self.assertEqual(self.reeve.wait("--all"), 0)
        ids = [self.reeve.shell("sleep 0.5") for _ in range(3)]
        self.assertEqual(self.reeve.wait("--all"), 0)
        self.assertEqual({self.reeve.show(job)["state"] for job in ids}, {"completed"})

    def test_wait_gives_130_for_a_cancelled_job(self):
        job = self.gated()
        with self.reeve.popen("wait", job) as wait:
            self.reeve.ok("cancel", job)
            self.assertEqual(wait.wait(30 * PATIENCE), 130)

    def interrupt(self, process, errors):
        """Interrupt a command as a terminal does, and wait until it says something about it."""
        said = errors.stat().st_size
        signal_group(process, signal.SIGINT)
        until(lambda: errors.stat().st_size > said, "an answer to the interrupt", pause=0.01)

    def test_one_interrupt_detaches_run_and_the_job_goes_on(self):
        errors = self.reeve.base / "errors"
        with open(errors, "wb") as file, \
                self.reeve.popen("run", "--", "sh", "-c", self.GATED, stderr=file) as run:
            self.assertEqual(run.stdout.readline(), b"ready\n")
            # The daemon was started by this very command, and must not be in its group.
            self.interrupt(run, errors)
            self.assertEqual(run.wait(30 * PATIENCE), 130)
        self.assert_told(errors.read_text(), "cancel", "goes on")
        [job] = self.reeve.ls()
        self.assertEqual(job["state"], "running")
        self.go()
        self.assertEqual(self.reeve.wait(job["id"]), 6)

    def test_two_interrupts_cancel_the_job_of_run(self):
        errors = self.reeve.base / "errors"
        with open(errors, "wb") as file, \
                self.reeve.popen("run", "--", "sh", "-c", self.GATED, stderr=file) as run:
            self.assertEqual(run.stdout.readline(), b"ready\n")
            self.interrupt(run, errors)
            signal_group(run, signal.SIGINT)
            self.assertEqual(run.wait(30 * PATIENCE), 130)
        [job] = self.reeve.ls("--all")
        self.assertEqual(self.reeve.in_state(job["id"], "cancelled")["reason"],
                         "cancelled_by_user")
        self.assertEqual(self.reeve.strangers(), set())

    def test_an_interrupt_ends_follow_and_the_job_goes_on(self):
        job = self.gated()
        with self.reeve.popen("follow", job) as follow:
            self.assertEqual(follow.stdout.readline(), b"ready\n")
            signal_group(follow, signal.SIGINT)
            self.assertEqual(follow.wait(30 * PATIENCE), 130)
        self.assertEqual(self.reeve.show(job)["state"], "running")

    def test_the_death_of_run_does_not_touch_the_job(self):
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGKILL):
            with self.reeve.popen("run", "--", "sh", "-c", self.GATED) as run:
                self.assertEqual(run.stdout.readline(), b"ready\n")
                signal_group(run, number)
                run.wait(30 * PATIENCE)
        jobs = self.reeve.ls()
        self.assertEqual([job["state"] for job in jobs], ["running"] * 3)
        self.go()
        self.assertEqual([self.reeve.wait(job["id"]) for job in jobs], [6] * 3)

    def test_run_shows_output_at_once(self):
        begin = time.monotonic()
        with self.reeve.popen("run", "--", "sh", "-c", "printf x; exec sleep 20") as run:
            self.assertEqual(run.stdout.read(1), b"x")
            self.assertLess(time.monotonic() - begin, 15)
            run.kill()

    def test_a_quick_job_keeps_its_output_in_run(self):
        for turn in range(20):
            answer = self.reeve.run("run", "--", "echo", str(turn))
            self.assertEqual((answer.code, answer.out), (0, f"{turn}\n"))

    def test_waiting_burns_no_cpu_time(self):
        job = self.gated()
        with self.reeve.popen("wait", job) as wait:
            processes.watch(lambda: wait.poll() is not None, "wait ended early", 1)
            used = processes.fields(processes.read(f"/proc/{wait.pid}/stat"))[11:13]
            self.assertLess(sum(map(int, used)), 20, "in hundredths of a second")
            self.go()
            until(lambda: wait.poll() is not None, "wait ended")


if __name__ == "__main__":
    unittest.main()
