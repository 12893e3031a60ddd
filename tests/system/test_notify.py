"""Whoever is to be told of a job is told, once it is true, whatever fails on the way."""
import base64
import hashlib
import hmac
import json
import os
import signal
import socket
import stat
import unittest

from harness import IS_ROOT, NOBODY, SystemTest
from processes import until
from receivers import Certificate, MailReceiver, WebReceiver


class NotifyTest(SystemTest):
    """What the tests of notification have in common: a program whose configuration names targets."""

    def setUp(self):
        """The configuration is written when the receivers are there."""

    def serving(self, receiver):
        """A receiver that is closed at the end of the test."""
        self.addCleanup(receiver.close)
        return receiver

    def with_targets(self, text, **options):
        """The program with these tables in its configuration."""
        self.reeve = self.reeve_with(config="[capacity]\ncpus = 8\n" + text, **options)
        return self.reeve

    def script(self, name, text):
        """An executable file below the program's own directory."""
        path = self.reeve.base / name
        path.write_text("#!/bin/sh\n" + text)
        path.chmod(0o755)
        return path

    def history(self, *arguments):
        """What was told, newest first."""
        return json.loads(self.reeve.ok("notify", "history", *arguments, "--json").out)

    def settled(self, job, seconds=40):
        """Wait until nothing of a job is to be told any more, and return what was."""
        rows = []

        def there():
            rows[:] = self.history("--job", job)
            return rows and all(row["state"] != "pending" for row in rows)
        until(there, f"job {job} has been told of: {rows}", seconds)
        return rows

    def tried(self, job, seconds=20):
        """Wait for the first try of a job's message and return its row."""
        def there():
            rows = self.history("--job", job)
            return rows[0] if rows and rows[0]["tries"] else None
        return until(there, f"a message of job {job} was tried", seconds)


