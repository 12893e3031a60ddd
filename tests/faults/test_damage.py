"""Damaged files: the daemon refuses and names them, or goes on with all; it makes none anew."""
import os
import random
import unittest

from harness import SystemTest
from wire import Refused
from world import LONG, World, seed


class Damage(SystemTest):
    """A state directory with a history, which is spoilt in one way after the other."""

    def setUp(self):
        self.world = World(self)
        self.world.start()
        self.world.submit_kinds("results", "fails", "big", "quick", "crash")
        self.world.submit(*[self.world.job("quick") for _ in range(60)])
        self.world.settle(30)
        self.home = self.world.reeve.home

    def keep(self):
        """All files of the state but the sockets and pipes, to be put back; and what is known."""
        files = {path: path.read_bytes() for path in self.home.rglob("*")
                 if path.is_file() and not path.is_symlink()}
        files[self.world.deeds_path] = self.world.deeds_path.read_bytes()
        self.known = dict(self.world.acknowledged)
        return files

    def put_back(self, files):
        """The state as it was, and no daemon."""
        if self.world.is_running():
            self.world.kill()
        self.world.clear()
        for path in self.home.rglob("*"):
            if path.is_file() and path not in files:
                path.unlink()
        for path, data in files.items():
            path.write_bytes(data)
        self.world.acknowledged = dict(self.known)

    def wrong_with(self, words):
        """Start on what is damaged: nothing may be wrong with that."""
        try:
            return [] if self.refuses(words) else self.goes_on_truthfully()
        except Refused as refusal:
            # It found out later, and says so: that is honest as well.
            self.world.counts["told later"] += 1
            return [] if refusal.code == "corrupt" else [str(refusal)]
        except AssertionError as error:
            if "corrupt: " in str(error):
                self.world.counts["told later"] += 1
                return []
            return [str(error)]

    def refuses(self, words):
        """Whether the daemon refuses to start; then it must name the file and change nothing."""
        before = (self.home / "reeve.db").read_bytes() if (self.home / "reeve.db").exists() else b""
        said = self.world.start(is_refused=True)
        if said == b"ready\n":
            return False
        self.assertEqual(self.world.daemon.wait(20), 1, self.world.last_words())
        self.assertIn(words.encode(), said)
        self.assertEqual((self.home / "reeve.db").read_bytes(), before, "it was changed")
        self.world.counts["refused"] += 1
        return True

    def goes_on_truthfully(self):
        """It took the file: then all that it was told is there, and it can work."""
        ids = self.world.submit_kinds("quick")
        if ids is not None:
            self.world.settle(5)
        check = self.world.check(is_whole=False)
        self.world.counts["gone on"] += 1
        return check.wrong

    def test_cut_off_at_any_place_it_is_refused(self):
        self.world.stop()
        files = self.keep()
        database = self.home / "reeve.db"
        size = database.stat().st_size
        for length in (0, 1, 99, 100, 512, 4095, 4096, 4097, size // 2, size // 2 // 4096 * 4096,
                       size - 4096, size - 1):
            with self.subTest(length=length, of=size):
                os.truncate(database, length)
                wrong = self.wrong_with("reeve.db")
                self.put_back(files)
                self.assertEqual(wrong[:3], [])
        self.end("cut off")

    def test_with_zero_pages_and_flipped_bits_it_is_refused_or_nothing_is_lost(self):
        value = seed()
        chance = random.Random(value)
        self.world.stop()
        files = self.keep()
        database = self.home / "reeve.db"
        whole = files[database]
        pages = len(whole) // 4096
        for turn in range(400 if LONG else 24):
            data = bytearray(whole)
            if turn < pages and turn % 2:
                what = f"page {turn} is zero"
                data[turn * 4096:(turn + 1) * 4096] = bytes(4096)
            else:
                # In the head of a page, where its form is told.
                place = chance.randrange(pages) * 4096 + chance.randrange(12)
                place += 100 if place < 4096 else 0
                bit = chance.randrange(8)
                what = f"bit {bit} of byte {place}"
                data[place] ^= 1 << bit
            with self.subTest(damage=what, seed=value):
                database.write_bytes(data)
                wrong = self.wrong_with("reeve.db")
                self.put_back(files)
                self.assertEqual(wrong[:3], [])
        self.end("zero pages and flipped bits")

    def test_a_damaged_or_missing_wal_costs_at_most_its_last_commits_and_no_form(self):
        self.world.kill()
        files = self.keep()
        wal = self.home / "reeve.db-wal"
        self.assertGreater(wal.stat().st_size, 0)
        for length in (0, 31, 32, 4096, wal.stat().st_size // 2, wal.stat().st_size - 1):
            with self.subTest(length=length):
                os.truncate(wal, length)
                if not self.refuses("reeve.db"):
                    self.world.stop()
                    check = self.world.checker()
                    check.database(self.home / "reeve.db")
                    self.assertEqual(check.wrong, [])
                self.put_back(files)
        self.end("write-ahead log cut off")

    def test_other_files_that_are_damaged_are_made_again_or_named(self):
        self.world.stop()
        files = self.keep()
        others = [path for path in files if path.name in ("permits", "daemon.lock")
                  or path.suffix == ".journal"]
        self.assertGreaterEqual(len(others), 3)
        for path in others:
            for data in (b"", b"\0" * 100, b"nonsense\n" * 1000):
                with self.subTest(file=path.name, data=data[:10]):
                    path.write_bytes(data)
                    wrong = self.wrong_with(path.name)
                    self.put_back(files)
                    self.assertEqual(wrong[:3], [])
        self.end("other files")

    def test_a_journal_that_was_damaged_under_a_running_job_loses_no_truth(self):
        world = self.world
        jobs = world.submit_kinds("gated", "gated")
        for job in jobs:
            world.await_state(job, "running")
        world.kill()
        world.gate.touch()
        journal = next((self.home / "journal").iterdir())
        with open(journal, "ab") as file:
            file.write(b"E 1 1 1 nonsense\nX\n\n \nS 999999999999999999999999 1 1\n")
        world.start()
        world.settle(10)
        world.finish(title="nonsense in the journal")

    def end(self, title):
        """On the files as they were, all is as it was."""
        self.world.start()
        self.world.finish(title=title)


if __name__ == "__main__":
    unittest.main()
