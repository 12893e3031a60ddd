"""Servers on the loopback interface that receive what Reeve tells: HTTP(S), and SMTP.

Each runs on threads of the test's process, records what arrives, and misbehaves as it is told.
"""
import base64
import email
import email.policy
import http.server
import json
import pathlib
import socket
import socketserver
import ssl
import subprocess
import threading


class Certificate:
    """A key and a certificate that is its own authority, for names and addresses."""

    def __init__(self, directory, names="DNS:localhost,IP:127.0.0.1"):
        self.key = pathlib.Path(directory) / "key.pem"
        self.file = pathlib.Path(directory) / "certificate.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                        "-subj", "/CN=receiver", "-addext", f"subjectAltName={names}",
                        "-keyout", self.key, "-out", self.file],
                       check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)

    def context(self):
        """What a server wraps its connections with."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file, self.key)
        return context


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    receiver = None

    def handle_error(self, request, client_address):
        """A client that hangs up is nothing to tell about."""


class _Receiver:
    """What both kinds have in common. `close` ends it with all its connections."""

    def __init__(self, handler, address="127.0.0.1"):
        self.lock = threading.Condition()
        self.connections = 0
        self.leave_hanging = threading.Event()
        self.server = _Server((address, 0), handler)
        self.server.receiver = self
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def close(self):
        """End it; whoever was left hanging is let go."""
        self.leave_hanging.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class WebReceiver(_Receiver):
    """Records POST requests. `answers` are taken one by one: a code, (code, headers), "hang" or
    "drop"; without one left, 200."""

    def __init__(self, certificate=None, answers=()):
        self.requests, self.answers = [], list(answers)
        self.certificate = certificate
        super().__init__(_WebHandler)
        if certificate is not None:
            self.server.socket = certificate.context().wrap_socket(self.server.socket,
                                                                   server_side=True)

    def url(self, host="127.0.0.1"):
        """Where it listens."""
        return f"{'https' if self.certificate else 'http'}://{host}:{self.port}/hook"

    def payloads(self):
        """The bodies, decoded."""
        return [json.loads(body) for _, _, body in self.requests]


class _WebHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):  # pylint: disable=arguments-differ
        """Say nothing."""

    def do_POST(self):  # pylint: disable=invalid-name
        """Take a request, and answer as the receiver was told."""
        receiver = self.server.receiver
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with receiver.lock:
            receiver.requests.append((self.path, dict(self.headers), body))
            answer = receiver.answers.pop(0) if receiver.answers else 200
        if answer == "hang":
            receiver.leave_hanging.wait()
        if answer in ("hang", "drop"):
            self.close_connection = True
            return
        code, headers = answer if isinstance(answer, tuple) else (answer, {})
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()


class Mail:
    """A message as the server took it."""

    def __init__(self, sender, recipients, data, user, was_encrypted):
        self.sender, self.recipients, self.data = sender, recipients, data
        self.user, self.was_encrypted = user, was_encrypted
        self.message = email.message_from_bytes(data, policy=email.policy.default)

    @property
    def subject(self):
        """The subject, decoded."""
        return self.message["Subject"]

    @property
    def text(self):
        """The body, decoded."""
        return self.message.get_content()


class MailReceiver(_Receiver):
    """An SMTP server (RFC 5321) with STARTTLS and AUTH PLAIN where it has a certificate.

    `replies` tells what it answers to a word of the protocol instead of its own answer, one by one:
    {"RCPT": ["451 4.3.0 later"], "DATA": ["drop"]}.
    """

    def __init__(self, certificate=None, *, implicit_tls=False, password=None, replies=None):
        self.mails = []
        self.certificate, self.password = certificate, password
        self.replies = {word: list(lines) for word, lines in (replies or {}).items()}
        self.attempts = 0
        super().__init__(_MailHandler)
        if implicit_tls:
            self.server.socket = certificate.context().wrap_socket(self.server.socket,
                                                                   server_side=True)
        self.implicit_tls = implicit_tls


class _MailHandler(socketserver.StreamRequestHandler):
    def say(self, text):
        """One reply, which may have several lines."""
        self.wfile.write(text.replace("\n", "\r\n").encode() + b"\r\n")
        self.wfile.flush()

    def told(self, word):
        """What the test wants answered to a word, or nothing."""
        receiver = self.server.receiver
        with receiver.lock:
            lines = receiver.replies.get(word, [])
            return lines.pop(0) if lines else None

    def handle(self):
        receiver = self.server.receiver
        with receiver.lock:
            receiver.attempts += 1
        self.is_encrypted = receiver.implicit_tls
        self.user = self.sender = None
        self.recipients = []
        greeting = self.told("greeting")
        if greeting == "drop":
            return
        if greeting == "hang":
            receiver.leave_hanging.wait()
            return
        self.say(greeting or "220 receiver ESMTP")
        while True:
            line = self.rfile.readline()
            if not line:
                return
            text = line.rstrip(b"\r\n").decode("ascii", "replace")
            if not line.endswith(b"\r\n"):
                self.say("500 a line ends with CRLF")
                continue
            word = text.split(" ", 1)[0].upper()
            wanted = self.told(word)
            if wanted == "drop":
                return
            if wanted is not None:
                self.say(wanted)
                continue
            if not self.answer(word, text):
                return

    def answer(self, word, text):
        """Answer one command; false ends the connection."""
        receiver = self.server.receiver
        if word == "EHLO":
            lines = ["receiver", "PIPELINING", "SIZE 1000000"]
            if receiver.certificate and not self.is_encrypted:
                lines.append("STARTTLS")
            if receiver.password and self.is_encrypted:
                lines.append("AUTH PLAIN")
            self.say("\n".join(f"250{'-' if line is not lines[-1] else ' '}{line}"
                               for line in lines))
        elif word == "HELO":
            self.say("250 receiver")
        elif word == "STARTTLS" and receiver.certificate and not self.is_encrypted:
            self.say("220 go ahead")
            self.request = receiver.certificate.context().wrap_socket(self.request,
                                                                      server_side=True)
            self.rfile = self.request.makefile("rb")
            self.wfile = self.request.makefile("wb")
            self.is_encrypted = True
        elif word == "AUTH":
            self.authenticate(text)
        elif word == "MAIL":
            if receiver.password and self.user is None:
                self.say("530 5.7.0 authentication required")
            else:
                self.sender, self.recipients = text[len("MAIL FROM:"):].split(" ")[0], []
                self.say("250 ok")
        elif word == "RCPT":
            self.recipients.append(text[len("RCPT TO:"):].split(" ")[0])
            self.say("250 ok")
        elif word == "DATA":
            self.take_data()
        elif word in ("RSET", "NOOP"):
            self.say("250 ok")
        elif word == "QUIT":
            self.say("221 bye")
            return False
        else:
            self.say("502 5.5.1 not known here")
        return True

    def authenticate(self, text):
        """AUTH PLAIN, with the answer in the line or after a challenge."""
        words = text.split(" ")
        if len(words) < 3:
            self.say("334 ")
            words.append(self.rfile.readline().decode().strip())
        _, user, password = base64.b64decode(words[2]).decode().split("\0")
        if password == self.server.receiver.password:
            self.user = user
            self.say("235 2.7.0 welcome")
        else:
            self.say("535 5.7.8 wrong password")

    def take_data(self):
        """Take the message up to the lonely dot."""
        if not self.recipients:
            self.say("503 5.5.1 no recipients")
            return
        self.say("354 go on")
        lines = []
        while True:
            line = self.rfile.readline()
            if not line:
                return
            if line == b".\r\n":
                break
            if not line.endswith(b"\r\n") or len(line) > 1000:
                self.say("500 5.6.0 a line is too long or has no end")
                return
            lines.append(line[1:] if line.startswith(b".") else line)
        wanted = self.told("end")
        if wanted == "drop":
            self.request.shutdown(socket.SHUT_RDWR)
            return
        if wanted is not None:
            self.say(wanted)
            return
        receiver = self.server.receiver
        with receiver.lock:
            receiver.mails.append(Mail(self.sender, self.recipients, b"".join(lines), self.user,
                                       self.is_encrypted))
        self.say("250 taken")
