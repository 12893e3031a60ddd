"""The daemon may die at any moment, and nothing is lost, done twice or told wrongly."""
import json
import pathlib
import random
import signal
import threading
import time
import unittest

import processes
from harness import ACTIVE, TERMINAL, SystemTest
from processes import PATIENCE, until


class DeathOfTheDaemon(SystemTest):
    """Single jobs in single stages while the daemon is killed."""

    config = "[capacity]\ncpus = 4\n"
    GATED = "echo $$; until test -e go; do sleep 0.05; done; echo end; exit 7"

    def running(self, script, *options):
        """Submit a script that prints its pid; return its id and that pid."""
        job = self.reeve.shell(script, *options)
        return job, int(self.reeve.logged(job, "\n").split()[0])

    def go(self):
        """Let gated jobs go on."""
        (self.reeve.work / "go").touch()

    def test_a_running_job_does_not_notice(self):
        job, pid = self.running(self.GATED)
        first = self.reeve.kill_daemon()
        self.assertTrue(processes.is_alive(pid))
        self.assertEqual(self.reeve.show(job)["state"], "running")
        self.assertNotEqual(self.reeve.daemon_pid(), first)
        self.go()
        self.assertEqual(self.reeve.wait(job), 7)
        self.assertEqual(self.reeve.log(job), f"{pid}\nend\n".encode())
        self.assertEqual(self.reeve.show(job)["attempt"], 1)
        self.assertEqual(self.reeve.ends_of(job), ["failed"])

    def test_a_job_that_ended_meanwhile_is_known_exactly(self):
        scripts = {"exit 0": ("completed", 0, None), "exit 7": ("failed", 7, None),
                   "kill -SEGV $$": ("failed", None, "SIGSEGV"),
                   "kill -KILL $$": ("failed", None, "SIGKILL")}
        gated = "echo $$; until test -e go; do sleep 0.05; done; echo end; "
        jobs = [self.running(gated + script) for script in scripts]
        self.reeve.kill_daemon()
        self.go()
        until(lambda: not any(processes.is_alive(pid) for _, pid in jobs), "the jobs ended")
        for (job, pid), wanted in zip(jobs, scripts.values()):
            fields = self.reeve.in_state(job, TERMINAL)
            self.assertEqual((fields["state"], fields["exit_code"], fields["signal"]), wanted)
            self.assertEqual(self.reeve.log(job), f"{pid}\nend\n".encode())

    def test_results_of_a_job_that_ended_meanwhile_are_published(self):
        job, pid = self.running("echo $$; until test -e go; do sleep 0.05; done;"
                                " echo data >$REEVE_RESULTS_DIR/file")
        self.reeve.kill_daemon()
        self.go()
        until(lambda: not processes.is_alive(pid), "the job ended")
        fields = self.reeve.in_state(job, "completed")
        self.assertEqual((pathlib.Path(fields["results_dir"]) / "file").read_text(), "data\n")

    def test_output_goes_on_without_a_daemon(self):
        script = ("import os, sys, time\n"
                  "print(os.getpid(), flush=True)\n"
                  "for n in range(3000):\n"
                  "    print(n, 'x' * 1000, flush=True)\n"
                  "    time.sleep(0.001 if n % 3 == 0 else 0)\n")
        job = self.reeve.submit("--", "python3", "-c", script)
        for _ in range(3):
            self.reeve.in_state(job, ACTIVE | TERMINAL)
            self.reeve.kill_daemon()
        self.assertEqual(self.reeve.wait(job), 0)
        lines = self.reeve.log(job).decode().splitlines()[1:]
        self.assertEqual(lines, [f"{n} {'x' * 1000}" for n in range(3000)])

    def test_waiting_jobs_are_kept_and_run_in_order(self):
        blocker = self.reeve.submit("-c", "4", "--", "sh", "-c", self.GATED)
        self.reeve.in_state(blocker, "running")
        ids = [self.reeve.shell('echo "$REEVE_JOB_ID" >>order', "-c", "4") for _ in range(5)]
        held = self.reeve.submit("--hold", "--", "true")
        self.reeve.kill_daemon()
        self.go()
        for job in ids:
            self.assertEqual(self.reeve.wait(job), 0)
        order = (self.reeve.work / "order").read_text().split()
        self.assertEqual(order, [str(job) for job in ids])
        self.assertEqual(self.reeve.show(held)["state"], "held")

    def test_wait_and_follow_go_on_over_the_death_of_the_daemon_or_say_why_not(self):
        job, _ = self.running(self.GATED)
        with self.reeve.popen("wait", job) as wait, self.reeve.popen("follow", job) as follow:
            self.assertNotEqual(follow.stdout.readline(), b"")
            self.reeve.kill_daemon()
            self.go()
            self.assertEqual(self.reeve.wait(job), 7)
            self.assertIn(wait.wait(30 * PATIENCE), (7, 69))
            self.assertIn(follow.wait(30 * PATIENCE), (7, 69))

    def test_a_time_limit_counts_over_the_death_of_the_daemon(self):
        job, pid = self.running("echo $$; exec sleep 600", "-t", "3")
        self.reeve.kill_daemon()
        self.assertEqual(self.reeve.wait(job), 124)
        self.assertFalse(processes.is_alive(pid))

    def test_a_stopped_daemon_that_goes_on_has_lost_nothing(self):
        job, pid = self.running(self.GATED)
        daemon = self.reeve.daemon_pid()
        processes.kill(daemon, signal.SIGSTOP)
        self.go()
        until(lambda: not processes.is_alive(pid), "the job ended")
        processes.kill(daemon, signal.SIGCONT)
        self.assertEqual(self.reeve.wait(job), 7)

    def test_a_batch_is_all_or_nothing_when_the_daemon_dies_within(self):
        lines = "".join(json.dumps({"command": ["true"], "name": "many", "hold": True}) + "\n"
                        for _ in range(1000)).encode()
        chance = random.Random(2)
        for _ in range(4):
            self.reeve.ok("daemon", "start")
            before = len(self.reeve.ls("--all", "--limit", "100000"))
            with self.reeve.popen("submit", "--batch", "-", stdin=-1) as batch:
                killer = threading.Timer(chance.uniform(0, 0.1), self.reeve.kill_daemon)
                killer.start()
                out, _ = batch.communicate(lines, timeout=60 * PATIENCE)
                killer.join()
            after = len(self.reeve.ls("--all", "--limit", "100000"))
            self.assertIn(after - before, (0, 1000))
            if batch.returncode == 0:
                self.assertEqual((after - before, len(out.split())), (1000, 1000))
        self.reeve.run("cancel", "--all")


