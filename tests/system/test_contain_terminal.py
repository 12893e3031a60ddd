"""`reeve contain` on a terminal: its keys, its closing, and shells inside and outside."""
import fcntl
import os
import select
import signal
import termios
import time
import unittest

import processes
from processes import PATIENCE, until
from test_contain import ContainTest, in_each_tier

CTRL_C, CTRL_Z, CTRL_BACKSLASH = b"\x03", b"\x1a", b"\x1c"


class Terminal:
    """A pseudo terminal, of which a process group is in the foreground."""

    def __init__(self):
        self.master, self.slave = os.openpty()
        self.shown = b""

    def streams(self):
        """How to start a process that this is the terminal of."""
        return {"stdin": self.slave, "stdout": self.slave, "stderr": self.slave,
                "before": lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)}

    def type(self, keys):
        """Press keys."""
        os.write(self.master, keys)

    def shows(self, text, seconds=20):
        """Wait until a text is shown, and forget what was shown up to its end."""
        deadline = time.monotonic() + seconds * PATIENCE
        while text not in self.shown:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.master], [], [], left)[0]:
                raise AssertionError(f"{text!r} was not shown, but {self.shown!r}")
            try:
                self.shown += os.read(self.master, 65536)
            except OSError:  # Everybody has left the terminal.
                raise AssertionError(f"{text!r} was not shown, but {self.shown!r}") from None
        self.shown = self.shown.partition(text)[2]

    def foreground(self):
        """The process group in the foreground."""
        return os.tcgetpgrp(self.master)

    def close(self):
        """Close the window."""
        for fd in (self.master, self.slave):
            try:
                os.close(fd)
            except OSError:
                pass


class TerminalTest(ContainTest):
    """Commands on a terminal."""

    def on_terminal(self, reeve, *words, command=None):
        """Start `contain`, or another command, on a new terminal."""
        terminal = Terminal()
        self.addCleanup(terminal.close)
        self.begun = time.monotonic()
        front = reeve.popen("contain", *words, command=command, **terminal.streams())
        return front, terminal

    def ended(self, reeve, front, code, told):
        """Check how the front has exited, and that nothing lives then."""
        self.assertEqual(front.wait(20), code, told)
        self.assert_nothing_lives(reeve, told)


class Keys(TerminalTest):
    """Keys that send signals."""

    @in_each_tier
    def test_ctrl_c_ends_a_command_and_all_that_it_started(self, reeve):
        front, terminal = self.on_terminal(reeve, "--", reeve.hostile(), "new-session", "stay")
        terminal.shows(b"ready")
        terminal.type(CTRL_C)
        self.ended(reeve, front, 130, "a tree after Ctrl-C")

    @in_each_tier
    def test_ctrl_c_is_the_commands_own(self, reeve):
        script = "trap 'echo caught' INT; echo up; for i in 1 2; do read -r x; done; exit 6"
        front, terminal = self.on_terminal(reeve, "--", "bash", "-c", script)
        terminal.shows(b"up")
        terminal.type(CTRL_C)
        terminal.shows(b"caught")
        terminal.type(b"one\ntwo\n")
        self.ended(reeve, front, 6, "a command that caught Ctrl-C")

    @in_each_tier
    def test_ctrl_c_three_times_ends_what_ignores_it(self, reeve):
        script = "trap 'echo caught' INT; echo up; while :; do sleep 0.05; done"
        front, terminal = self.on_terminal(reeve, "--", "bash", "-c", script)
        terminal.shows(b"up")
        for _ in range(2):
            terminal.type(CTRL_C)
            terminal.shows(b"caught")
        terminal.type(CTRL_C)
        self.ended(reeve, front, 143, "a command that ignores Ctrl-C")

    @in_each_tier
    def test_ctrl_backslash_ends_even_what_ignores_it(self, reeve):
        script = "trap '' QUIT TERM; echo up; while :; do sleep 0.05; done"
        front, terminal = self.on_terminal(reeve, "--grace", "0.2", "--", "sh", "-c", script)
        terminal.shows(b"up")
        terminal.type(CTRL_BACKSLASH)
        self.ended(reeve, front, 137, "a command that ignores Ctrl-backslash")

    @in_each_tier
    def test_modes_of_the_terminal_survive_a_command_that_dies_of_a_signal(self, reeve):
        script = "stty raw -echo; kill -KILL $$"
        terminal = Terminal()
        self.addCleanup(terminal.close)
        before = termios.tcgetattr(terminal.slave)
        front = reeve.popen("contain", "--", "sh", "-c", script, **terminal.streams())
        self.ended(reeve, front, 137, "a command in raw mode")
        self.assertEqual(termios.tcgetattr(terminal.slave), before)


