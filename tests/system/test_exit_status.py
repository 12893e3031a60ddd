"""How a job ended is told exactly: code, signal, core dump, or why it could not start."""
import json
import os
import resource
import signal
import subprocess
import sys
import unittest

import processes
from harness import IS_ROOT, NOBODY, SystemTest
from processes import until


class ExitStatus(SystemTest):
    """Jobs that started, and ended by themselves."""

    def test_exit_codes_are_exact(self):
        codes = [0, 1, 2, 3, 42, 64, 126, 127, 128, 137, 139, 143, 254, 255]
        ids = self.reeve.batch([{"command": ["sh", "-c", f"exit {code}"]} for code in codes])
        for job, code in zip(ids, codes):
            self.assertEqual(self.reeve.wait(job), code)
            fields = self.reeve.show(job)
            self.assertEqual(fields["exit_code"], code)
            self.assertIsNone(fields["signal"])
            self.assertEqual(fields["state"], "failed" if code else "completed")
            self.assertEqual(fields["reason"], "exit_code" if code else None)

    def test_run_exits_with_the_code_of_the_job(self):
        for code in (0, 3, 255):
            answer = self.reeve.run("run", "--", "sh", "-c", f"exit {code}")
            self.assertEqual(answer.code, code)

    def test_a_failed_job_says_so_in_one_line(self):
        error = self.reeve.ended("--", "sh", "-c", "exit 3")["error"]
        self.assert_told(error, 3)
        self.assertNotIn("\n", error.strip())

    def test_signals_are_named_and_give_128_and_more(self):
        names = ["SIGHUP", "SIGINT", "SIGQUIT", "SIGABRT", "SIGKILL", "SIGSEGV", "SIGTERM",
                 "SIGUSR1", "SIGXCPU"]
        ids = self.reeve.batch([{"command": ["sh", "-c", f"kill -{name[3:]} $$"]}
                                for name in names])
        for job, name in zip(ids, names):
            self.assertEqual(self.reeve.wait(job), 128 + signal.Signals[name])
            fields = self.reeve.show(job)
            self.assertEqual((fields["state"], fields["reason"], fields["signal"]),
                             ("failed", "signal", name))
            self.assertIsNone(fields["exit_code"])

    def test_a_real_time_signal_is_told(self):
        script = "import os, signal; os.kill(os.getpid(), signal.SIGRTMIN + 3)"
        job = self.reeve.ended("--", sys.executable, "-c", script)
        self.assertEqual((job["state"], job["reason"]), ("failed", "signal"))
        self.assertEqual(self.reeve.wait(job["id"]), 128 + signal.SIGRTMIN + 3)

    def test_an_exit_code_of_139_is_not_taken_for_a_crash(self):
        crash = self.reeve.ended("--", "sh", "-c", "kill -SEGV $$")
        code = self.reeve.ended("--", "sh", "-c", "exit 139")
        self.assertEqual((crash["reason"], code["reason"]), ("signal", "exit_code"))

    def test_run_exits_with_139_for_a_segmentation_fault(self):
        answer = self.reeve.run("run", "--", "sh", "-c", "kill -SEGV $$")
        self.assertEqual(answer.code, 139)
        self.assert_told(answer.err, "SIGSEGV")

    def test_a_core_dump_is_told_when_there_is_one_and_only_then(self):
        _, hard = resource.getrlimit(resource.RLIMIT_CORE)
        crash = ["sh", "-c", "kill -SEGV $$"]
        for size in {0, hard}:
            def limit(size=size):
                resource.setrlimit(resource.RLIMIT_CORE, (size, hard))
            # The kernel's own word for the same crash in the same place.
            with subprocess.Popen(crash, cwd=self.reeve.work, preexec_fn=limit) as bare:
                _, status = os.waitpid(bare.pid, 0)
                bare.returncode = 0
            job = self.reeve.submit("--", *crash, before=limit)
            self.assertEqual(self.reeve.wait(job), 139)
            self.assertEqual(self.reeve.show(job)["core_dumped"], os.WCOREDUMP(status), size)

    def test_a_python_exception_is_a_failure_with_its_code(self):
        job = self.reeve.ended("--", sys.executable, "-c", "raise KeyError('x')")
        self.assertEqual((job["state"], job["reason"], job["exit_code"]),
                         ("failed", "exit_code", 1))

    def test_a_failing_command_inside_a_shell_pipeline_fails_the_job(self):
        job = self.reeve.ended("--shell", "false | cat")
        self.assertEqual((job["state"], job["exit_code"]), ("failed", 1))

    def test_a_shell_string_is_run_by_bash(self):
        job = self.reeve.ended("--shell", 'a=(x y); echo "${a[1]}"; exit 5')
        self.assertEqual(job["exit_code"], 5)
        self.assertEqual(self.reeve.log(job["id"]), b"y\n")

    def test_words_are_executed_as_they_are(self):
        job = self.reeve.ended("--", "echo", "a", "|", "false", ";", "$HOME")
        self.assertEqual(self.reeve.log(job["id"]), b"a | false ; $HOME\n")

    def test_a_job_over_its_time_limit_is_a_timeout(self):
        job = self.reeve.ended("-t", "1", "--", "sleep", "600")
        self.assertEqual((job["state"], job["reason"]), ("timeout", "wall_limit"))
        self.assertEqual(self.reeve.wait(job["id"]), 124)
        self.assert_told(job["error"], "time")

    def test_a_time_limit_ends_a_tree_that_ignores_sigterm(self):
        script = "trap '' TERM; setsid sleep 500 & while :; do sleep 1; done"
        job = self.reeve.ended("-t", "1", "--grace", "1s", "--", "sh", "-c", script)
        self.assertEqual(job["state"], "timeout")
        self.assertEqual(self.reeve.strangers(), set())

    def test_a_job_within_its_time_limit_is_left_alone(self):
        job = self.reeve.ended("-t", "60", "--", "sleep", "0.3")
        self.assertEqual((job["state"], job["reason"]), ("completed", None))

    def test_run_exits_with_124_after_the_time_limit(self):
        self.assertEqual(self.reeve.run("run", "-t", "1", "--", "sleep", "600").code, 124)


