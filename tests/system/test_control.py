"""Jobs that are paused, limited, tried again, edited and asked about."""
import json
import os
import signal
import unittest

from harness import IS_ROOT, NOBODY, SystemTest
from processes import until

HOG = ("import time\nblocks = []\nfor _ in range(60):\n"
       "    blocks.append(bytearray(4 << 20))\n    time.sleep(0.01)\nprint('survived')\n")
COUNTER = "i=0; while :; do i=$((i+1)); echo $i; sleep 0.02; done"


class Pause(SystemTest):
    """The whole tree stands still, and goes on."""

    def check_pause(self, reeve):
        """A job with a child in another session writes nothing while it is paused."""
        job = reeve.submit("--", "sh", "-c", f"setsid sh -c '{COUNTER}' & {COUNTER}")
        until(lambda: reeve.log(job).count(b"\n") > 4, "the job writes")
        self.assertEqual(reeve.run("pause", job).code, 0)
        self.assertEqual(reeve.show(job)["state"], "paused")
        before = reeve.log(job)
        again = reeve.run("pause", job)
        self.assertEqual(again.code, 1)
        self.assertIn("paused already", again.err)
        self.assertEqual(reeve.log(job), before, "it wrote while it was paused")
        self.assertEqual(reeve.run("resume", job).code, 0)
        self.assertEqual(reeve.show(job)["state"], "running")
        until(lambda: len(reeve.log(job)) > len(before), "the job writes again")
        return job

    def test_of_the_whole_tree_in_each_tier(self):
        """With a cgroup, and with signals alone; as root and as an ordinary user."""
        for tier in ("cgroup", "subreaper"):
            for user in ([None, NOBODY] if IS_ROOT else [None]):
                with self.subTest(tier=tier, user=user):
                    reeve = self.reeve_with(tier=tier, user=user)
                    job = self.check_pause(reeve)
                    self.assertEqual(reeve.run("pause", job).code, 0)
                    self.assertEqual(reeve.run("cancel", job).code, 0)
                    self.assertEqual(reeve.show(job)["state"], "cancelled")

    def test_survives_the_daemon(self):
        """A paused job is paused under the next daemon, and can be resumed by it."""
        reeve = self.reeve_with()
        job = reeve.submit("--", "sh", "-c", "sleep 0.5; exit 7")
        until(lambda: reeve.show(job)["state"] == "running", "it runs")
        self.assertEqual(reeve.run("pause", job).code, 0)
        self.assertEqual(reeve.run("daemon", "restart").code, 0)
        self.assertEqual(reeve.show(job)["state"], "paused")
        self.assertEqual(reeve.run("resume", job).code, 0)
        self.assertEqual(reeve.wait(job), 7)

    def test_does_not_count_for_the_time_limit(self):
        """A limit that passes while the job is paused does not end it."""
        reeve = self.reeve_with()
        job = reeve.submit("--time", "1s", "--", "sh", "-c", "sleep 0.6; echo done")
        until(lambda: reeve.show(job)["state"] == "running", "it runs")
        self.assertEqual(reeve.run("pause", job).code, 0)
        other = reeve.submit("--", "sleep", "1.2")
        self.assertEqual(reeve.wait(other), 0)
        self.assertEqual(reeve.show(job)["state"], "paused")
        self.assertEqual(reeve.run("resume", job).code, 0)
        self.assertEqual(reeve.wait(job), 0, reeve.show(job))

    def test_death_of_a_paused_job_leaves_a_place_for_the_next(self):
        """What it lived in is not frozen for who comes after it."""
        for tier in ("cgroup", "subreaper"):
            with self.subTest(tier=tier):
                reeve = self.reeve_with(tier=tier, config="[capacity]\ncpus = 1\n")
                for kill in (lambda job: reeve.ok("signal", "KILL", job),
                             lambda job: os.kill(reeve.show(job)["main_pid"], signal.SIGKILL)):
                    job = reeve.submit("--", "sleep", "1000")
                    reeve.in_state(job, "running")
                    reeve.ok("pause", job)
                    kill(job)
                    reeve.wait(job)
                    self.assertEqual(reeve.show(job)["signal"], "SIGKILL")
                    self.assertEqual(reeve.wait(reeve.submit("--time", "20s", "--", "true")), 0)

    def test_all_means_those_that_can_be(self):
        reeve = self.reeve_with(config="[capacity]\ncpus = 1\n")
        running = reeve.submit("--", "sleep", "1000")
        waiting = reeve.submit("--", "sleep", "1000")
        reeve.in_state(running, "running")
        for verb, states in (("hold", ("running", "held")), ("pause", ("paused", "held")),
                             ("release", ("paused", "queued")), ("resume", ("running", "queued"))):
            with self.subTest(verb=verb):
                self.assertEqual(reeve.run(verb, "--all").code, 0)
                self.assertEqual(tuple(reeve.show(job)["state"] for job in (running, waiting)),
                                 states)
        again = reeve.run("resume", "--all")
        self.assertEqual(again.code, 1)
        self.assertIn("none of 2 jobs", again.err)

    def test_of_what_does_not_run_is_refused(self):
        """A waiting job is held, an ended one has ended; both answers say so."""
        reeve = self.reeve_with()
        held = reeve.submit("--hold", "--", "true")
        done = reeve.submit("--", "true")
        reeve.wait(done)
        for job in (held, done):
            self.assertEqual(reeve.run("pause", job).code, 1)
            self.assertEqual(reeve.run("resume", job).code, 1)