class Webhooks(NotifyTest):
    """POST requests to a server on this machine."""

    def hook(self, receiver, *lines, on='on = ["failure"]', url=None):
        """The program with one webhook."""
        return self.with_targets("\n".join(
            ["[notify.hook]", f'webhook = "{url or receiver.url()}"', "plain_http = true",
             'allow = ["127.0.0.0/8"]', on, *lines]) + "\n")

    def test_a_failure_is_told_with_all_that_matters(self):
        receiver = self.serving(WebReceiver())
        reeve = self.hook(receiver)
        job = reeve.ended("-J", "train", "--tag", "t", "--", "sh", "-c", "exit 3")
        reeve.ended("--", "true")
        rows = self.settled(job["id"])
        self.assertEqual([row["state"] for row in rows], ["delivered"])
        [(_, headers, body)] = receiver.requests
        told = json.loads(body)
        self.assertEqual(headers["Content-Type"], "application/json")
        self.assertEqual(headers["webhook-id"], told["id"])
        self.assertEqual(told["kind"], "failure")
        self.assertEqual({key: told["job"][key] for key in
                          ("id", "name", "state", "reason", "exit_code", "attempt", "tags")},
                         {"id": job["id"], "name": "train", "state": "failed",
                          "reason": "exit_code", "exit_code": 3, "attempt": 1, "tags": ["t"]})
        end = [event for event in reeve.events(job["id"]) if event["event"] == "failed"]
        self.assertEqual(told["event"], end[0]["seq"])
        self.assert_told(told["subject"], "train", "failed", "exit code 3")

    def test_secrets_and_commands_are_not_told(self):
        receiver = self.serving(WebReceiver())
        reeve = self.hook(receiver, on='on = ["end"]')
        job = reeve.ended("--secret", "PHRASE", "--env", "PHRASE=geheim-und-lang", "-J",
                          "with geheim-und-lang", "--", "sh", "-c", "exit 4 # mein-kommando")
        self.settled(job["id"])
        body = receiver.requests[0][2]
        for word in (b"geheim", b"mein-kommando"):
            self.assertNotIn(word, body)
            self.assertNotIn(word.decode(), reeve.ok("notify", "history").out)

    def test_what_is_sent_is_signed_and_carries_the_token(self):
        receiver = self.serving(WebReceiver())
        reeve = self.with_targets("")
        key = reeve.base / "key"
        key.write_text("whsec_" + base64.b64encode(b"0123456789abcdef").decode() + "\n")
        key.chmod(0o600)
        config = reeve.home / "config.toml"
        config.write_text(f'[notify.hook]\nwebhook = "{receiver.url()}"\nplain_http = true\n'
                          f'allow = ["127.0.0.1"]\nkey_file = "{key}"\ntoken_variable = "HOOK_TOKEN"\n')
        reeve.environment["HOOK_TOKEN"] = "tok-1"
        self.assertEqual(reeve.run("notify", "test", "hook").out, "delivered\n")
        [(_, headers, body)] = receiver.requests
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        digest = hmac.new(b"0123456789abcdef", signed, hashlib.sha256).digest()
        self.assertEqual(headers["webhook-signature"], "v1," + base64.b64encode(digest).decode())
        self.assertEqual(headers["Authorization"], "Bearer tok-1")

    def test_a_secret_that_others_can_read_is_not_used(self):
        receiver = self.serving(WebReceiver())
        reeve = self.with_targets("")
        key = reeve.base / "key"
        key.write_text("geheim")
        key.chmod(0o644)
        (reeve.home / "config.toml").write_text(
            f'[notify.hook]\nwebhook = "{receiver.url()}"\nplain_http = true\n'
            f'allow = ["127.0.0.1"]\nkey_file = "{key}"\n')
        answer = reeve.run("notify", "test", "hook")
        self.assertEqual(answer.code, 1)
        self.assert_told(answer.err, "chmod 600")
        self.assertEqual(receiver.requests, [])

    def test_redirections_are_not_followed(self):
        second = self.serving(WebReceiver())
        receiver = self.serving(WebReceiver(answers=[(302, {"Location": second.url()})]))
        self.hook(receiver)
        rows = self.settled(self.reeve.ended("--", "false")["id"])
        self.assertEqual((rows[0]["state"], rows[0]["tries"]), ("failed", 1))
        self.assert_told(rows[0]["error"], "302", "redirection")
        self.assertEqual(second.requests, [])

    def test_addresses_that_are_not_public_are_refused(self):
        receiver = self.serving(WebReceiver())
        places = ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "0.0.0.0"]
        reeve = self.with_targets("".join(
            f'[notify.t{number}]\nplain_http = true\nwebhook = "http://{place}:{receiver.port}/"\n'
            for number, place in enumerate(places)))
        for number, place in enumerate(places):
            answer = reeve.run("notify", "test", f"t{number}")
            self.assertEqual(answer.code, 1, place)
            self.assert_told(answer.err, "allow = [")
        self.assertEqual(receiver.requests, [])

    def test_metadata_is_refused_though_other_networks_are_allowed(self):
        reeve = self.with_targets('[notify.hook]\nplain_http = true\nallow = ["127.0.0.0/8"]\n'
                                  'webhook = "http:' + '//169.254.169.254/latest"\n')
        answer = reeve.run("notify", "test", "hook")
        self.assertEqual(answer.code, 1)
        self.assert_told(answer.err, "169.254.169.254", "metadata")

    def test_a_certificate_counts_unless_its_authority_is_given(self):
        with_certificate = self.with_targets("")
        certificate = Certificate(with_certificate.base)
        receiver = self.serving(WebReceiver(certificate))
        table = (f'webhook = "{receiver.url()}"\nallow = ["127.0.0.1"]\n')
        (self.reeve.home / "config.toml").write_text(
            f'[notify.plain]\n{table}[notify.trusted]\n{table}ca_file = "{certificate.file}"\n')
        answer = self.reeve.run("notify", "test", "plain")
        self.assertEqual(answer.code, 1)
        self.assert_told(answer.err, "certificate")
        self.assertEqual(receiver.requests, [])
        self.assertEqual(self.reeve.run("notify", "test", "trusted").out, "delivered\n")

    def test_a_certificate_for_another_name_is_refused(self):
        self.with_targets("")
        certificate = Certificate(self.reeve.base, "DNS:other.example")
        receiver = self.serving(WebReceiver(certificate))
        (self.reeve.home / "config.toml").write_text(
            f'[notify.hook]\nwebhook = "{receiver.url()}"\nallow = ["127.0.0.1"]\n'
            f'ca_file = "{certificate.file}"\n')
        answer = self.reeve.run("notify", "test", "hook")
        self.assertEqual(answer.code, 1)
        self.assertEqual(receiver.requests, [])

    def test_a_server_that_is_busy_is_asked_again_under_the_same_id(self):
        receiver = self.serving(WebReceiver(answers=[503, "drop"]))
        self.hook(receiver)
        job = self.reeve.ended("--", "false")["id"]
        row = self.tried(job)
        self.assertEqual((row["state"], row["tries"]), ("pending", 1))
        self.assert_told(row["error"], "503")
        rows = self.settled(job)
        self.assertEqual((rows[0]["state"], rows[0]["tries"]), ("delivered", 3))
        self.assertEqual(len({headers["webhook-id"] for _, headers, _ in receiver.requests}), 1)
        self.assertEqual([bool(one["error"]) for one in rows[0]["history"]], [True, True, False])

    def test_a_message_that_is_refused_for_good_is_not_sent_again(self):
        receiver = self.serving(WebReceiver(answers=[410]))
        self.hook(receiver)
        rows = self.settled(self.reeve.ended("--", "false")["id"])
        self.assertEqual((rows[0]["state"], rows[0]["tries"]), ("failed", 1))

    def test_a_server_that_hangs_keeps_no_job_waiting(self):
        receiver = self.serving(WebReceiver(answers=["hang"]))
        self.hook(receiver, 'time_limit = "2s"')
        job = self.reeve.ended("--", "false")["id"]
        until(lambda: receiver.requests, "the request has arrived")
        self.assertEqual(self.reeve.ended("--", "true")["state"], "completed")
        row = self.tried(job)
        self.assert_told(row["error"], "timed out")

    def test_what_a_killed_daemon_had_to_tell_is_told_by_the_next(self):
        receiver = self.serving(WebReceiver(answers=["hang"]))
        self.hook(receiver)
        job = self.reeve.ended("--", "false")["id"]
        until(lambda: receiver.requests, "the first request has arrived")
        self.reeve.kill_daemon(signal.SIGKILL)
        rows = self.settled(job)
        self.assertEqual(rows[0]["state"], "delivered")
        self.assertEqual(len({headers["webhook-id"] for _, headers, _ in receiver.requests}), 1)
        self.assertEqual(len(receiver.requests), 2)

    def test_an_end_that_was_told_to_nobody_before_the_daemon_died_is_told(self):
        with socket.socket() as closed:  # A port on which nobody listens yet.
            closed.bind(("127.0.0.1", 0))
            port = closed.getsockname()[1]
            self.with_targets(f'[notify.hook]\nwebhook = "http://127.0.0.1:{port}/"\n'
                              'plain_http = true\nallow = ["127.0.0.1"]\non = ["end"]\n')
            job = self.reeve.ended("--", "true")["id"]
            self.assertEqual(self.tried(job)["state"], "pending")
            self.reeve.kill_daemon(signal.SIGKILL)
        receiver = self.serving(WebReceiver())
        config = self.reeve.home / "config.toml"
        config.write_text(config.read_text().replace(str(port), str(receiver.port)))
        self.assertEqual(self.settled(job)[0]["state"], "delivered")
        self.assertEqual(receiver.payloads()[0]["job"]["id"], job)


