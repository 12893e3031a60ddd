"""What runs when: priorities, order, resources, locks, batches, and submitting again."""
import json
import threading
import unittest

import processes
from harness import TERMINAL, SystemTest
from processes import PATIENCE, until

# Notes begin and end in a file, so that overlaps can be read from it afterwards.
NOTED = 'echo "+$REEVE_JOB_ID" >>notes; sleep {}; echo "-$REEVE_JOB_ID" >>notes'


class QueueTest(SystemTest):
    """What the tests of the queue have in common."""

    def notes(self, seconds="0.15"):
        """The words of a job that notes its begin and its end."""
        return ["sh", "-c", NOTED.format(seconds)]

    def most_at_once(self):
        """The largest number of jobs that were running at the same time, as they noted it."""
        now = most = 0
        for line in (self.reeve.work / "notes").read_text().splitlines():
            now += 1 if line[0] == "+" else -1
            most = max(most, now)
        return most

    def order(self):
        """The ids of jobs in the order in which they began."""
        lines = (self.reeve.work / "notes").read_text().splitlines()
        return [int(line[1:]) for line in lines if line[0] == "+"]

    def blocker(self, *options):
        """Start a job that holds what it asked for until `self.go` is called."""
        job = self.reeve.shell("until test -e go; do sleep 0.05; done", *options)
        self.reeve.in_state(job, "running")
        return job

    def go(self):
        """Let the blockers end."""
        (self.reeve.work / "go").touch()

    def all_complete(self, ids):
        """Check that all jobs come to a good end."""
        for job in ids:
            self.assertEqual(self.reeve.wait(job), 0, job)


class Order(QueueTest):
    """One job at a time: here is who comes next."""

    config = "[capacity]\ncpus = 1\n"

    def test_first_in_is_first_out(self):
        self.blocker()
        ids = [self.reeve.submit("--", *self.notes("0")) for _ in range(10)]
        self.go()
        self.all_complete(ids)
        self.assertEqual(self.order(), ids)

    def test_higher_priorities_come_first_and_keep_their_order(self):
        self.blocker()
        priorities = ["low", "normal", "critical", "high", "low", "critical", "normal", "high"]
        ids = [self.reeve.submit("-p", priority, "--", *self.notes("0"))
               for priority in priorities]
        self.assertEqual([self.reeve.show(job)["priority"] for job in ids], priorities)
        self.go()
        self.all_complete(ids)
        wanted = [job for rank in ("critical", "high", "normal", "low")
                  for job, priority in zip(ids, priorities) if priority == rank]
        self.assertEqual(self.order(), wanted)

    def test_the_priority_is_normal_unless_given(self):
        self.assertEqual(self.reeve.ended("--", "true")["priority"], "normal")

    def test_a_held_job_lets_others_pass_and_runs_when_released(self):
        held = self.reeve.submit("--hold", "-p", "critical", "--", *self.notes("0"))
        other = self.reeve.submit("--", *self.notes("0"))
        self.all_complete([other])
        self.assertEqual(self.reeve.show(held)["state"], "held")
        self.reeve.ok("release", held)
        self.all_complete([held])
        self.assertEqual(self.order(), [other, held])

    def test_a_queued_job_can_be_held(self):
        self.blocker()
        job = self.reeve.submit("--", *self.notes("0"))
        self.reeve.ok("hold", job)
        self.assertEqual(self.reeve.show(job)["state"], "held")
        self.go()
        self.all_complete([self.reeve.submit("--", "true")])
        self.assertEqual(self.reeve.show(job)["state"], "held")
        self.reeve.ok("release", job)
        self.all_complete([job])

    def test_a_running_or_ended_job_can_not_be_held(self):
        running = self.blocker()
        self.assert_refused(self.reeve.run("hold", running))
        self.go()
        self.reeve.wait(running)
        self.assert_refused(self.reeve.run("hold", running))

    def test_a_cancelled_job_in_the_queue_lets_the_next_pass(self):
        self.blocker()
        ids = [self.reeve.submit("--", *self.notes("0")) for _ in range(3)]
        self.reeve.ok("cancel", ids[0])
        self.go()
        self.all_complete(ids[1:])
        self.assertEqual(self.order(), ids[1:])