class Memory(SystemTest):
    """What a job asked for is what it may use."""

    def check_limit(self, reeve):
        """A job over its limit fails, and the reason names the limit."""
        job = reeve.submit("--mem", "100M", "--", "python3", "-c", HOG)
        self.assertEqual(reeve.wait(job), 137)
        fields = reeve.show(job)
        self.assertEqual((fields["state"], fields["reason"]), ("failed", "out_of_memory"))
        self.assertIn("limit of 100", fields["error"])
        self.assertNotIn(b"survived", reeve.log(job))
        fits = reeve.submit("--mem", "600M", "--", "python3", "-c", HOG)
        self.assertEqual(reeve.wait(fits), 0, reeve.show(fits))
        self.assertGreater(reeve.show(fits)["max_rss_bytes"], 200 << 20)
        return fields

    def test_limit_by_the_kernel_or_by_looking(self):
        """By a cgroup where there is one that can, else by sampling."""
        for tier in ("cgroup", "subreaper"):
            with self.subTest(tier=tier):
                reeve = self.reeve_with(tier=tier)
                fields = self.check_limit(reeve)
                if tier == "subreaper":
                    self.assertEqual(fields["memory_limit_by"], "samples")
                elif fields["memory_limit_by"] == "cgroup":
                    self.assertGreaterEqual(fields["oom_kills"], 1)

    def test_retry_after_out_of_memory_gets_more(self):
        """--retry-on oom grows the limit by half each time."""
        reeve = self.reeve_with()
        job = reeve.submit("--mem", "200M", "--retry", "2", "--retry-on", "oom",
                           "--retry-delay", "100ms", "--", "python3", "-c", HOG)
        self.assertEqual(reeve.wait(job), 0, reeve.show(job))
        fields = reeve.show(job)
        self.assertEqual(fields["attempt"], 2)
        self.assertEqual(fields["memory_limit_bytes"], 300 << 20)

    def test_of_the_whole_tree_is_measured(self):
        """Three processes of 60 MB each are more than the largest of them."""
        reeve = self.reeve_with()
        work = "import time; b = bytearray(60 << 20); time.sleep(1)"
        job = reeve.submit("--", "sh", "-c", f"for i in 1 2 3; do python3 -c '{work}' & done; wait")
        self.assertEqual(reeve.wait(job), 0)
        fields = reeve.show(job)
        self.assertGreater(fields["max_rss_bytes"], 150 << 20, fields)
        self.assertEqual(fields["max_rss_source"], "sampled_tree")


class Cpus(SystemTest):
    """CPUs that were asked for by number are those that it runs on."""

    def test_pinned_where_asked_for(self):
        """A job that asks runs on as many; one that does not runs on all."""
        reeve = self.reeve_with()
        count = "import os; print(len(os.sched_getaffinity(0)))"
        pinned = reeve.submit("--cpus", "1", "--", "python3", "-c", count)
        free = reeve.submit("--", "python3", "-c", count)
        for job in (pinned, free):
            self.assertEqual(reeve.wait(job), 0)
        self.assertEqual(reeve.log(pinned), b"1\n")
        self.assertEqual(int(reeve.log(free)), len(os.sched_getaffinity(0)))

    def test_libraries_are_told_how_many_workers_they_may_start(self):
        """In the variables that they look at."""
        reeve = self.reeve_with()
        job = reeve.submit("--max-workers", "1", "--", "sh", "-c",
                           "echo $OMP_NUM_THREADS $LOKY_MAX_CPU_COUNT $REEVE_MAX_WORKERS")
        self.assertEqual(reeve.wait(job), 0)
        self.assertEqual(reeve.log(job), b"1 1 1\n")