class DeathOfTheKeeper(SystemTest):
    """The process that owns a job is killed."""

    TREE = "setsid sleep 500 & echo $$; exec sleep 501"

    def kill_keeper(self, reeve, *options):
        """Start a small tree, kill the program that is its parent, and return the job's id."""
        job = reeve.shell(self.TREE, *options)
        main = int(reeve.logged(job, "\n").split()[0])
        keeper = processes.parent_of(main)
        self.assertTrue(processes.is_reeve(keeper), processes.describe(keeper))
        self.assertNotEqual(keeper, reeve.daemon_pid(), "the daemon is the parent of the job")
        processes.kill(keeper)
        return job

    def assert_told_truthfully(self, reeve, job):
        """Check that a job without keeper is neither completed nor alive."""
        fields = reeve.in_state(job, TERMINAL)
        self.assertIn(fields["state"], ("lost", "failed"), fields)
        if fields["state"] == "lost":
            self.assertEqual(fields["reason"], "keeper_died")
            self.assertEqual(reeve.wait(job), 70)
        else:
            self.assertEqual(fields["signal"], "SIGKILL")
        self.assertEqual(reeve.ends_of(job), [fields["state"]])
        until(lambda: not reeve.strangers(), "the job's processes are gone", seconds=1)

    def test_the_job_is_ended_and_told_as_lost(self):
        for tier in ("cgroup", "subreaper"):
            with self.subTest(tier=tier):
                reeve = self.reeve_with(tier=tier)
                other = reeve.shell("until test -e go; do sleep 0.05; done; exit 9")
                reeve.in_state(other, "running")
                job = self.kill_keeper(reeve)
                self.assert_gone_but(reeve, other, job)

    def test_the_death_of_a_keeper_that_an_earlier_daemon_started_is_noticed_by_itself(self):
        reeve = self.reeve
        job = reeve.shell("echo $$; exec sleep 501")
        keeper = processes.parent_of(int(reeve.logged(job, "\n").split()[0]))
        processes.kill(reeve.daemon_pid())
        reeve.ok("daemon", "start")
        with reeve.popen("wait", job) as wait:
            processes.watch(lambda: wait.poll() is not None, "wait ended early", 0.5)
            processes.kill(keeper)
            self.assertEqual(wait.wait(30 * PATIENCE), 70)
        self.assert_told_truthfully(reeve, job)

    def assert_gone_but(self, reeve, other, job):
        """Check the end of a job without keeper, and that another job goes on untouched."""
        fields = reeve.in_state(job, TERMINAL)
        self.assertIn(fields["state"], ("lost", "failed"), fields)
        self.assertEqual(reeve.show(other)["state"], "running")
        (reeve.work / "go").touch()
        self.assertEqual(reeve.wait(other), 9)
        self.assert_told_truthfully(reeve, job)

    def test_a_lost_job_is_not_run_again_by_itself(self):
        job = self.kill_keeper(self.reeve, "--retry", "3")
        self.assert_told_truthfully(self.reeve, job)
        self.assertEqual(self.reeve.show(job)["attempt"], 1)

    def test_a_lost_job_that_allows_it_is_run_again(self):
        script = ('test "$REEVE_ATTEMPT" -gt 1 && exit 0;' + self.TREE)
        job = self.reeve.shell(script, "--retry", "1", "--retry-on-lost")
        main = int(self.reeve.logged(job, "\n").split()[0])
        processes.kill(processes.parent_of(main))
        self.assertEqual(self.reeve.wait(job, timeout=90), 0)
        self.assertEqual(self.reeve.show(job)["attempt"], 2)

    def test_keeper_and_daemon_dead_together_leave_nothing_where_there_are_cgroups(self):
        reeve = self.reeve_with(tier="cgroup")
        if reeve.ended("--", "true")["containment"] != "cgroup":
            self.skipTest("there are no cgroups to be had")
        job = reeve.shell(self.TREE)
        main = int(reeve.logged(job, "\n").split()[0])
        keeper = processes.parent_of(main)
        daemon = reeve.daemon_pid()
        processes.kill(daemon, signal.SIGSTOP)  # So that it can't see the keeper die first.
        processes.kill(keeper)
        processes.kill(daemon)
        until(lambda: not processes.is_alive(daemon), "the daemon is dead")
        self.assert_told_truthfully(reeve, job)