class WhoIsTold(NotifyTest):
    """By the configuration, and by the jobs themselves."""

    def setUp(self):
        self.receiver = self.serving(WebReceiver())
        table = (f'webhook = "{self.receiver.url()}"\nplain_http = true\nallow = ["127.0.0.1"]\n')
        self.with_targets(f'[notify.named]\n{table}[notify.ends]\n{table}on = ["end"]\n'
                          f'[notify.failures]\n{table}on = ["failure"]\n')

    def told(self, job):
        """The targets that heard of a job."""
        return sorted(row["target"] for row in self.settled(job))

    def test_each_target_hears_what_it_asked_for(self):
        failed = self.reeve.ended("--", "false")["id"]
        completed = self.reeve.ended("--", "true")["id"]
        named = self.reeve.ended("--notify", "named", "--", "true")["id"]
        self.assertEqual(self.told(failed), ["ends", "failures"])
        self.assertEqual(self.told(completed), ["ends"])
        self.assertEqual(self.told(named), ["ends", "named"])

    def test_a_name_that_is_no_target_is_refused(self):
        answer = self.reeve.run("submit", "--notify", "nmaed", "--", "true")
        self.assert_refused(answer)
        self.assert_told(answer.err, "nmaed", "named")

    def test_a_failure_that_is_retried_is_told_when_it_is_final(self):
        job = self.reeve.ended("--retry", "1", "--retry-delay", "10ms", "--", "false")["id"]
        self.reeve.wait(job)
        self.reeve.in_state(job, "failed")
        until(lambda: len(self.history("--job", job)) == 2, "both targets have it")
        self.settled(job)
        self.assertEqual({told["job"]["attempt"] for told in self.receiver.payloads()}, {2})

    def test_ls_test_and_history_tell(self):
        self.assertEqual(self.reeve.run("notify", "test", "nobody").code, 1)
        self.assertEqual(self.reeve.run("notify", "test", "named").code, 0)
        targets = {row["name"]: row for row in json.loads(self.reeve.ok("notify", "ls",
                                                                        "--json").out)}
        self.assertEqual(targets["named"]["last"]["state"], "delivered")
        self.assertEqual(targets["named"]["kind"], "webhook")
        self.assertNotIn("/hook", self.reeve.ok("notify", "ls").out)
        self.assertIn("test of the target named", self.reeve.ok("notify", "history").out)
        self.assert_refused(self.reeve.run("notify", "history", "-s", "sent"))


