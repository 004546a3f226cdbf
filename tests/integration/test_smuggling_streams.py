"""HTTP/2 requests that would smuggle, frame by frame, through interception to three witnesses: python3-h2 (or h11) on
an origin that keeps what it got, Node, and nginx. Each must have seen exactly what passes, and the stream behind each
row must get its own answer."""
import re
import unittest

import hpack

from tests.support import lanes, smuggled_streams, wait
from tests.support.h2_frames import (ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, NO_ERROR, PREFACE,
                                     PROTOCOL, SETTINGS, WINDOW, Raw, fields, frame, number)

FRAME_BYTES_MAX = 16384


def message(stream, head, body=(), trailers=()):
    """Frames of one request, whatever its fields are."""
    parts = [(HEADERS, head), *((DATA, part) for part in body), *([(HEADERS, trailers)] if trailers else [])]
    frames = b""
    for at, (kind, part) in enumerate(parts):
        end = END_STREAM if at == len(parts) - 1 else 0
        frames += frame(DATA, end, stream, part) if kind == DATA else block(stream, fields(*part), end)
    return frames


def block(stream, data, end):
    pieces = [data[at:at + FRAME_BYTES_MAX] for at in range(0, len(data), FRAME_BYTES_MAX)]
    frames = b""
    for at, piece in enumerate(pieces):
        last = END_HEADERS if at == len(pieces) - 1 else 0
        frames += frame(HEADERS, end | last, stream, piece) if at == 0 else frame(CONTINUATION, last, stream, piece)
    return frames


class Talk:
    """A connection on which streams are asked one after the other."""

    def __init__(self, sock):
        self.raw = Raw(sock, PREFACE + frame(SETTINGS) + frame(SETTINGS, ACK) + frame(WINDOW, 0, 0, number(1 << 24)))
        self.stream = -1
        self._decoder = hpack.Decoder()
        self._decoded = 0

    def ask(self, head, body=(), trailers=()):
        """(status, body) of the answer, or (RESET, "") and so on."""
        self.stream += 2
        self.raw.send(message(self.stream, head, body, trailers))
        self.raw.until(lambda: self.stream in self.raw.resets or self._whole())
        status, text = None, b""
        for kind, _, stream, payload in self.raw.frames[self._decoded:]:
            pairs = self._decoder.decode(payload) if kind == HEADERS else ()
            if stream != self.stream:
                continue
            status = int(dict(pairs).get(":status", status or 0)) or status
            text += payload if kind == DATA else b""
        self._decoded = len(self.raw.frames)
        code = self.raw.resets.get(self.stream, NO_ERROR)
        if code != NO_ERROR:
            return (smuggled_streams.RESET if code == PROTOCOL else f"reset with {code}"), ""
        return status, text.decode("latin-1")

    def _whole(self):
        return any(kind in (HEADERS, DATA) and flags & END_STREAM and stream == self.stream
                   for kind, flags, stream, _ in self.raw.frames[self._decoded:])


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
            talk = Talk(self.open(witness.port, "h2"))
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
                    talk = Talk(self.open(witness.port, "h2"))
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
