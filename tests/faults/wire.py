"""The daemon's socket, spoken without the command line: see docs/protocol.md."""
import ctypes
import json
import socket
import struct

SYS_SETRESUID = 117


class Refused(Exception):
    """The daemon answered with an error: its code, and its words."""

    def __init__(self, error):
        super().__init__(f"{error['code']}: {error['message']}")
        self.code = error["code"]


class Lost(Exception):
    """No daemon, or it went away before it answered: what was asked for may be done or not."""


class Client:
    """One connection; requests one after the other."""

    def __init__(self, path, timeout=20, user=None):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        try:
            become(user)  # The kernel notes who connects.
            self.socket.connect(str(path))
        except OSError as error:
            self.socket.close()
            raise Lost(f"connect: {error}") from None
        finally:
            become(None if user is None else 0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def call(self, operation, **arguments):
        """Ask for an operation and return what is below `ok`."""
        body = json.dumps({"v": 1, "id": 1, "op": operation, "args": arguments}).encode()
        try:
            self.socket.sendall(struct.pack("<I", len(body)) + body)
            (length,) = struct.unpack("<I", self._read(4))
            answer = json.loads(self._read(length))
        except OSError as error:
            raise Lost(f"{operation}: {error!r}") from None
        if "error" in answer:
            raise Refused(answer["error"])
        return answer["ok"]

    def _read(self, size):
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                raise Lost("the connection ended")
            data += part
        return data


def become(user):
    """Act as a user, in this thread alone: libc's own call would change all of them."""
    if user is not None and ctypes.CDLL(None).syscall(SYS_SETRESUID, -1, user, -1) != 0:
        raise OSError("setresuid")