class Resources(QueueTest):
    """Nothing starts before what it asks for is free."""

    config = ('[capacity]\ncpus = 2\nmemory = "1GB"\ngpus = 1\n'
              "[capacity.counters]\nlicence = 2\n")

    def test_a_job_takes_one_cpu_unless_it_asks_for_more(self):
        ids = self.reeve.batch([{"command": self.notes()}] * 8)
        self.all_complete(ids)
        self.assertEqual(self.most_at_once(), 2)

    def test_a_job_with_all_cpus_runs_alone(self):
        ids = self.reeve.batch([{"command": self.notes(), "cpus": 1 + n % 2} for n in range(6)])
        self.all_complete(ids)
        notes = (self.reeve.work / "notes").read_text().splitlines()
        for job in ids[1::2]:
            begin = notes.index(f"+{job}")
            self.assertEqual(notes[begin + 1], f"-{job}", notes)
            self.assertEqual(sum(1 if note[0] == "+" else -1 for note in notes[:begin]), 0)

    def test_memory_is_counted(self):
        ids = self.reeve.batch([{"command": self.notes(), "mem": "600MB"}] * 3)
        self.all_complete(ids)
        self.assertEqual(self.most_at_once(), 1)

    def test_memory_that_fits_is_shared(self):
        ids = self.reeve.batch([{"command": self.notes("1"), "mem": "300MB"}] * 2)
        self.all_complete(ids)
        self.assertEqual(self.most_at_once(), 2)

    def test_gpus_are_counted(self):
        ids = self.reeve.batch([{"command": self.notes(), "gpus": 1}] * 3)
        self.all_complete(ids)
        self.assertEqual(self.most_at_once(), 1)

    def test_a_job_with_a_gpu_is_told_which(self):
        job = self.reeve.ended("-G", "1", "--", "sh", "-c", 'echo "$CUDA_VISIBLE_DEVICES"')
        self.assertEqual(self.reeve.log(job["id"]), b"0\n")

    def test_counters_are_counted(self):
        reeve = self.reeve_with(config=self.config.replace("cpus = 2", "cpus = 8"))
        self.reeve = reeve
        ids = [reeve.submit("--counter", "licence=1", "--", *self.notes()) for _ in range(6)]
        self.all_complete(ids)
        self.assertEqual(self.most_at_once(), 2)

    def test_a_job_that_needs_the_whole_counter_runs_alone(self):
        ids = [self.reeve.submit("--counter", "licence=2", "--", *self.notes())
               for _ in range(3)]
        self.all_complete(ids)
        self.assertEqual(self.most_at_once(), 1)

    def test_what_can_never_fit_is_refused_at_once(self):
        for options in (["-c", "3"], ["--mem", "2GB"], ["-G", "2"], ["--counter", "licence=3"],
                        ["--counter", "unknown=1"]):
            with self.subTest(options=options):
                answer = self.reeve.run("submit", *options, "--", "true")
                self.assert_refused(answer)
        self.assertEqual(self.reeve.ls("--all"), [])

    def test_resources_come_back_however_a_job_ends(self):
        everything = ["-c", "2", "--mem", "1GB", "-G", "1", "--counter", "licence=2"]
        for words in (["true"], ["false"], ["no-such-program"], ["sh", "-c", "kill -9 $$"]):
            self.reeve.ended(*everything, "--", *words)
        job = self.reeve.submit(*everything, "--", "sleep", "600")
        self.reeve.in_state(job, "running")
        self.reeve.ok("cancel", job)
        self.assertEqual(self.reeve.ended(*everything, "--", "true")["state"], "completed")

    def test_resources_of_running_jobs_stay_taken_over_the_death_of_the_daemon(self):
        blocker = self.blocker("-c", "2")
        job = self.reeve.submit("--", "true")
        self.reeve.kill_daemon()
        processes.watch(lambda: self.reeve.show(job)["state"] != "queued", "started early", 1)
        self.go()
        self.all_complete([blocker, job])


