"""A small client of the daemon's protocol, so that a benchmark measures the daemon and not the start
of a program. See docs/protocol.md."""

import json
import socket
import struct


class Connection:
    """One connection to a daemon's socket."""

    def __init__(self, home):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(f"{home}/reeve.sock")
        self.number = 0

    def call(self, operation, **arguments):
        self.number += 1
        body = json.dumps({"v": 1, "id": self.number, "op": operation, "args": arguments}).encode()
        self.socket.sendall(struct.pack("<I", len(body)) + body)
        (length,) = struct.unpack("<I", self._read(4))
        answer = json.loads(self._read(length))
        if "error" in answer:
            raise RuntimeError(answer["error"]["message"])
        return answer["ok"]

    def _read(self, count):
        parts = []
        while count > 0:
            part = self.socket.recv(min(count, 1 << 20))
            if not part:
                raise EOFError("the daemon closed the connection")
            parts.append(part)
            count -= len(part)
        return b"".join(parts)