class Commands(NotifyTest):
    """A program of the user's."""

    def command(self, text, *lines):
        """The program under test, with a script that is told of failures."""
        self.with_targets("")
        script = self.script("tell", text)
        (self.reeve.home / "config.toml").write_text("\n".join(
            ["[notify.run]", f'command = ["{script}", "an argument"]', 'on = ["failure"]',
             *lines]) + "\n")

    def test_it_gets_the_notice_and_a_clean_environment(self):
        self.command('cd "$(dirname "$0")"; cat >payload; env >environment; echo "$1" >argument; '
                     'mv argument done\n')
        self.reeve.environment["SOME_TOKEN"] = "geheim"
        job = self.reeve.ended("--", "false")["id"]
        self.assertEqual(self.settled(job)[0]["state"], "delivered")
        base = self.reeve.base
        self.assertEqual(json.loads((base / "payload").read_text())["job"]["id"], job)
        self.assertEqual((base / "done").read_text(), "an argument\n")
        environment = (base / "environment").read_text()
        self.assertIn("REEVE_NOTICE_KIND=failure\n", environment)
        self.assertNotIn("geheim", environment)

    def test_one_that_fails_is_quoted(self):
        self.command("echo one >&2; echo 'no such channel' >&2; exit 7\n")
        row = self.tried(self.reeve.ended("--", "false")["id"])
        self.assertEqual(row["state"], "pending")
        self.assert_told(row["error"], "exit code 7", "no such channel")

    def test_one_that_hangs_and_forks_leaves_nothing(self):
        self.command('sleep 61 & setsid sleep 62 & (trap "" TERM; sleep 63) & sleep 64\n',
                     'time_limit = "1s"')
        row = self.tried(self.reeve.ended("--", "false")["id"], seconds=30)
        self.assert_told(row["error"], "time limit")
        until(lambda: not self.reeve.strangers(), "nothing of it is left")

    def test_nothing_of_it_outlives_a_killed_daemon(self):
        self.command('touch "$(dirname "$0")/begun"; setsid sleep 62 & sleep 64\n')
        self.reeve.ended("--", "false")
        until(lambda: (self.reeve.base / "begun").exists(), "it has begun")
        self.reeve.kill_daemon(signal.SIGKILL)
        until(lambda: not self.reeve.strangers(), "nothing of it is left")
        (self.reeve.home / "config.toml").write_text("")

    @unittest.skipUnless(IS_ROOT, "needs root to become another user")
    def test_an_ordinary_user_is_served_as_well(self):
        self.with_targets("", user=NOBODY)
        script = self.script("tell", "setsid sleep 63 & cat; exit 5\n")
        (self.reeve.home / "config.toml").write_text(
            f'[notify.run]\ncommand = ["{script}"]\non = ["failure"]\n')
        row = self.tried(self.reeve.ended("--", "false")["id"])
        self.assert_told(row["error"], "exit code 5")
        until(lambda: not self.reeve.strangers(), "nothing of it is left")

    def test_one_that_is_missing_is_told_as_such(self):
        self.command("")
        (self.reeve.base / "tell").unlink()
        row = self.tried(self.reeve.ended("--", "false")["id"])
        self.assert_told(row["error"], "can't be executed")

    def test_the_desktop_is_told_by_notify_send(self):
        self.with_targets('[notify.screen]\ndesktop = true\non = ["failure"]\n')
        self.script("notify-send", 'for word; do echo "$word"; done >"$0.part"; '
                                   'mv "$0.part" "$0.told"\n')
        self.reeve.environment["PATH"] = f"{self.reeve.base}:{os.environ['PATH']}"
        job = self.reeve.ended("-J", "<b>bold & big", "--", "false")["id"]
        self.settled(job)
        told = (self.reeve.base / "notify-send.told").read_text()
        self.assertIn("--urgency=critical\n--\n<b>bold & big", told)
        self.assertIn("&lt;b&gt;bold &amp; big", told)

    def test_a_desktop_that_is_not_there_is_given_up(self):
        self.with_targets('[notify.screen]\ndesktop = true\non = ["failure"]\n')
        self.reeve.environment["PATH"] = str(self.reeve.base)
        job = self.reeve.ended("--", "/bin/false")["id"]
        rows = self.settled(job)
        self.assertEqual((rows[0]["state"], rows[0]["tries"]), ("failed", 1))


