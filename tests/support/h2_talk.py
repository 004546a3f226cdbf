"""Requests of HTTP/2 that no library would send, and their answers, one after the other on one connection."""
import hpack

from tests.support.h2_frames import (ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, NO_ERROR, PREFACE,
                                     SETTINGS, WINDOW, Raw, fields, frame, number)

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
        """(status, body) of the answer; of a reset, the code below zero."""
        self.stream += 2
        self.raw.send(message(self.stream, head, body, trailers))
        self.raw.until(lambda: self.stream in self.raw.resets or self._whole())
        status, text = None, b""
        for kind, _, stream, payload in self.raw.frames[self._decoded:]:
            pairs = self._decoder.decode(payload, raw=True) if kind == HEADERS else ()
            if stream != self.stream:
                continue
            status = int(dict(pairs).get(b":status", status or 0)) or status
            text += payload if kind == DATA else b""
        self._decoded = len(self.raw.frames)
        code = self.raw.resets.get(self.stream, NO_ERROR)
        if code != NO_ERROR:
            return -code, ""
        return status, text.decode("latin-1")

    def _whole(self):
        return any(kind in (HEADERS, DATA) and flags & END_STREAM and stream == self.stream
                   for kind, flags, stream, _ in self.raw.frames[self._decoded:])