class LaunchErrors(SystemTest):
    """Jobs that could not start, each kind told apart from the others."""

    def launch_error(self, code, *arguments):
        """Submit a job that can't start, check what is told and return the line for people."""
        job = self.reeve.ended(*arguments)
        self.assertEqual((job["state"], job["reason"]), ("failed", "launch_error"), job)
        self.assertEqual(self.reeve.wait(job["id"]), code)
        self.assertIsNone(job["signal"])
        return job["error"]

    def file(self, name, content, mode):
        """Make a file in the working directory and return its path."""
        path = self.reeve.work / name
        path.write_text(content)
        path.chmod(mode)
        return path

    def test_a_missing_program_gives_127_and_is_named(self):
        self.assert_told(self.launch_error(127, "--", "no-such-program"), "no-such-program")

    def test_a_missing_path_gives_127_and_is_named(self):
        path = self.reeve.work / "nothing-here"
        self.assert_told(self.launch_error(127, "--", path), path)

    def test_run_says_which_program_is_missing(self):
        answer = self.reeve.run("run", "--", "no-such-program")
        self.assertEqual(answer.code, 127)
        self.assert_told(answer.err, "no-such-program")

    def test_a_program_that_exits_with_127_is_no_launch_error(self):
        job = self.reeve.ended("--", "sh", "-c", "no-such-program-in-sh")
        self.assertEqual((job["reason"], job["exit_code"]), ("exit_code", 127))

    def test_a_file_that_is_not_executable_gives_126_and_is_named(self):
        path = self.file("plain-file", "#!/bin/sh\n", 0o644)
        self.assert_told(self.launch_error(126, "--", path), "plain-file", "permission")

    def test_a_directory_as_program_gives_126(self):
        place = self.reeve.work / "place"
        place.mkdir()
        self.assert_told(self.launch_error(126, "--", place), place)

    def test_a_missing_interpreter_is_a_launch_error(self):
        path = self.file("script", "#!/no/such/interpreter\n", 0o755)
        job = self.reeve.ended("--", path)
        self.assertEqual((job["state"], job["reason"]), ("failed", "launch_error"))
        self.assertIn(self.reeve.wait(job["id"]), (126, 127))

    def test_an_argument_that_is_too_long_is_told_apart(self):
        # One argument may not exceed 128 KiB, so only a batch can bring such a job.
        [job] = self.reeve.batch([{"command": ["true", "x" * 200_000]}])
        self.assertIn(self.reeve.wait(job), (125, 126))
        fields = self.reeve.show(job)
        self.assertEqual((fields["state"], fields["reason"]), ("failed", "launch_error"))
        self.assert_told(fields["error"], "too long")

    def test_a_directory_that_is_gone_is_named(self):
        place = self.reeve.work / "short-lived"
        place.mkdir()
        job = self.reeve.submit("--hold", "--directory", place, "--", "pwd")
        place.rmdir()
        self.reeve.ok("release", job)
        self.assertNotEqual(self.reeve.wait(job), 0)
        fields = self.reeve.show(job)
        self.assertEqual((fields["state"], fields["reason"]), ("failed", "launch_error"))
        self.assert_told(fields["error"], place, "directory")

    def test_a_missing_input_file_is_named(self):
        source = self.reeve.work / "input"
        source.write_text("x")
        job = self.reeve.submit("--hold", "--stdin", source, "--", "cat")
        source.unlink()
        self.reeve.ok("release", job)
        self.assertNotEqual(self.reeve.wait(job), 0)
        fields = self.reeve.show(job)
        self.assertEqual((fields["state"], fields["reason"]), ("failed", "launch_error"))
        self.assert_told(fields["error"], source)

    def test_after_launch_errors_other_jobs_run(self):
        for _ in range(5):
            self.reeve.ended("--", "no-such-program")
        self.assertEqual(self.reeve.ended("--", "true")["state"], "completed")


