"""Small and mortal file systems, which nobody else sees and which go with the test's process.

A mount namespace of the process's own holds all mounts; loop devices free themselves when the
last mount of them goes. So nothing stays, whatever happens to the test.
"""
import ctypes
import fcntl
import os
import pathlib
import shutil
import struct
import subprocess

from harness import IS_ROOT

CLONE_NEWNS = 0x00020000
EXT4_IOC_SHUTDOWN = 0x8004587D
NO_LOG_FLUSH = 2  # As when the power goes: what the journal has not written is gone.
STATE = {"is_apart": False}


def why_not():
    """Why nothing can be mounted here, or an empty string."""
    if not IS_ROOT:
        return "needs root to mount file systems"
    if not shutil.which("mount"):
        return "there is no mount"
    return ""


def run(*words):
    """Run a program that must succeed."""
    done = subprocess.run([str(word) for word in words], check=False, capture_output=True)
    if done.returncode != 0:
        raise OSError(f"{words[0]}: {done.stderr.decode().strip()}")


def go_apart():
    """Give this process a mount namespace of its own, once."""
    if STATE["is_apart"]:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    run("mount", "--make-rprivate", "/")
    STATE["is_apart"] = True


def small(directory, size, owner=None):
    """Put a small tmpfs over a directory."""
    go_apart()
    pathlib.Path(directory).mkdir(exist_ok=True)
    run("mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "reeve-faults", directory)
    if owner is not None:
        os.chown(directory, owner, owner)


def grow(directory, size):
    """Give a small tmpfs another size."""
    run("mount", "-o", f"remount,size={size}", directory)


def fill(directory):
    """Use up all space of a directory's file system, and return the file that does."""
    path = pathlib.Path(directory) / "ballast"
    with open(path, "ab", buffering=0) as ballast:
        for size in (65536, 4096, 1):
            try:
                while True:
                    ballast.write(bytes(size))
            except OSError:
                pass
    return path


class Disk:
    """An ext4 in a file, whose power can be cut."""

    def __init__(self, base, directory, mebibytes=64):
        go_apart()
        self.image, self.directory = base / "disk.img", directory
        self.is_mounted = False
        with open(self.image, "wb") as image:
            image.truncate(mebibytes << 20)
        # The least that is written; it is made for each test anew.
        run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=1,nodiscard", "-O", "^resize_inode",
            self.image)
        self.mount()
        os.chmod(directory, 0o700)

    def mount(self):
        """Turn it on; what the journal has is replayed."""
        run("mount", "-t", "ext4", "-o", "loop", self.image, self.directory)
        self.is_mounted = True

    def cut(self):
        """From now on nothing reaches the disk, and what is not there yet never does."""
        directory = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(directory, EXT4_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        finally:
            os.close(directory)

    def unmount(self):
        """Turn it off; nobody may use it any more."""
        if self.is_mounted:
            run("umount", self.directory)
            self.is_mounted = False


class BootId:
    """The kernel's name for this boot, as processes below this one see it."""

    def __init__(self, base):
        go_apart()
        self.path = base / "boot_id"
        self.count = 0
        self.reboot()
        run("mount", "--bind", self.path, "/proc/sys/kernel/random/boot_id")

    def reboot(self):
        """Another name."""
        self.count += 1
        self.path.write_text(f"{self.count:08x}-0000-4000-8000-000000000000\n")
