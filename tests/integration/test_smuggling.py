"""Requests that two parsers could read differently: each is refused, or written anew so that only one reading is left.
Three witnesses stand behind the proxy in turn: h11 (or python3-h2) on an origin that keeps the raw bytes, Node, and
nginx. Each must have seen exactly what passes, in the same words, and the request behind it must get its own answer."""
import re
import unittest

from tests.support import lanes, smuggled_requests, wait

CANARY = "GET {u}/canary{t} HTTP/1.1\r\nHost: {h}\r\nConnection: close\r\n\r\n"


class Requests(lanes.Lane):
    """The table of HTTP/1.1 against whatever the lane is."""

    @classmethod
    def rows(cls):
        return [(number, row) for number, row in enumerate(smuggled_requests.ROWS)
                if row.lane in ("", "secure" if cls.SECURE else "plain")]

    def send(self, row, port, path):
        """What is said to the row and to the canary right behind it."""
        methods = [method for method, _ in row.seen]
        return lanes.read_responses(self.say(self.filled(row.text + CANARY, port, path), port), [*methods, "GET"])

    def check_answers(self, row, path, answers):
        expected = [(200, f"{method} {path}" if method != "HEAD" else "") for method, _ in row.seen]
        answers = [(status, (body or "").partition("?")[0]) for status, body in answers]
        if row.status:  # nothing may follow a refusal
            status = row.inside if self.SECURE else row.status
            expected.append((status, answers[-1][1] if answers else ""))
        elif not row.closes:
            expected.append((200, f"GET /canary{path}"))
        self.assertEqual(answers, expected)

    def check_bytes(self, row, recorder, path):
        """What the recording origin has of a row."""
        heard = recorder.of(path)
        received = b"".join(one.raw for one in heard)
        self.assertNotIn(b"evil", received)
        if row.status:
            return
        self.assertEqual([one.broken for one in heard], [""], "a strict parser finds fault")
        bodies = "".join(body for _, body in row.seen).encode("latin-1")
        if b"\r" not in bodies and b"\n" not in bodies:
            self.assertNotRegex(received, rb"[^\r]\n|\r[^\n]", "bare CR or LF")
        for text in row.holds:
            self.assertIn(self.filled(text, recorder.port, path), received)
        for text in row.lacks:
            self.assertNotIn(text.encode().lower(), received.lower())

    def check_rows(self):
        for witness in self.witnesses:
            for number, row in self.rows():
                path = f"/row-{number}-"
                with self.subTest(f"{row.section} {row.name}, {witness.name} behind it"):
                    self.check_answers(row, path, self.send(row, witness.port, path))
                    if witness.name == "recorder":
                        self.check_bytes(row, witness, path)
            self.check_seen(witness)

    def check_seen(self, witness):
        """Every witness has seen the same requests, and no other, in the same order; and so has the event store."""
        host = f"{lanes.HOST}:{witness.port}"
        expected = []
        for number, row in self.rows():
            path = f"/row-{number}-"
            expected += [(method, path, host, body) for method, body in row.seen]
            expected += [] if row.status or row.closes else [("GET", f"/canary{path}", host, "")]
        def seen():
            return [(one["method"], one["target"].partition("?")[0], one["host"], one["body"])
                    for one in witness.requests()]
        wait.until(lambda: len(seen()) >= len(expected), f"{len(expected)} requests at {witness.name}")
        self.assertEqual(seen(), expected, witness.name)
        told = self.store.wait_for_events(f'dstport eq {witness.port} and status = 200', count=len(expected))
        urls = [re.sub(r"^https?://", "", event["url"]).partition("?")[0] for event in told]
        self.assertEqual(sorted(urls), sorted(host + target for _, target, _, _ in expected))


class Plain(Requests):
    SECURE = False

    def test_requests(self):
        self.check_rows()


class Intercepted(Requests):
    def test_requests(self):
        self.check_rows()


class ToHttp2(Requests):
    """Translated: Node refuses to speak HTTP/1.1 here, which the other witnesses cannot."""
    SECURE = True
    ORIGIN = "h2"

    def test_requests(self):
        self.witnesses = [witness for witness in self.witnesses if witness.name == "node"]
        self.check_rows()


if __name__ == "__main__":
    unittest.main()