class Mails(NotifyTest):
    """By SMTP."""

    def mail(self, receiver, *lines):
        """The program with one target that gets mail."""
        self.with_targets("\n".join(
            ["[notify.mail]", 'mail = ["ann@example.org", "bob@example.org"]',
             'from = "reeve@example.org"', 'server = "127.0.0.1"', f"port = {receiver.port}",
             'on = ["failure"]', *(lines or ['tls = "none"'])]) + "\n")

    def password(self, text):
        """A file with a password."""
        path = self.reeve.base / "password"
        path.write_text(text + "\n")
        path.chmod(stat.S_IRUSR | stat.S_IWUSR)
        return path

    def test_a_failure_is_a_mail(self):
        receiver = self.serving(MailReceiver())
        self.mail(receiver)
        job = self.reeve.ended("-J", "train", "--", "sh", "-c", "exit 3")["id"]
        self.assertEqual(self.settled(job)[0]["state"], "delivered")
        [mail] = receiver.mails
        self.assertEqual(mail.sender, "<reeve@example.org>")
        self.assertEqual(mail.recipients, ["<ann@example.org>", "<bob@example.org>"])
        self.assert_told(mail.subject, "train", "failed", "exit code 3")
        self.assert_told(mail.text, f"reeve why {job}")
        self.assertEqual(mail.message["Auto-Submitted"], "auto-generated")
        for header in ("Date", "Message-ID", "From", "To"):
            self.assertEqual(len(mail.message.get_all(header)), 1, header)

    def test_hostile_names_make_no_headers(self):
        receiver = self.serving(MailReceiver())
        self.mail(receiver)
        names = ["=?utf-8?Q?x=0D=0ABcc:_all@example.org?=", "Bcc: all@example.org",
                 "\u202egnp.exe", "ä€🐧" * 20, "x" * 200]
        for number, name in enumerate(names):
            job = self.reeve.ended("-J", name, "--", "false")["id"]
            self.assertEqual(self.settled(job)[0]["state"], "delivered", name)
            mail = receiver.mails[number]
            self.assertEqual(mail.recipients, ["<ann@example.org>", "<bob@example.org>"])
            self.assertIsNone(mail.message["Bcc"])
            self.assertEqual(len(mail.message.keys()), 10)
            self.assertTrue(mail.data.isascii())
        self.assertIn("ä€🐧", receiver.mails[3].subject)

    def test_starttls_and_a_password(self):
        self.with_targets("")
        certificate = Certificate(self.reeve.base)
        receiver = self.serving(MailReceiver(certificate, password="geheim"))
        self.mail(receiver)
        password = self.password("geheim")
        config = self.reeve.home / "config.toml"
        text = config.read_text().replace('tls = "none"', "")
        login = f'user = "reeve"\npassword_file = "{password}"\n'
        config.write_text(text + login)
        answer = self.reeve.run("notify", "test", "mail")
        self.assertEqual(answer.code, 1, "a certificate that nobody vouches for")
        self.reeve.ok("daemon", "stop")
        config.write_text(text + login + f'ca_file = "{certificate.file}"\n')
        self.assertEqual(self.reeve.run("notify", "test", "mail").out, "delivered\n")
        [mail] = receiver.mails
        self.assertTrue(mail.was_encrypted)
        self.assertEqual(mail.user, "reeve")
        self.reeve.ok("daemon", "stop")
        self.password("wrong")
        self.assertEqual(self.reeve.run("notify", "test", "mail").code, 1)
        for path in self.reeve.home.rglob("*"):
            if path.is_file() and path.stat().st_size:
                self.assertNotIn(b"geheim", path.read_bytes(), path)

    def test_tls_from_the_beginning(self):
        self.with_targets("")
        certificate = Certificate(self.reeve.base)
        receiver = self.serving(MailReceiver(certificate, implicit_tls=True))
        self.mail(receiver, 'tls = "tls"', f'ca_file = "{certificate.file}"')
        self.assertEqual(self.reeve.run("notify", "test", "mail").out, "delivered\n")

    def test_a_server_without_starttls_gets_nothing(self):
        receiver = self.serving(MailReceiver())
        self.mail(receiver, 'tls = "starttls"')
        self.assertEqual(self.reeve.run("notify", "test", "mail").code, 1)
        self.assertEqual(receiver.mails, [])

    def test_a_temporary_refusal_is_tried_again(self):
        receiver = self.serving(MailReceiver(replies={"RCPT": ["451 4.7.1 greylisted"]}))
        self.mail(receiver)
        job = self.reeve.ended("--", "false")["id"]
        self.assert_told(self.tried(job)["error"], "451")
        rows = self.settled(job)
        self.assertEqual((rows[0]["state"], rows[0]["tries"]), ("delivered", 2))
        self.assertEqual(len(receiver.mails), 1)

    def test_a_connection_that_drops_is_tried_again(self):
        receiver = self.serving(MailReceiver(replies={"end": ["drop"]}))
        self.mail(receiver)
        rows = self.settled(self.reeve.ended("--", "false")["id"])
        self.assertEqual((rows[0]["state"], rows[0]["tries"]), ("delivered", 2))

    def test_a_final_refusal_is_given_up(self):
        receiver = self.serving(MailReceiver(replies={"RCPT": ["550 5.1.1 no such user"]}))
        self.mail(receiver)
        rows = self.settled(self.reeve.ended("--", "false")["id"])
        self.assertEqual((rows[0]["state"], rows[0]["tries"]), ("failed", 1))
        self.assert_told(rows[0]["error"], "550")

    def test_a_server_that_does_not_speak_ends_with_the_time_limit(self):
        receiver = self.serving(MailReceiver(replies={"greeting": ["hang"]}))
        self.mail(receiver, 'tls = "none"', 'time_limit = "1s"')
        self.assertEqual(self.tried(self.reeve.ended("--", "false")["id"])["state"], "pending")

    def test_a_flood_is_few_mails_that_tell_all(self):
        receiver = self.serving(MailReceiver())
        self.mail(receiver, 'tls = "none"', 'window = "3s"')
        jobs = self.reeve.batch([{"command": ["false"]} for _ in range(500)])
        self.reeve.wait(*jobs, timeout=120)

        def rows():
            return json.loads(self.reeve.ok("notify", "history", "--limit", "1000", "--json").out)
        until(lambda: all(row["state"] != "pending" for row in rows()), "all is told", 60)
        told = rows()
        singles = [row for row in told if row["job"] and row["state"] == "delivered"]
        digests = {row["id"]: row for row in told if row["kind"] == "digest"}
        folded = [row for row in told if row["state"] == "folded"]
        self.assertEqual(len(singles) + len(folded), 500)
        self.assertEqual({row["digest"] for row in folded}, set(digests))
        self.assertEqual(len(receiver.mails), len(singles) + len(digests))
        self.assertLessEqual(len(receiver.mails), 40)
        print(f"{len(receiver.mails)} mails for 500 failures")


if __name__ == "__main__":
    unittest.main()