class Retry(SystemTest):
    """Again by a rule, and again by hand."""

    def test_only_after_what_the_rule_names(self):
        """Exit code 75 is tried again, 76 is not."""
        reeve = self.reeve_with()
        options = ["--retry-on", "oom,75", "--retry-delay", "100ms"]
        yes = reeve.submit(*options, "--", "sh", "-c", "test $REEVE_ATTEMPT = 3 || exit 75")
        no = reeve.submit(*options, "--", "sh", "-c", "exit 76")
        self.assertEqual(reeve.wait(yes), 0)
        self.assertEqual(reeve.show(yes)["attempt"], 3)
        self.assertEqual(reeve.wait(no), 76)
        self.assertEqual(reeve.show(no)["attempt"], 1)

    def test_number_that_was_given_counts_wherever_it_stands(self):
        for options in (("--retry", "0", "--retry-on", "1"), ("--retry-on", "1", "--retry", "0")):
            with self.subTest(options=options):
                fields = self.reeve.ended("--retry-delay", "0", *options, "--", "false")
                self.assertEqual((fields["attempt"], fields["state"]), (1, "failed"))
        fields = self.reeve.ended("--retry-delay", "0", "--retry", "1", "--stall", "200ms",
                                  "--on-stall", "retry", "--", "sleep", "1000")
        self.assertEqual((fields["attempt"], fields["reason"]), (2, "hung"))

    def test_rule_that_is_none_is_refused(self):
        """With a sentence that names the rules."""
        answer = self.reeve_with().run("submit", "--retry-on", "sometimes", "--", "true")
        self.assertEqual(answer.code, 2)
        self.assertIn("oom", answer.err)

    def test_by_hand_with_this_environment_or_with_the_same(self):
        """`retry` takes the caller's environment, `retry --same` the recorded one."""
        reeve = self.reeve_with(variables={"COLOUR": "red"})
        job = reeve.submit("--", "sh", "-c", "echo $COLOUR; exit 1")
        self.assertEqual(reeve.wait(job), 1)
        for options, colour in (([], b"blue\n"), (["--same"], b"blue\n")):
            self.assertEqual(
                reeve.run("retry", *options, job, variables={"COLOUR": "blue"} if not options
                          else {"COLOUR": "green"}).code, 0)
            self.assertEqual(reeve.wait(job), 1)
            self.assertEqual(reeve.log(job), colour)
        self.assertEqual(reeve.show(job)["attempt"], 3)

    def test_of_a_running_job_is_refused(self):
        """It has not ended."""
        reeve = self.reeve_with()
        job = reeve.submit("--", "sleep", "60")
        self.assertEqual(reeve.run("retry", job).code, 1)

    def test_checkpoints_outlive_the_attempt(self):
        """The next attempt finds what the last one left in REEVE_CHECKPOINT_DIR."""
        reeve = self.reeve_with()
        job = reeve.submit(
            "--retry", "1", "--retry-delay", "100ms", "--", "sh", "-c",
            'cat "$REEVE_CHECKPOINT_DIR/at" 2>/dev/null && exit 0;'
            ' echo half >"$REEVE_CHECKPOINT_DIR/at"; exit 1')
        self.assertEqual(reeve.wait(job), 0)
        self.assertEqual(reeve.log(job), b"half\n")


