"""What a job tells from within: the datagrams, and what happens when nobody hears them."""
import os
import socket
import subprocess

from harness import SystemTest

VERBS = (("progress", "45"), ("beat",), ("result", "loss=0.5"), ("fail", "no data"))


class InJob(SystemTest):
    """Each command sends one message to NOTIFY_SOCKET."""

    def setUp(self):
        super().setUp()
        self.path = str(self.reeve.work / "notify")
        self.receiver = self.listen()

    def listen(self):
        """A socket that datagrams arrive at."""
        receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(receiver.close)
        receiver.bind(self.path)
        receiver.setblocking(False)
        return receiver

    def told(self, *words):
        """What one command sends."""
        self.assertEqual(self.reeve.ok(*words, variables={"NOTIFY_SOCKET": self.path}).out, "")
        return self.receiver.recv(65536).decode()

    def test_each_command_sends_its_message_and_starts_no_daemon(self):
        self.assertEqual(self.told("progress", "45"), "X_REEVE_PROGRESS=45\n")
        self.assertEqual(self.told("progress", "45.5%", "--rows", "1234567", "--text", "fold 3"),
                         "X_REEVE_PROGRESS=45.5\nX_REEVE_ROWS=1234567\nX_REEVE_TEXT=fold 3\n")
        self.assertEqual(self.told("progress", "3/7"), "X_REEVE_PROGRESS=3/7\n")
        self.assertEqual(self.told("progress", "--rows", "0"), "X_REEVE_ROWS=0\n")
        self.assertEqual(self.told("beat"), "WATCHDOG=1\n")
        self.assertEqual(self.told("result", "loss=0.5=x"), "X_REEVE_RESULT=loss=0.5=x\n")
        self.assertEqual(self.told("fail", "no\ndata"), "X_REEVE_FAIL=no\\ndata\n")
        self.assertEqual(list(self.reeve.home.iterdir()), [])

    def test_every_result_arrives(self):
        self.reeve.ok("result", "a=1", "b=2", "c=", variables={"NOTIFY_SOCKET": self.path})
        self.assertEqual([self.receiver.recv(65536) for _ in range(3)],
                         [b"X_REEVE_RESULT=a=1\n", b"X_REEVE_RESULT=b=2\n", b"X_REEVE_RESULT=c=\n"])

    def test_outside_of_a_job_it_is_said_what_they_are_for(self):
        for words in VERBS:
            answer = self.reeve.run(*words)
            self.assert_refused(answer, 2)
            self.assert_told(answer.err, f"{words[0]} tells the daemon about the job")
        self.assertEqual(list(self.reeve.home.iterdir()), [])

    def test_values_that_can_not_be_understood_are_refused(self):
        for words in (["progress"], ["progress", "101"], ["progress", "-1"], ["progress", "x"],
                      ["progress", "4/3"], ["progress", "45", "--rows", "many"],
                      ["progress", "45", "--rows", "-1"], ["beat", "x"], ["result"],
                      ["result", "loss"], ["result", "=1"], ["result", "a b=1"],
                      ["result", "a=" + "x" * 1000], ["fail"]):
            with self.subTest(words=words):
                self.assert_refused(
                    self.reeve.run(*words, variables={"NOTIFY_SOCKET": self.path}), 2)
        with self.assertRaises(BlockingIOError):
            self.receiver.recv(1)

    def test_a_job_goes_on_when_nobody_hears_its_progress(self):
        self.receiver.close()
        for words in (("progress", "45"), ("beat",)):
            answer = self.reeve.run(*words, variables={"NOTIFY_SOCKET": self.path})
            self.assertEqual((answer.code, answer.out), (0, ""))
            self.assert_told(answer.err, "nobody listens")
            answer = self.reeve.run(*words, variables={"REEVE_JOB_ID": "1"})
            self.assertEqual(answer.code, 0)
            self.assert_told(answer.err, "no NOTIFY_SOCKET")

    def test_an_outcome_waits_for_a_daemon_that_restarts(self):
        self.receiver.close()
        os.unlink(self.path)
        command = self.reeve.popen("fail", "no data", variables={"NOTIFY_SOCKET": self.path})
        with self.assertRaises(subprocess.TimeoutExpired):
            command.wait(timeout=0.3)
        receiver = self.listen()
        self.assertEqual(command.communicate(timeout=20), (b"", b""))
        self.assertEqual(command.returncode, 0)
        self.assertEqual(receiver.recv(65536), b"X_REEVE_FAIL=no data\n")