class History:
    """What clients did and were told, to be compared with what the program remembers."""

    KINDS = {  # what a job does after it wrote its line, and how it must end
        "quick": ("true", ("completed", 0, None)),
        "fails": ("exit 3", ("failed", 3, None)),
        "slow": ("sleep 0.4", ("completed", 0, None)),
        "crash": ("kill -SEGV $$", ("failed", None, "SIGSEGV")),
        "results": ("for n in 1 2 3; do echo $n >$REEVE_RESULTS_DIR/$n; done",
                    ("completed", 0, None)),
    }

    def __init__(self, reeve, seed):
        self.reeve, self.chance = reeve, random.Random(seed)
        self.starts = reeve.base / "starts"
        self.starts.touch()
        self.acknowledged = {}  # by name: the id
        self.attempted = set()
        self.failures = []
        self.end = time.monotonic() + 12
        self.kills = 0

    def command(self, kind):
        """A job that leaves one line outside the state for each start of it."""
        line = f'echo "$REEVE_JOB_ID $REEVE_ATTEMPT $$" >>{self.starts}'
        return ["sh", "-c", f"{line}; echo start; {self.KINDS[kind][0]}"]

    def submit_all_the_time(self, client):
        """Submit job after job; one that failed with a key is tried again with the same key."""
        turn = 0
        while time.monotonic() < self.end:
            turn += 1
            time.sleep(self.chance.uniform(0, 0.04))  # Some hundred jobs are enough.
            kind = self.chance.choice(sorted(self.KINDS))
            name = f"{kind}-{client}-{turn}"
            options = ["-J", name]
            if turn % 2:
                options += ["--idempotency-key", name]
            self.attempted.add(name)
            while name not in self.acknowledged:
                answer = self.reeve.run("submit", *options, "--", *self.command(kind))
                if answer.code == 0:
                    self.acknowledged[name] = int(answer.out)
                elif not turn % 2:
                    break  # Unknown: without a key, trying again could make a second job.

    def client(self, number):
        """The body of a client's thread: a failure must fail the test, not vanish."""
        try:
            self.submit_all_the_time(number)
        except Exception as error:  # pylint: disable=broad-except
            self.failures.append(f"client {number}: {error!r}")

    def kill_all_the_time(self):
        """Kill the daemon again and again, soon after its start and later."""
        while time.monotonic() < self.end:
            time.sleep(self.chance.choice([0, 0.02, 0.1, 0.3, 0.8]) * self.chance.random())
            if self.reeve.kill_daemon():
                self.kills += 1


