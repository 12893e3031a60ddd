"""An ordinary reboot: the daemon comes back by itself, and with it the queue.

`prepare` fills queues and reboots in the end of one round; the tests run in the next one. The
daemons are units that were written by hand, and those that `daemon install` makes where there is
such a command.
"""
import json
import pathlib
import subprocess
import time
import unittest

import processes
from people import ALICE, REEVE, ROOT
from processes import until

FACTS = pathlib.Path("/var/lib/machine/reboot.json")
BY_HAND = "by-hand.service"
PEOPLE = {"alice": ALICE, "root": ROOT}


def can_install():
    """Whether this program installs units itself."""
    return "install" in ROOT.run(REEVE, "daemon", "--help")


def kinds():
    """The daemons of this test by name: whose they are, and their state directory."""
    found = {"a user unit by hand": ("alice", "/home/" + "alice/by-hand"),
             "a system unit by hand": ("root", "/var/lib/by-hand")}
    if can_install():
        found["an installed user unit"] = ("alice", None)
        found["an installed system unit"] = ("root", None)
    return found


def fill(queue, person):
    """Fill a queue so that each kind of job is in it when the machine goes down."""
    jobs = {"ended": queue.shell("echo line")}
    queue.ended(jobs["ended"])
    jobs["running"] = queue.shell("echo $$; exec sleep 600", "--lock", "one")
    queue.pid_of(jobs["running"])
    mark = person.home / f"ran-{queue.variables.get('REEVE_HOME', '').replace('/', '-')}"
    jobs["waiting"] = queue.shell(f"echo ran >>{mark}", "--lock", "one")
    jobs["held"] = queue.submit("--hold", "--", "true")
    if queue.show(jobs["waiting"])["state"] != "queued":
        raise AssertionError(f"the job does not wait: {queue.show(jobs['waiting'])}")
    return {**jobs, "mark": str(mark)}


def prepare():
    """Start all daemons, fill their queues, and reboot."""
    ALICE.linger()
    facts = {}
    for name, (who, home) in kinds().items():
        person = PEOPLE[who]
        if home is None:
            person.run(REEVE, "daemon", "install", *(["--system"] if who == "root" else []))
        else:
            person.write_unit(BY_HAND, home)
            person.systemctl("enable", "--now", BY_HAND)
        queue = person.queue(home)
        if home is None and not queue.status():
            queue.reeve("daemon", "start")
        queue.ready()
        facts[name] = {"who": who, "home": home, **fill(queue, person)}
    FACTS.write_text(json.dumps({"daemons": facts, "left_at": time.time()}))
    subprocess.run(["systemctl", "reboot", "--no-block"], check=True)
    time.sleep(600)  # Ended by the reboot.


class AfterReboot(unittest.TestCase):
    """Daemons and queues as they come back; nothing here runs a command before the first look."""

    @classmethod
    def setUpClass(cls):
        told = json.loads(FACTS.read_text())
        cls.facts, cls.left_at = told["daemons"], told["left_at"]

    def each(self, fact):
        """Go through the daemons that were there before."""
        for name, facts in self.facts.items():
            with self.subTest(daemon=name):
                person = PEOPLE[facts["who"]]
                fact(person, person.queue(facts["home"]), facts)

    def test_1_what_waited_runs_without_any_command(self):
        self.each(lambda person, queue, facts: until(
            pathlib.Path(facts["mark"]).exists, "the job that waited has run", seconds=30))

    def test_2_the_daemon_is_back_and_has_its_cgroups(self):
        def back(person, queue, facts):
            status = queue.ready()
            self.assertEqual(status["containment"], "cgroup", status)
            self.assertTrue(processes.program_of(status["pid"]).endswith("/reeve"))
        self.each(back)

    def test_3_every_job_is_told_truthfully(self):
        def told(person, queue, facts):
            self.assertEqual(queue.show(facts["ended"])["state"], "completed")
            self.assertEqual(queue.show(facts["held"])["state"], "held")
            self.assertEqual(queue.ended(facts["waiting"])["state"], "completed")
            self.assertEqual(pathlib.Path(facts["mark"]).read_text(), "ran\n")
            running = queue.ended(facts["running"])
            # A shutdown kills in no order: the keeper may have been there to see its job die.
            self.assertIn((running["state"], running["reason"]),
                          (("lost", "reboot"), ("failed", "signal")), running)
            print(f"the running one: {running['state']} {running['reason']} {running['signal']}")
        self.each(told)

    def test_4_nobody_held_up_the_shutdown(self):
        with open("/proc/uptime", encoding="ascii") as uptime:
            booted_at = time.time() - float(uptime.read().split()[0])
        print(f"down {booted_at - self.left_at:.0f} s after the command")
        self.assertLess(booted_at - self.left_at, 75, "somebody did not heed SIGTERM for 90 s")

    def test_5_uninstall_takes_the_units_away(self):
        if not can_install():
            self.skipTest("this program has no `daemon install`")

        def units(person):
            _, text, _ = person.systemctl("list-unit-files", "--no-legend", "reeve*",
                                          check=False)
            return {line.split()[0] for line in text.splitlines()}
        for person, options in ((ALICE, []), (ROOT, ["--system"])):
            with self.subTest(person=person.name):
                self.assertNotEqual(units(person), set())
                person.run(REEVE, "daemon", "uninstall", *options)
                self.assertEqual(units(person), set())