class Locks(QueueTest):
    """A lock admits one job at a time."""

    config = "[capacity]\ncpus = 8\n"

    def test_jobs_with_one_lock_run_one_after_the_other(self):
        ids = self.reeve.batch([{"command": self.notes("0.05"), "lock": "db"}] * 6)
        self.all_complete(ids)
        self.assertEqual((self.most_at_once(), self.order()), (1, ids))

    def test_other_locks_and_no_lock_do_not_wait(self):
        self.blocker("--lock", "db")
        self.all_complete([self.reeve.submit("--lock", "other", "--", "true"),
                           self.reeve.submit("--", "true")])

    def test_reject_refuses_with_75_while_the_lock_is_taken(self):
        blocker = self.blocker("--lock", "db")
        for verb in ("submit", "run"):
            answer = self.reeve.run(verb, "--lock", "db", "--on-busy", "reject", "--", "true")
            self.assert_refused(answer, 75)
            self.assert_told(answer.err, "db", blocker)
        self.assertEqual(len(self.reeve.ls("--all")), 1)
        self.go()
        self.reeve.wait(blocker)
        job = self.reeve.submit("--lock", "db", "--on-busy", "reject", "--", "true")
        lines = json.dumps({"command": ["true"], "lock": "L", "on-busy": "reject"}) + "\n"
        self.assertEqual(self.reeve.run("submit", "--batch", "-", data=2 * lines.encode()).code, 75)
        self.assertEqual(len(self.reeve.ls("--all")), 2, "none of the batch")
        self.all_complete([job])

    def test_wait_waits_while_the_lock_is_taken(self):
        self.blocker("--lock", "db")
        job = self.reeve.submit("--lock", "db", "--on-busy", "wait", "--", "true")
        processes.watch(lambda: self.reeve.show(job)["state"] != "queued", "started early", 0.7)
        self.go()
        self.all_complete([job])

    def test_a_lock_is_free_again_however_its_job_ends(self):
        for words in (["false"], ["no-such-program"], ["sh", "-c", "kill -9 $$"]):
            self.reeve.ended("--lock", "db", "--on-busy", "reject", "--", *words)
        job = self.reeve.submit("--lock", "db", "--", "sleep", "600")
        self.reeve.in_state(job, "running")
        self.reeve.ok("cancel", job)
        job = self.reeve.submit("--lock", "db", "--on-busy", "reject", "--", "true")
        self.all_complete([job])

    def test_a_lock_stays_taken_over_the_death_of_the_daemon(self):
        blocker = self.blocker("--lock", "db")
        self.reeve.kill_daemon()
        answer = self.reeve.run("submit", "--lock", "db", "--on-busy", "reject", "--", "true")
        self.assert_refused(answer, 75)
        self.go()
        self.all_complete([blocker, self.reeve.submit("--lock", "db", "--", "true")])

    def test_of_many_that_reject_at_once_one_gets_the_lock(self):
        self.reeve.ok("daemon", "start")
        commands = [self.reeve.popen("submit", "--lock", "db", "--on-busy", "reject", "--",
                                     "sleep", "600") for _ in range(6)]
        for command in commands:
            command.communicate(timeout=30 * PATIENCE)
        codes = sorted(command.returncode for command in commands)
        self.assertEqual(codes, [0] + [75] * 5)


class Idempotency(QueueTest):
    """Submitting again with the same key gives the same job."""

    def submit(self, key):
        """Submit with a key and return the id."""
        return self.reeve.submit("--idempotency-key", key, "--", "sh", "-c", "echo x >>runs")

    def test_the_same_key_gives_the_same_job(self):
        first = self.submit("k")
        self.assertEqual([self.submit("k"), self.submit("other") != first], [first, True])
        self.reeve.wait(first)
        self.assertEqual(self.submit("k"), first)
        self.reeve.kill_daemon()
        self.assertEqual(self.submit("k"), first)
        self.reeve.wait("--all")
        self.assertEqual((self.reeve.work / "runs").read_text(), "x\nx\n")

    def test_run_with_a_known_key_follows_the_same_job(self):
        job = self.reeve.submit("--idempotency-key", "k", "--", "sh", "-c", "echo x; exit 4")
        answer = self.reeve.run("run", "--idempotency-key", "k", "--", "sh", "-c",
                                "echo x; exit 4")
        self.assertEqual((answer.code, answer.out), (4, "x\n"))
        self.assertEqual([fields["id"] for fields in self.reeve.ls("--all")], [job])

    def test_many_with_one_key_at_once_make_one_job(self):
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(self.submit("k")))
                   for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual((len(answers), len(set(answers))), (6, 1))
        self.assertEqual(len(self.reeve.ls("--all")), 1)


