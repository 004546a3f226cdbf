"""HTTP/2 requests that would smuggle, frame by frame, through interception to three witnesses: python3-h2 (or h11) on
an origin that keeps what it got, Node, and nginx. Each must have seen exactly what passes, and the stream behind each
row must get its own answer."""
import re
import unittest

from tests.support import h2_talk, lanes, smuggled_streams, wait


class Streams(lanes.Lane):
    """The table of HTTP/2 against witnesses that speak ORIGIN."""

    def filled_pairs(self, pairs, port, path):
        return [tuple(self.filled(text, port, path) for text in pair) for pair in pairs]

    def rows(self, witness):
        """(path, row) of each that this witness understands."""
        blind = witness.name == "nginx" and self.ORIGIN == "h2"  # to it a request's trailers break the protocol
        return [(f"/row-{at}-", row) for at, row in enumerate(smuggled_streams.ROWS)
                if row.status or not (row.trailers and blind)]

    def to_http1(self):
        return self.ORIGIN == "http/1.1"

    def may_be_whole(self, row):
        return self.to_http1() and row.http1_whole

    def check_rows(self):
        for witness in self.witnesses:
            talk = h2_talk.Talk(self.open(witness.port, "h2"))
            for path, row in self.rows(witness):
                with self.subTest(f"{row.section} {row.name}, {witness.name} behind it"):
                    answer = talk.ask(self.filled_pairs(row.fields, witness.port, path), row.body,
                                      self.filled_pairs(row.trailers, witness.port, path))
                    self.check_answer(row, answer, path)
                    canary = self.filled_pairs(smuggled_streams.ask(path="/canary{t}"), witness.port, path)
                    self.assertEqual(talk.ask(canary), (200, f"GET /canary{path}"))
                    if witness.name == "recorder":
                        self.check_bytes(row, witness, path)
                if talk.raw.closed or talk.raw.goaway is not None:
                    talk.raw.close()
                    talk = h2_talk.Talk(self.open(witness.port, "h2"))
            talk.raw.close()
            self.check_seen(witness)

    def check_answer(self, row, answer, path):
        if row.status:
            self.assertEqual(answer[0], (self.to_http1() and row.http1_status) or row.status)
            return
        method = row.seen[0]
        text = f"{method} {row.target.replace('{t}', path)}"
        self.assertEqual(answer, (200, "" if method == "HEAD" else text))

    def check_bytes(self, row, recorder, path):
        """What the recording origin has of a row."""
        heard = recorder.of(path)
        if self.to_http1():
            self.assertNotIn(b"evil", b"".join(one.raw for one in heard))
        got = [(fields_of, request) for one in heard for fields_of, request in zip(one.fields, one.requests)
               if request["target"].startswith(path)]
        self.assertNotIn("evil", str(got))
        if row.status:
            self.assertEqual([request for _, request in got if not self.may_be_whole(row)], [])
            return
        self.assertEqual([one.broken for one in heard], [""] * len(heard), "a strict parser finds fault")
        (fields_of, _), = got
        for name, value in row.holds:
            self.assertIn((name, value), fields_of)
        for name in row.lacks:
            self.assertNotIn(name, dict(fields_of))

    def check_seen(self, witness):
        """Every witness has seen the same requests, and no other, in the same order; and so has the event store."""
        host = f"{lanes.HOST}:{witness.port}"
        expected, tolerated = [], []
        for path, row in self.rows(witness):
            method, body = row.seen
            request = (method, row.target.replace("{t}", path), host, body)
            tolerated += [request] if self.may_be_whole(row) else []
            expected += [] if row.status else [request]
            expected.append(("GET", f"/canary{path}", host, ""))
        def seen():
            told = [(one["method"], one["target"], one["host"], one["body"]) for one in witness.requests()]
            return [one for one in told if one not in tolerated]
        wait.until(lambda: len(seen()) >= len(expected), f"{len(expected)} requests at {witness.name}")
        self.assertEqual(seen(), expected, witness.name)
        told = self.store.wait_for_events(f"dstport eq {witness.port} and status = 200", count=len(expected))
        urls = [re.sub("^https://", "", event["url"]) for event in told]
        self.assertEqual(sorted(urls), sorted(host + target.partition("?")[0] for _, target, _, _ in expected))


class ToHttp2(Streams):
    ORIGIN = "h2"

    def test_streams(self):
        self.check_rows()


class ToHttp1(Streams):
    ORIGIN = "http/1.1"

    def test_streams(self):
        self.check_rows()


if __name__ == "__main__":
    unittest.main()