class Closing(TerminalTest):
    """The window is closed."""

    def close_on(self, reeve, *words, prompt):
        """Start a command, close its terminal when it is there, and wait for its end."""
        front, terminal = self.on_terminal(reeve, "--grace", "0.3", "--", *words)
        terminal.shows(prompt)
        terminal.close()
        front.wait(20)
        self.assert_nothing_lives(reeve, f"{words}, its terminal closed")

    @in_each_tier
    def test_nothing_survives_the_closing(self, reeve):
        for mode in ("new-session", "daemon", "zombie-leader", "zombie-main"):
            with self.subTest(mode=mode):
                self.close_on(reeve, reeve.hostile(), mode, "stay", prompt=b"ready")

    @in_each_tier
    def test_a_command_that_ignores_the_hang_up_is_ended(self, reeve):
        script = "trap '' HUP TERM; echo up; while :; do sleep 0.05; done"
        self.close_on(reeve, "sh", "-c", script, prompt=b"up")

    @in_each_tier
    def test_a_group_of_its_own_in_the_foreground_is_ended(self, reeve):
        script = ("trap '' HUP TERM; set -m; sh -c 'trap \"\" HUP TERM; echo up;"
                  " while :; do sleep 0.05; done'; while :; do sleep 0.05; done")
        self.close_on(reeve, "bash", "-c", script, prompt=b"up")


class Shells(TerminalTest):
    """Interactive shells, contained and around."""

    SHELL = ["bash", "--norc", "--noprofile", "-i"]

    def prompt(self, terminal):
        """Give the shell a prompt that is not what was typed."""
        terminal.type(b"PS1='ready''> '\n")
        terminal.shows(b"ready> ")

    @in_each_tier
    def test_a_contained_shell_has_its_jobs_and_its_keys(self, reeve):
        front, terminal = self.on_terminal(reeve, "--", *self.SHELL)
        self.prompt(terminal)
        terminal.type(b"setsid sleep 500 & sleep 501\n")
        until(lambda: terminal.foreground() != front.pid
              and b"501" in processes.read(f"/proc/{terminal.foreground()}/cmdline"),
              "the sleep is in the foreground")
        terminal.type(CTRL_C)
        terminal.shows(b"ready> ")
        terminal.type(b"echo code-$?\n")
        terminal.shows(b"code-130")
        terminal.type(b"exit 7\n")
        terminal.shows(b"reeve: bash left 1 process behind; it was ended")
        self.ended(reeve, front, 7, "a contained shell")

    @in_each_tier
    def test_a_contained_command_can_be_stopped_and_continued(self, reeve):
        outer, terminal = self.on_terminal(reeve, command=self.SHELL)
        self.prompt(terminal)
        terminal.type(f"{reeve.program} contain -- sh -c 'echo u''p; sleep 500'\n".encode())
        terminal.shows(b"up\r\n")
        terminal.type(CTRL_Z)
        terminal.shows(b"Stopped")
        terminal.shows(b"ready> ")
        terminal.type(b"fg\n")
        until(lambda: terminal.foreground() != outer.pid, "it is in the foreground")
        terminal.type(CTRL_C)
        terminal.shows(b"ready> ")
        terminal.type(b"echo code-$?\n")
        terminal.shows(b"code-130")
        until(lambda: reeve.all_living() == {outer.pid}, "only the shell lives")
        terminal.type(b"exit 0\n")
        self.ended(reeve, outer, 0, "the outer shell")

    @in_each_tier
    def test_a_contained_shell_that_suspends_itself_gives_the_terminal_back(self, reeve):
        outer, terminal = self.on_terminal(reeve, command=self.SHELL)
        self.prompt(terminal)
        terminal.type(f"{reeve.program} contain -- {' '.join(self.SHELL)}\n".encode())
        until(lambda: terminal.foreground() != outer.pid
              and b"-i" in processes.read(f"/proc/{terminal.foreground()}/cmdline")
              and b"contain" not in processes.read(f"/proc/{terminal.foreground()}/cmdline"),
              "the inner shell is in the foreground")
        terminal.type(b"suspend\n")
        terminal.shows(b"Stopped")
        terminal.shows(b"ready> ")
        terminal.type(b"fg\n")
        until(lambda: terminal.foreground() != outer.pid
              and b"contain" not in processes.read(f"/proc/{terminal.foreground()}/cmdline"),
              "the inner shell has the terminal again")
        terminal.type(b"exit 8\n")
        terminal.shows(b"ready> ")
        terminal.type(b"echo code-$?\n")
        terminal.shows(b"code-8")
        terminal.type(b"exit 0\n")
        self.ended(reeve, outer, 0, "the outer shell")

    @in_each_tier
    def test_a_killed_front_ends_a_contained_shell(self, reeve):
        front, terminal = self.on_terminal(reeve, "--", *self.SHELL)
        self.prompt(terminal)
        terminal.type(b"trap '' HUP TERM INT; setsid sleep 500 &\n")
        terminal.shows(b"ready> ")
        front.send_signal(signal.SIGKILL)
        front.wait()
        self.assert_dies_out(reeve, "a contained shell")


if __name__ == "__main__":
    unittest.main()