class Edit(SystemTest):
    """What waits can be changed, what runs in part."""

    def test_of_a_waiting_job(self):
        """Priority, name and tags."""
        reeve = self.reeve_with()
        job = reeve.submit("--hold", "--", "true")
        self.assertEqual(
            reeve.run("edit", job, "--priority", "high", "--name", "other", "--tag", "t").code, 0)
        fields = reeve.show(job)
        self.assertEqual((fields["priority"], fields["name"], fields["tags"]),
                         ("high", "other", ["t"]))

    def test_takes_away_what_was_given(self):
        job = self.reeve.submit("--hold", "--tag", "a", "--time", "1h", "--", "true")
        self.reeve.ok("edit", job, "--tag", "", "--time", "none")
        fields = self.reeve.show(job)
        self.assertEqual((fields["tags"], fields["time_limit_ms"]), ([], None))

    def test_of_the_time_limit_of_a_running_job(self):
        """A limit that is set later counts from the start."""
        reeve = self.reeve_with()
        job = reeve.submit("--", "sleep", "60")
        until(lambda: reeve.show(job)["state"] == "running", "it runs")
        self.assertEqual(reeve.run("edit", job, "--time", "1s").code, 0)
        self.assertEqual(reeve.wait(job), 124)
        self.assertEqual(reeve.run("edit", job, "--time", "2s").code, 1, "it has ended")

    def test_of_what_a_running_job_has_is_refused(self):
        """Its CPUs were given."""
        reeve = self.reeve_with()
        job = reeve.submit("--", "sleep", "60")
        until(lambda: reeve.show(job)["state"] == "running", "it runs")
        answer = reeve.run("edit", job, "--cpus", "1")
        self.assertEqual(answer.code, 1)
        self.assertIn("time limit", answer.err)


    def test_cannot_get_around_what_submission_refuses(self):
        """Strict containment where it is weak, and what counts at submission only."""
        reeve = self.reeve_with(tier="subreaper")
        job = reeve.submit("--hold", "--", "true")
        self.assertEqual(reeve.run("edit", job, "--containment", "strict").code, 1)
        for words in (["--hold"], ["--idempotency-key", "k"]):
            self.assertEqual(reeve.run("edit", job, *words).code, 2)

    def test_memory_that_was_edited_counts_after_a_retry_grew_it(self):
        """The person's word is newer than the retry's."""
        reeve = self.reeve_with()
        job = reeve.submit("--mem", "60M", "--retry", "3", "--retry-on", "oom",
                           "--retry-delay", "1s", "--", "python3", "-c", HOG)
        until(lambda: reeve.show(job)["state"] == "held", "the first attempt is over")
        self.assertEqual(reeve.run("edit", job, "--mem", "900M").code, 0)
        self.assertEqual(reeve.wait(job), 0, reeve.show(job))
        self.assertEqual(reeve.show(job)["memory_limit_bytes"], 900 << 20)


class Groups(SystemTest):
    """Jobs are found again by group and tag."""

    def test_lists_and_commands_take_groups_tags_and_patterns(self):
        """ls, wait and cancel with the same words."""
        reeve = self.reeve_with()
        a = reeve.submit("--group", "g1", "--tag", "x", "--tag", "y", "--name", "train-1", "--",
                         "true")
        b = reeve.submit("--group", "g1", "--tag", "x", "--name", "train-2", "--", "true")
        c = reeve.submit("--group", "g2", "--name", "other", "--", "true")
        self.assertEqual(reeve.run("wait", "-g", "g1").code, 0)

        def listed(*words):
            return sorted(job["id"] for job in reeve.ls(*words))
        self.assertEqual(listed("-g", "g1"), [a, b])
        self.assertEqual(listed("--tag", "x", "--tag", "y"), [a])
        self.assertEqual(listed("-n", "train-*"), [a, b])
        self.assertEqual(listed("-g", "g2"), [c])
        self.assertEqual(listed("--since", "1h"), [a, b, c])
        self.assertEqual(listed("-g", "none"), [])


class Why(SystemTest):
    """Why it waits, why it failed, what it is doing."""

    def test_a_waiting_job_names_what_it_lacks_and_who_has_it(self):
        """CPUs that another job has."""
        reeve = self.reeve_with(config="[capacity]\ncpus = 2\n")
        holder = reeve.submit("--cpus", "2", "--", "sleep", "60")
        waits = reeve.submit("--cpus", "1", "--", "true")
        until(lambda: reeve.show(holder)["state"] == "running", "it runs")
        answer = reeve.run("why", waits)
        self.assertEqual(answer.code, 0)
        self.assertIn("needs 1 CPUs", answer.out)
        self.assertIn(f"job {holder}", answer.out)

    def test_a_cancelled_job_shows_its_last_output_and_its_processes(self):
        """As they were when it was asked to end."""
        reeve = self.reeve_with()
        job = reeve.submit("--", "sh", "-c", "echo last words; sleep 60; true")
        until(lambda: b"words" in reeve.log(job), "it writes")
        self.assertIn("sleep 60", reeve.run("why", job).out)
        self.assertEqual(reeve.run("cancel", job).code, 0)
        out = reeve.run("why", job).out
        self.assertIn("last words", out)
        self.assertIn("sleep 60", out)
        told = json.loads(reeve.run("why", job, "--json").out)
        self.assertEqual(told["last_output"], ["last words"])

    def test_a_held_job_says_how_to_let_it_go(self):
        """With the command."""
        reeve = self.reeve_with()
        job = reeve.submit("--hold", "--", "true")
        self.assertIn(f"reeve release {job}", reeve.run("why", job).out)


if __name__ == "__main__":
    unittest.main()