class Batch(QueueTest):
    """Many jobs are submitted at once, all or none."""

    config = "[capacity]\ncpus = 4\n"

    def submit(self, *lines):
        """Submit lines of text as a batch from a file."""
        file = self.reeve.work / "batch"
        file.write_bytes(b"".join(line if isinstance(line, bytes) else
                                  (json.dumps(line) + "\n").encode() for line in lines))
        return self.reeve.run("submit", "--batch", file)

    def test_each_job_of_a_batch_gets_an_id_in_order(self):
        answer = self.submit(*({"command": ["echo", str(n)]} for n in range(50)))
        self.assertEqual(answer.code, 0, answer)
        ids = [int(line) for line in answer.out.splitlines()]
        self.assertEqual(ids, list(range(ids[0], ids[0] + 50)))
        self.all_complete(ids)
        for n in (0, 17, 49):
            self.assertEqual(self.reeve.log(ids[n]), f"{n}\n".encode())

    def test_options_go_by_their_long_names(self):
        place = self.reeve.work / "place"
        place.mkdir()
        [job] = self.reeve.batch([{
            "command": ["sh", "-c", "pwd; echo $REEVE_CPUS"], "name": "a", "priority": "high",
            "cpus": 2, "mem": "10MB", "lock": "x", "on-busy": "wait", "time": "1h",
            "grace": "1s", "retry": 0, "hold": True, "directory": str(place), "log-max": "1MB",
            "idempotency-key": "k", "keep-staging": "delete", "containment": "any"}])
        fields = self.reeve.show(job)
        self.assertEqual((fields["name"], fields["priority"], fields["state"]),
                         ("a", "high", "held"))
        self.reeve.ok("release", job)
        self.all_complete([job])
        self.assertEqual(self.reeve.log(job), f"{place}\n2\n".encode())
        self.assertEqual(self.reeve.submit("--idempotency-key", "k", "--", "true"), job)

    def test_a_bad_line_is_named_and_nothing_is_queued(self):
        good = {"command": ["true"]}
        bad = [b"{broken\n", b"[]\n", b"17\n", {}, {"command": []}, {"command": "true"},
               {"command": ["true"], "cpus": "many"}, {"command": ["true"], "unknown": 1},
               {"command": ["true"], "priority": "urgent"}, {"command": [1]},
               {"command": ["true"], "uid": 0},
               b'{"command": ["a\\u0000b"]}\n',
               {"command": ["true"], "time": "soon"}, {"command": ["true"], "retry": -1}]
        for line in bad:
            with self.subTest(line=line):
                answer = self.submit(good, good, line, good)
                self.assert_refused(answer, 2)
                self.assert_told(answer.err, "line 3")
        self.assertEqual(self.reeve.ls("--all"), [])

    def test_a_line_that_can_never_fit_is_named_and_nothing_is_queued(self):
        answer = self.submit({"command": ["true"]}, {"command": ["true"], "cpus": 5})
        self.assert_refused(answer)
        self.assertRegex(answer.err, "(line|job) 2")
        self.assertEqual(self.reeve.ls("--all"), [])

    def test_a_missing_batch_file_is_named(self):
        answer = self.reeve.run("submit", "--batch", "no-such-file")
        self.assert_refused(answer)
        self.assert_told(answer.err, "no-such-file")

    def test_2000_short_jobs_run_each_once(self):
        command = ["sh", "-c", "echo $REEVE_JOB_ID >>ran"]
        ids = self.reeve.batch([{"command": command}] * 2000, timeout=60)
        self.assertEqual(self.reeve.wait("--all", timeout=180), 0)
        ran = sorted(map(int, (self.reeve.work / "ran").read_text().split()))
        self.assertEqual(ran, ids)
        states = {job["state"] for job in self.reeve.ls("--all", "--limit", "5000")}
        self.assertEqual(states, {"completed"})


class Removal(QueueTest):
    """Ended jobs can be removed, others not."""

    def test_an_ended_job_is_removed_with_its_log(self):
        keep = self.reeve.ended("--", "echo", "keep")
        job = self.reeve.ended("--", "echo", "remove")
        self.reeve.ok("rm", job["id"])
        self.assert_refused(self.reeve.run("show", job["id"]))
        self.assertEqual([fields["id"] for fields in self.reeve.ls("--all")], [keep["id"]])

        def logs():
            return [file.read_bytes() for file in (self.reeve.home / "logs").rglob("*")
                    if file.is_file()]
        until(lambda: b"remove\n" not in logs(), "the log is gone")
        self.assertEqual(self.reeve.log(keep["id"]), b"keep\n")

    def test_a_job_that_has_not_ended_is_not_removed(self):
        running = self.blocker()
        held = self.reeve.submit("--hold", "--", "true")
        for job in (running, held):
            self.assert_refused(self.reeve.run("rm", job))
            self.assertNotIn(self.reeve.show(job)["state"], TERMINAL)

    def test_an_id_is_never_given_again(self):
        job = self.reeve.ended("--", "true")["id"]
        self.reeve.ok("rm", job)
        self.reeve.ok("daemon", "restart")
        self.assertGreater(self.reeve.submit("--", "true"), job)


if __name__ == "__main__":
    unittest.main()