class RandomKills(SystemTest):
    """Clients submit while the daemon is killed at random; then memory and world are compared."""

    config = "[capacity]\ncpus = 4\n"

    def test_nothing_is_lost_doubled_or_told_wrongly_under_random_kills(self):
        seed = random.SystemRandom().randrange(2**32)
        print(f"durability seed {seed}", flush=True)
        history = History(self.reeve, seed)
        clients = [threading.Thread(target=history.client, args=(n,)) for n in range(2)]
        for client in clients:
            client.start()
        history.kill_all_the_time()
        for client in clients:
            client.join()
        self.assertEqual(history.failures, [])
        self.assertNotIn(self.reeve.wait("--all", timeout=120), (69, 125))
        until(lambda: {job["state"] for job in self.reeve.ls("--all", "--limit", "1000000")}
              <= TERMINAL, "all jobs ended", seconds=60, pause=0.5)
        print(f"{len(history.acknowledged)} of {len(history.attempted)} submissions"
              f" acknowledged, {history.kills} kills", flush=True)
        self.assertGreater(history.kills, 5)
        self.assertGreater(len(history.acknowledged), 20)
        self.compare(history, f"seed {seed}")
        self.reeve.check_database()

    def compare(self, history, told):
        """Compare what clients were told, what jobs did, and what the program remembers."""
        jobs = {job["id"]: job for job in self.reeve.ls("--all", "--limit", "1000000")}
        names = [job["name"] for job in jobs.values()]
        self.assertEqual(len(names), len(set(names)), f"{told}: a submission counted twice")
        self.assertEqual(set(names) - history.attempted, set(), f"{told}: unexpected jobs")
        for name, job in history.acknowledged.items():
            self.assertIn(job, jobs, f"{told}: the acknowledged {name} is lost")
            self.assertEqual(jobs[job]["name"], name, told)

        lines = history.starts.read_text().splitlines()
        starts = [tuple(map(int, line.split()[:2])) for line in lines]
        self.assertEqual(len(starts), len(set(starts)), f"{told}: an attempt started twice")
        for job in jobs.values():
            kind = job["name"].split("-")[0]
            end = (job["state"], job["exit_code"], job["signal"])
            self.assertEqual(end, history.KINDS[kind][1], f"{told}: {job}")
            self.assertEqual((job["attempt"], starts.count((job["id"], 1))), (1, 1), told)
            self.assertEqual(pathlib.Path(job["log_path"]).read_bytes(), b"start\n", told)
            self.assertEqual(job["results_dir"] is not None, kind == "results", f"{told}: {job}")
            if kind == "results":
                files = sorted(file.name for file in pathlib.Path(job["results_dir"]).iterdir())
                self.assertEqual(files, ["1", "2", "3"], told)

        self.assertEqual({job for job, _ in starts}, set(jobs), f"{told}: starts and jobs differ")
        published = [job["results_dir"] for job in jobs.values() if job["results_dir"]]
        self.assertEqual(len(published), len(set(published)), f"{told}: one directory for two")
        for job in list(jobs)[::10]:
            self.assertEqual(self.reeve.ends_of(job), [jobs[job]["state"]], told)


if __name__ == "__main__":
    unittest.main()
