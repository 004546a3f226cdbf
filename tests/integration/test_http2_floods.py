"""Floods that cost a peer little and could cost us much: the connection ends with the right code, work and memory stay
bounded, and other clients are served meanwhile. Against the tunnel listener and inside interception."""
import os
import threading
import time

from tests.integration import test_http2_conformance as conformance
from tests.support import process, wait
from tests.support.h2_frames import (CALM, CANCEL, CONTINUATION, DATA, END_STREAM, HEADERS, PING, PRIORITY, PROTOCOL,
                                     RST, SETTINGS, WINDOW, bomb, field, frame, headers, number, setting)

FRAMES = 100_000
# What a flood of that many frames may cost at most. The sanitizers keep what was freed: their share is in it.
CPU_SECONDS_MAX = 10
GROWTH_BYTES_MAX = 160 << 20
OTHERS_SECONDS_MAX = 5


def floods(block):
    """name: (frames of the i-th round, stream 1 is open when it begins)"""
    stream = lambda i: 2 * i + 3
    reset = lambda i: frame(RST, 0, stream(i), number(CANCEL))
    return {
        "rapid reset": lambda i: headers(stream(i), block, 0) + reset(i),
        "made you reset: window": lambda i: headers(stream(i), block, 0) + frame(WINDOW, 0, stream(i), number(0)),
        "made you reset: overflow":
            lambda i: headers(stream(i), block, 0) + frame(WINDOW, 0, stream(i), number(0x7fffffff)),
        "made you reset: field": lambda i: headers(stream(i), block + field("Upper", "x")),
        "ping": lambda i: frame(PING, payload=b"12345678"),
        "settings": lambda i: frame(SETTINGS, 0, 0, setting(4, 65535 + i % 2)),
        "priority": lambda i: frame(PRIORITY, 0, stream(i), number(0) + b"x"),
        "windows": lambda i: frame(WINDOW, 0, 0, number(1)),
        "empty content": lambda i: frame(DATA, 0, 1),
        "continuation": lambda i: frame(CONTINUATION, 0, 3, field("x", "y")) if i else
            frame(HEADERS, END_STREAM, 3, block),
    }


class Floods:
    def cpu_seconds(self):
        with open(f"/proc/{self.proxy.program.process.pid}/stat", encoding="ascii") as text:
            user, system = text.read().rsplit(")", 1)[1].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def others(self, stop, waits):
        """Requests of somebody else, one after the other, each on its own stream."""
        raw = self.connect()
        for stream in range(1, 1 << 20, 2):
            if stop.is_set():
                return
            began = time.monotonic()
            raw.send(headers(stream, self.block, 0) + frame(DATA, END_STREAM, stream, b"x"))
            raw.until(lambda number=stream: raw.answered(number))
            waits.append(time.monotonic() - began if raw.answered(stream) else float("inf"))
            raw.frames.clear()

    def flood(self, make):
        """(GOAWAY's code, frames sent, CPU seconds, growth in bytes, longest wait of others)"""
        stop, waits = threading.Event(), []
        other = threading.Thread(target=self.others, args=(stop, waits))
        other.start()
        wait.until(lambda: waits, "somebody else's first answer")
        cpu, memory = self.cpu_seconds(), process.resident_bytes(self.proxy.program.process.pid)
        raw = self.connect()
        raw.send(headers(1, self.block, 0))
        sent = 0
        while sent < FRAMES and not raw.closed:
            raw.send(b"".join(make(i) for i in range(sent, sent + 500)))
            sent += 500
        raw.until(lambda: False) if raw.closed else raw.settle()
        growth = process.resident_bytes(self.proxy.program.process.pid) - memory
        cpu = self.cpu_seconds() - cpu
        stop.set()
        other.join()
        raw.close()
        return raw.goaway, sent, cpu, growth, max(waits)

    def test_floods(self):
        for name, make in floods(self.block).items():
            with self.subTest(name):
                goaway, sent, cpu, growth, waited = self.flood(make)
                print(f"{type(self).__name__} {name}: GOAWAY {goaway} within {sent} rounds, CPU {cpu:.2f} s, "
                      f"memory {growth / 1e6:+.1f} MB, others waited {waited * 1000:.0f} ms", flush=True)
                # A close with our bytes unread may reach the peer as a reset that takes GOAWAY with it.
                # To open a window by nothing may be an error of the connection (RFC 9113 section 6.9): it is.
                self.assertIn(goaway, (PROTOCOL,) if name == "made you reset: window" else (CALM, None))
                self.assertLess(cpu, CPU_SECONDS_MAX)
                self.assertLess(growth, GROWTH_BYTES_MAX)
                self.assertLess(waited, OTHERS_SECONDS_MAX)

    def test_bombs(self):
        """Ten heads of 16 KB that would be 60 MB each."""
        raw = self.connect()
        memory = process.resident_bytes(self.proxy.program.process.pid)
        raw.send(headers(1, bomb(self.block, 12_000), 0))
        for stream in range(3, 21, 2):
            raw.send(headers(stream, self.block + b"\xbe" * 16_000, 0))
        raw.until(lambda: all(raw.answered(stream) or stream in raw.resets for stream in range(1, 21, 2)))
        self.assertIsNone(raw.goaway)
        self.assertLess(process.resident_bytes(self.proxy.program.process.pid) - memory, GROWTH_BYTES_MAX)


class TunnelListener(Floods, conformance.TunnelListener):
    test_first_bytes = test_sections = test_a_sender_keeps_the_windows = None


class Intercepted(Floods, conformance.Intercepted):
    test_first_bytes = test_sections = test_messages = None
