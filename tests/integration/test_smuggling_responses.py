"""Responses that two parsers could read differently, from an origin that says them byte by byte: none reaches the
client as it came, and the request behind each gets its own answer or none."""
import unittest

from tests.support import h2_talk, lanes, origins, smuggled_responses, web_servers
from tests.support.smuggled_responses import CUT

ASK = ("{method} {u}{t} HTTP/1.1\r\nHost: {h}\r\n\r\n"
       "GET {u}/canary{t} HTTP/1.1\r\nHost: {h}\r\nConnection: close\r\n\r\n")


class Hostile(origins.Origin):
    """Answers `/row-N` with the text of that row, and whatever else with its own target."""

    name = "hostile"

    def __init__(self, kind=web_servers.Kind()):
        self._context = kind.context() if kind.identity else None
        super().__init__()

    def serve(self, connection):
        if self._context:
            connection.sock = self._context.wrap_socket(connection.sock, server_side=True)
        waiting = b""
        while data := connection.recv():
            waiting += data
            while b"\r\n\r\n" in waiting:
                head, _, waiting = waiting.partition(b"\r\n\r\n")
                target = head.split(b" ")[1].decode()
                if not target.startswith("/row-"):
                    connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(target)}\r\n\r\n{target}".encode())
                    continue
                row = smuggled_responses.ROWS[int(target.removeprefix("/row-"))]
                connection.sendall(row.text.encode("latin-1"))
                if row.ends:
                    if self._context and row.goodbye:
                        connection.sock = connection.sock.unwrap()
                    return


class Responses(lanes.Lane):
    """The table against clients of HTTP/1.1."""

    @classmethod
    def make_witnesses(cls, kind):
        return [cls.keep(Hostile(kind))]

    def rows(self):
        return [(number, row) for number, row in enumerate(smuggled_responses.ROWS) if self.SECURE or row.goodbye]

    def check_rows(self):
        port = self.witnesses[0].port
        for number, row in self.rows():
            with self.subTest(f"{row.section} {row.name}"):
                text = self.filled(ASK.replace("{method}", row.method), port, f"/row-{number}")
                self.check(row, self.say(text, port), f"/canary/row-{number}")

    def check(self, row, received, canary):
        self.assertNotIn(b"evil", received)
        answers = lanes.read_responses(received, [row.method, "GET"])
        if row.status == CUT:
            self.assertIn(answers, ([], [(200, None)]), "nothing may follow what broke off")
            return
        first, *rest = answers
        self.assertNotRegex(received.partition(b"\r\n\r\n")[0], rb"[^\r]\n|\r[^\n]", "bare CR or LF")
        self.assertEqual(first[0], row.status)
        if row.status == 502:
            self.assertIn(rest, ([], [(200, canary)]))
            return
        self.assertEqual([first, *rest], [(row.status, row.body), (200, canary)])
        for text in row.holds:
            self.assertIn(text.encode("latin-1"), received)
        for text in row.lacks:
            self.assertNotIn(text.encode(), received)


class Plain(Responses):
    SECURE = False

    def test_responses(self):
        self.check_rows()


class Intercepted(Responses):
    def test_responses(self):
        self.check_rows()


class ToHttp2Client(Responses):
    def test_responses(self):
        port = self.witnesses[0].port
        talk = h2_talk.Talk(self.open(port, "h2"))
        for number, row in self.rows():
            with self.subTest(f"{row.section} {row.name}"):
                status, body = self.ask(talk, row.method, f"/row-{number}")
                self.assertNotIn("evil", body)
                if row.status == CUT:
                    self.assertTrue(status < 0 or status == 502, status)
                else:
                    self.assertEqual(status, row.status)
                if row.status not in (CUT, 502):
                    self.assertEqual(body, row.body)
                self.assertEqual(self.ask(talk, "GET", "/canary"), (200, "/canary"))
        talk.raw.close()

    def ask(self, talk, method, path):
        pairs = ((":method", method), (":scheme", "https"), (":authority", "{h}"), (":path", path))
        return talk.ask([tuple(self.filled(text, self.witnesses[0].port, path) for text in pair) for pair in pairs])


if __name__ == "__main__":
    unittest.main()