class Shortage(SystemTest):
    """No process or descriptor is to be had: a clear reason or patience, never a hang."""

    config = "[capacity]\ncpus = 100\n"

    def in_order(self, job):
        """Whether a job ended well, or says clearly why it could not start."""
        if job["state"] == "completed":
            return True
        return job["state"] == "failed" and job["reason"] == "launch_error" and job["error"]

    def test_a_full_process_table_is_told_or_waited_for(self):
        oracle = self.reeve.oracle
        if oracle is None or not (oracle.path / "pids.max").exists():
            self.skipTest("needs root and a pids controller to make processes scarce")
        self.reeve.ended("--", "true")
        held = [self.reeve.submit("--hold", "--", "true") for _ in range(3)]
        # The daemon keeps what it has, but nothing below it can be born; the commands of this
        # test run outside meanwhile.
        (oracle.path / "pids.max").write_text("1")
        self.reeve.oracle = None
        try:
            for job in held:
                self.reeve.ok("release", job)
            processes.watch(lambda: {job["state"] for job in map(self.reeve.show, held)}
                            - {"queued", "held", "starting", "finishing", "failed"},
                            "a job in an impossible state", seconds=3)
        finally:
            self.reeve.oracle = oracle
            (oracle.path / "pids.max").write_text("max")
        for job in held:
            self.reeve.wait(job)
            fields = self.reeve.show(job)
            self.assertTrue(self.in_order(fields), fields)
            if fields["state"] == "failed":
                self.assert_told(fields["error"], "process")
        self.assertEqual(self.reeve.ended("--", "true")["state"], "completed")

    def test_too_few_descriptors_are_told_or_waited_for(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
        lines = "".join(json.dumps({"command": ["sleep", "0.5"]}) + "\n" for _ in range(60))
        answer = self.reeve.ok("submit", "--batch", "-", data=lines.encode(), before=limit)
        ids = [int(line) for line in answer.out.split()]
        for job in ids:
            self.reeve.wait(job)
            fields = self.reeve.show(job)
            self.assertTrue(self.in_order(fields), fields)
        job = self.reeve.submit("--", "true", before=limit)
        self.assertEqual(self.reeve.wait(job), 0)

    @unittest.skipUnless(IS_ROOT, "needs root to become another user")
    def test_the_limit_of_processes_binds_the_job_and_not_the_daemon(self):
        reeve = self.reeve_with(user=NOBODY)
        reeve.ok("daemon", "start")

        def limit():
            resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
        answer = reeve.run("submit", "--", "sh", "-c", "(:); echo forked", before=limit)
        if answer.code == 0:
            job = int(answer.out)
            self.assertNotEqual(reeve.wait(job), 0)
            fields = until(lambda: reeve.show(job), "the job is shown")
            self.assertEqual(fields["state"], "failed", fields)
            self.assertNotIn(b"forked", reeve.log(job))
        else:
            self.assert_refused(answer)
        self.assertEqual(reeve.ended("--", "true")["state"], "completed")


if __name__ == "__main__":
    unittest.main()
